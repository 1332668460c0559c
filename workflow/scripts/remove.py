"""Fit a Deep RFM with M½ replaced, or without its features, in every variant, and measure its layers."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.data import prepared
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import forecasts, tables
    from agop_dnc.pipeline.device import available_bytes, select_device
    from agop_dnc.studies.removals import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), DeepRfmSettings(**params.settings)
    device = select_device(params.device, params.threads)
    arrays = prepared.load(snakemake.input.data).arrays().to(device)
    n, d = arrays.x_train.shape
    needed = forecasts.deep_rfm_bytes(n, d, 0, settings.width, settings.precision)
    forecasts.check_memory(needed, available_bytes(device), n, settings.precision)
    labels = {"dataset": wildcards.dataset, "activation": wildcards.activation, "seed": seed}
    steps = rows.measure(arrays, settings, seed, params.variants)
    found = [labels | row for part in progress(steps, unit="layers") for row in part]
    tables.write(found, params.columns["removals"], snakemake.output[0])
