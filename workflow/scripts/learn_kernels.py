"""Climb Theorem 5.4's objective over kernel matrices from several starts, for several problems."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.kernel_learning import rows as kernel_learning_rows

    params = snakemake.params
    select_device("cpu", params.threads)
    curves, found = [], []
    for problem in progress(params.problems, unit="problems"):
        parts = kernel_learning_rows.of_kernel_learning(
            **problem, length=params.length, steps=params.steps, seed=params.seed
        )
        curves += parts[0]
        found += parts[1]
    tables.write(curves, tables.KERNEL_LEARNING, snakemake.output.curves)
    tables.write(found, tables.THEORY, snakemake.output.table)
