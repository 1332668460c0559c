"""Write the report's start page with the whole configuration, and the index of a run's rendered notebooks."""

from job import job

with job(snakemake):
    import os
    from pathlib import Path

    import pandas as pd
    import yaml

    from agop_dnc import notes
    from agop_dnc.pipeline import report, tables

    params, output = snakemake.params, snakemake.output
    verdicts = tables.read(snakemake.input.claims) if snakemake.input.get("claims") else pd.DataFrame()
    written = yaml.safe_dump(params.configuration, allow_unicode=True, width=100)
    run, seeds = params.configuration["run"], params.configuration["seeds"]
    names = [Path(path).name for path in snakemake.input.notebooks]
    titles = {name: notes.figure_title(Path(name).stem) for name in names}
    paths = [os.path.relpath(picture, Path(output.index).parent) for picture in snakemake.input.pictures]
    pages = {
        output.start: report.start_page(verdicts, run, params.datasets, seeds, written),
        output.configuration: written,
        output.index: report.index_page(verdicts, titles, dict(zip(names, paths, strict=True))),
    }
    for path, text in pages.items():
        Path(path).write_text(text, encoding="utf-8")
