"""Fit one Deep RFM and measure its layers."""

from job import job

with job(snakemake) as progress:
    import numpy as np

    from agop_dnc.data import prepared
    from agop_dnc.files import replacing
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import forecasts, tables
    from agop_dnc.pipeline.device import available_bytes, select_device
    from agop_dnc.studies.deep_rfm import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), DeepRfmSettings(**params.settings)
    device = select_device(params.device, params.threads)
    arrays = prepared.load_labelled(snakemake.input.data, params.labels, seed).arrays().to(device)
    n, d = arrays.x_train.shape
    needed = forecasts.deep_rfm_bytes(n, d, len(arrays.x_test), settings.width, settings.precision)
    forecasts.check_memory(needed, available_bytes(device), n, settings.precision)

    found, grams = [], {}
    measurements = rows.measure(arrays, settings, seed, params.gram_layers)
    for measured in progress(measurements, total=settings.depth + 1, unit="layers"):
        found += measured.rows
        grams |= {f"layer_{layer}": gram.cpu().numpy().astype(np.float16) for layer, gram in measured.grams.items()}
    labels = {"dataset": wildcards.dataset, "activation": wildcards.activation, "seed": seed}
    tables.write([labels | row for row in found], params.columns["deep_rfm"], snakemake.output.table)
    if hasattr(snakemake.output, "gram"):
        grams["labels"] = arrays.y_train[rows.gram_points(arrays.y_train)].cpu().numpy()
        with replacing(snakemake.output.gram) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **grams)
