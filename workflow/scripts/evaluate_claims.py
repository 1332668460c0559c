"""Judge the papers' claims by the run's tables."""

from job import job

with job(snakemake):
    from agop_dnc import notes
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.judging import Context
    from agop_dnc.studies.verdicts import claims

    params, given = snakemake.params, dict(snakemake.input.items())
    class_sizes = {name: notes.facts(given.pop(f"facts_{name}"))["class_sizes"] for name in params.datasets}
    settings = {(run["dataset"], run["model"]): run["settings"] for run in params.settings}
    found = {name: tables.read(path) for name, path in given.items()}
    verdicts, values = claims.evaluate(found, Context(class_sizes, settings))
    tables.write(verdicts, params.columns["claims"], snakemake.output.claims)
    tables.write(values, params.columns["claims_evidence"], snakemake.output.claims_evidence)
