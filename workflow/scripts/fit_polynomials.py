"""Fit every model to points of one polynomial, for every number of points."""

from job import job

with job(snakemake) as progress:
    import numpy as np

    from agop_dnc.files import replacing
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.polynomials import rows

    params, target, seed = snakemake.params, snakemake.wildcards.target, int(snakemake.wildcards.seed)
    device, found, metrics = select_device(params.device, params.threads), [], {}
    for n in progress(sorted(params.settings["sizes"]), unit="sizes"):
        about = {"target": target, "n": n, "seed": seed}
        found += [about | row for row in rows.polynomial_rows(target, n, seed, params.settings, device, metrics)]
    tables.write(found, params.columns["polynomials"], snakemake.output.rows)
    with replacing(snakemake.output.metric) as temporary:
        np.savez(temporary, **rows.leading_blocks(metrics))
