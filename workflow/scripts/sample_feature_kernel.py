"""Sample the inner product of ReLU features at many angles and widths, next to its expectation (Proposition A.1)."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.feature_kernel import rows

    params = snakemake.params
    select_device("cpu", params.threads)
    found = []
    for seed in progress(params.seeds, unit="seeds"):
        found += rows.feature_kernel_rows(seed, params.widths, params.angles, params.draws)
    tables.write(found, params.columns["feature_kernel"], snakemake.output[0])
