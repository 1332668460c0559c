"""Collect the costs of all jobs of the run in one table."""

from job import job

with job(snakemake):
    from agop_dnc.pipeline import costs, tables

    tables.write(costs.collect(snakemake.params.folder), costs.COLUMNS, snakemake.output[0])
