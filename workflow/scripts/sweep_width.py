"""Follow NC1 and NC2 through the Deep RFMs of one width, seed by seed."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.data import prepared
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.widths import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    device = select_device(params.device, params.threads)
    arrays, settings = prepared.load(snakemake.input.data).arrays().to(device), DeepRfmSettings(**params.settings)
    about = {"dataset": wildcards.dataset, "activation": wildcards.activation}
    found = (row for seed in params.seeds for row in rows.measure(arrays.x_train, arrays.y_train, settings, seed))
    total = len(params.seeds) * settings.depth * len(rows.METRICS)
    tables.write(
        [about | row for row in progress(found, total=total, unit="rows")],
        params.columns["widths"],
        snakemake.output[0],
    )
