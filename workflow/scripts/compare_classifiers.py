"""Tune and test classifiers on the folds of one set."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.tabular import rows

    params, name = snakemake.params, snakemake.wildcards.set
    select_device("cpu", params.threads)
    table = rows.read(name, params.folder, params.seed)
    found = progress(rows.tabular_rows(table, params.seed, params.settings), unit="rows")
    tables.write(({"dataset": name} | row for row in found), params.columns["tabular"], snakemake.output[0])
