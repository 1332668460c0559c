"""Put the tables of all networks together, and sum up the Neural Feature Ansatz at the end of training."""

from job import job

with job(snakemake):
    from pathlib import Path

    from agop_dnc import notes
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.networks import notes as networks_notes

    for kind in ("networks", "ablation", "nfa", "training"):
        joined = tables.read(snakemake.input[kind])
        tables.write(joined, list(joined.columns), snakemake.output[kind])
    summary = networks_notes.nfa_summary(tables.read(snakemake.input["nfa"]))
    tables.write(summary, list(summary.columns), snakemake.output.nfa_summary)
    Path(snakemake.output.nfa_markdown).write_text(notes.markdown(summary), encoding="utf-8")
