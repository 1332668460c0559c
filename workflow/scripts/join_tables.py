"""Put the tables of several jobs one after another."""

from job import job

with job(snakemake):
    from agop_dnc.pipeline import tables

    table = tables.read(snakemake.input)
    tables.write(table, list(table.columns), snakemake.output[0])
