"""Write the report's start page, and the configuration of the run with every default filled in."""

from job import job

with job(snakemake):
    from pathlib import Path

    import pandas as pd
    import yaml

    from agop_dnc import report, tables

    config = snakemake.params.configuration
    verdicts = tables.read(snakemake.input.claims) if snakemake.input.get("claims") else pd.DataFrame()
    written = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
    page = report.start_page(verdicts, config["run"], snakemake.params.datasets, config["seeds"], written)
    Path(snakemake.output.page).write_text(page, encoding="utf-8")
    Path(snakemake.output.configuration).write_text(written, encoding="utf-8")
