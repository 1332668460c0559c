"""Summarise the Neural Feature Ansatz at the end of training."""

from job import job

with job(snakemake):
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.networks import notes

    summary = notes.nfa_summary(tables.read(snakemake.input[0]))
    tables.write(summary, snakemake.params.columns["nfa_summary"], snakemake.output[0])
