"""Write the index page of a run's rendered notebooks."""

from job import job

with job(snakemake):
    import os
    from pathlib import Path

    import pandas as pd

    from agop_dnc import reading, report, tables

    output = Path(snakemake.output[0])
    verdicts = tables.read(snakemake.input.claims) if snakemake.input.get("claims") else pd.DataFrame()
    names = [Path(path).name for path in snakemake.input.notebooks]
    titles = {name: reading.figure_title(Path(name).stem) for name in names}
    pictures = {
        name: os.path.relpath(picture, output.parent)
        for name, picture in zip(names, snakemake.input.pictures, strict=True)
    }
    output.write_text(report.index_page(verdicts, titles, pictures), encoding="utf-8")
