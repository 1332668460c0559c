"""Compare AGOPs of predictors with the expected one of a target, for every number of points and noise."""

from itertools import product

from job import job

with job(snakemake) as progress:
    from agop_dnc.data import synthetic
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.egop import rows

    params, name, seed = snakemake.params, snakemake.wildcards.target, int(snakemake.wildcards.seed)
    device, settings, found = select_device(params.device, params.threads), params.settings, []
    target = synthetic.target(name, settings["d"])
    for noise, n in progress(list(product(settings["noises"], sorted(settings["sizes"]))), unit="sizes"):
        about = {"target": name, "noise": noise, "n": n, "seed": seed}
        found += [about | row for row in rows.egop_rows(target, n, noise, seed, settings, device)]
    tables.write(found, params.columns["egop"], snakemake.output[0])
