"""Run Theorem 5.3's iteration for each κ and ratio, on Gaussian data and on datasets."""

from job import job

with job(snakemake):
    from agop_dnc import data, devices, tables, theory_runs

    params, settings = snakemake.params, snakemake.params.settings
    devices.select("cpu", params.threads)
    sources = {"gaussian": theory_runs.gaussian_gram(settings["classes"], settings["per_class"], params.seed)}
    for name, path in zip(params.datasets, snakemake.input, strict=True):
        arrays = data.load(path).arrays()
        sources[name] = theory_runs.dataset_gram(arrays.x_train, arrays.y_train, settings["dataset_per_class"])
    curves, found = [], []
    for name, (A, y) in sources.items():
        parts = theory_runs.of_iteration(name, A, y, settings["map_ridge"], settings["ratios"], settings["depth"])
        curves += parts[0]
        found += parts[1]
    tables.write(curves, tables.ITERATION, snakemake.output.curves)
    tables.write(found, tables.THEORY, snakemake.output.table)
