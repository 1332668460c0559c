"""Run Theorem 5.3's iteration for each κ and ratio, on Gaussian data and on datasets."""

from job import job

with job(snakemake):
    from agop_dnc.data import prepared
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.collapse_iteration import rows

    params, settings = snakemake.params, snakemake.params.settings
    select_device("cpu", params.threads)
    sources = {"gaussian": rows.gaussian_gram(settings["classes"], settings["per_class"], params.seed)}
    for name, path in zip(params.datasets, snakemake.input, strict=True):
        arrays = prepared.load(path).arrays()
        sources[name] = rows.dataset_gram(arrays.x_train, arrays.y_train, settings["dataset_per_class"])
    curves, found = [], []
    for name, (A, y) in sources.items():
        parts = rows.iteration_rows(name, A, y, settings["map_ridge"], settings["ratios"], settings["depth"])
        curves += parts[0]
        found += parts[1]
    predictions = ({"study": "collapse_iteration"} | row for row in found)
    tables.write(curves, params.columns["collapse_iteration"], snakemake.output.curves)
    tables.write(predictions, params.columns["predictions"], snakemake.output.predictions)
