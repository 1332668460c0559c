"""Write the report's start page with the complete configuration, and the index of a run's rendered notebooks."""

from job import job

with job(snakemake):
    import os
    from pathlib import Path

    import pandas as pd
    import yaml

    from agop_dnc.files import write_text
    from agop_dnc.pipeline import report, tables
    from agop_dnc.studies.verdicts.notes import CLAIM_NAMES

    params, output = snakemake.params, snakemake.output
    verdicts = tables.read(snakemake.input.claims) if snakemake.input.claims else pd.DataFrame(columns=["claim"])
    verdicts = verdicts.assign(statement=verdicts.claim.map(CLAIM_NAMES))
    written = yaml.safe_dump(params.configuration, allow_unicode=True, width=100)
    run, seeds = params.configuration["run"], params.configuration["seeds"]
    names = [Path(path).name for path in snakemake.input.notebooks]
    titles = dict(zip(names, params.titles, strict=True))
    paths = [os.path.relpath(picture, Path(output.index).parent) for picture in snakemake.input.pictures]
    write_text(output.start, report.start_page(verdicts, run, params.datasets, seeds, written))
    write_text(output.configuration, written)
    write_text(output.index, report.index_page(verdicts, titles, dict(zip(names, paths, strict=True))))
