"""Write the report's start page, the complete configuration, and the index of a run's rendered notebooks with the links between them."""

from job import job

with job(snakemake):
    import os
    from pathlib import Path

    import pandas as pd
    import yaml

    from agop_dnc.files import write_text
    from agop_dnc.pipeline import page, report, tables
    from agop_dnc.studies.verdicts import notes

    params, output = snakemake.params, snakemake.output
    names = [Path(path).name for path in snakemake.input.notebooks]
    titles = dict(zip(names, params.titles, strict=True))
    pictures = [os.path.relpath(picture, Path(output.index).parent) for picture in snakemake.input.pictures]
    counts = places = pd.DataFrame()
    if snakemake.input.claims:
        verdicts = notes.read(tables.read(snakemake.input.claims))
        counts, places = notes.summary(verdicts), notes.places(verdicts)
    run, seeds = params.configuration["run"], params.configuration["seeds"]
    write_text(output.start, report.start_page(counts, run, params.datasets, seeds))
    write_text(output.configuration, yaml.safe_dump(params.configuration, allow_unicode=True, width=100))
    write_text(output.index, report.index_page(places, titles, dict(zip(names, pictures, strict=True))))
    write_text(output.links, page.links({name: title.partition(":")[0] for name, title in titles.items()}))
