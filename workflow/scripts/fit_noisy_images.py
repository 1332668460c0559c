"""Fit convolutional RFMs to stars in noise, for every number of images."""

from job import job

with job(snakemake) as progress:
    import numpy as np

    from agop_dnc.files import replacing
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.noisy_images import rows

    params, seed = snakemake.params, int(snakemake.wildcards.seed)
    select_device("cpu", params.threads)
    found, shown = [], {}
    for n in progress(sorted(params.settings["sizes"]), unit="sizes"):
        measured, shown = rows.stars_rows(n, seed, params.settings)
        found += [{"dataset": "stars"} | row for row in measured]
    tables.write(found, params.columns["noisy_images"], snakemake.output.rows)
    with replacing(snakemake.output.images) as temporary:
        np.savez(temporary, **{name: value.numpy().astype(np.float32) for name, value in shown.items()})
