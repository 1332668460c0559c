"""Join the parts of a table, one after another."""

from job import job

with job(snakemake):
    from agop_dnc.pipeline import tables

    tables.write(tables.read(snakemake.input), snakemake.params.columns, snakemake.output[0])
