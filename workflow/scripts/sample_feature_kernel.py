"""Sample the inner product of ReLU features at many angles and widths, beside its expectation (Proposition A.1)."""

from job import job

with job(snakemake) as progress:
    import math

    import torch

    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.randomness import generator
    from agop_dnc.studies.feature_kernel import arc_cosine

    params = snakemake.params
    select_device("cpu", params.threads)
    theta = torch.linspace(0, math.pi, params.angles, dtype=torch.float64)
    expected, rows = arc_cosine.arc_cosine_kernel(theta), []
    for seed in progress(params.seeds, unit="seeds"):
        for width in params.widths:
            products = arc_cosine.sampled_kernel(theta, width, params.draws, generator(seed, "feature kernel", width))
            mean, variance = products.mean(0), products.var(0)
            for i, angle in enumerate(theta.tolist()):
                found = {"mean": mean[i], "variance": variance[i], "expected": expected[i], "draws": params.draws}
                rows += [
                    {"seed": seed, "width": width, "angle": angle, "metric": metric, "value": float(value)}
                    for metric, value in found.items()
                ]
    tables.write(rows, tables.FEATURE_KERNEL, snakemake.output[0])
