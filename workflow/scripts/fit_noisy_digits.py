"""Fit a convolutional RFM to digits in noise."""

from job import job

with job(snakemake):
    import numpy as np

    from agop_dnc.data import prepared
    from agop_dnc.files import replacing
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.noisy_images import rows

    params, seed = snakemake.params, int(snakemake.wildcards.seed)
    select_device("cpu", params.threads)
    found, shown = rows.digits_rows(prepared.load(snakemake.input.data), seed, params.settings)
    about = {"dataset": params.settings["dataset"]}
    tables.write([about | row for row in found], params.columns["noisy_images"], snakemake.output.rows)
    with replacing(snakemake.output.images) as temporary:
        np.savez(temporary, **{name: value.numpy().astype(np.float32) for name, value in shown.items()})
