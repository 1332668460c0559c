"""Maximise Theorem 5.4's objective over kernel matrices, for several problems and from several starts."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.kernel_learning import rows

    params, settings = snakemake.params, snakemake.params.settings
    select_device("cpu", params.threads)
    length, steps = settings["step_length"], settings["steps"]
    curves, found = [], []
    for problem in progress(settings["problems"], unit="problems"):
        parts = rows.kernel_learning_rows(**problem, length=length, steps=steps, seed=params.seed)
        curves += parts[0]
        found += parts[1]
    predictions = ({"study": "kernel_learning"} | row for row in found)
    tables.write(curves, params.columns["kernel_learning"], snakemake.output.curves)
    tables.write(predictions, params.columns["predictions"], snakemake.output.predictions)
