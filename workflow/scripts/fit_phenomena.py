"""Fit models to one dataset's images with a star, in pairs and with few pixels."""

from job import job

with job(snakemake) as progress:
    import numpy as np

    from agop_dnc.data import prepared
    from agop_dnc.files import replacing
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.phenomena import images, rows

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, device = int(wildcards.seed), select_device(params.device, params.threads)
    train, test = images.pixels(prepared.load(snakemake.input.data))
    hard = next((images.pixels(prepared.load(path)) for path in snakemake.input.hard), None)
    shown = {}
    given = (params.settings, seed, device, shown.__setitem__)
    found = {
        "spurious_features": rows.spurious_rows(train, test, *given),
        "simplicity_bias": rows.bias_rows(train, test, hard, *given) if params.paired else (),
        "lottery_tickets": rows.ticket_rows(train, test, *given),
    }
    about = {"dataset": wildcards.dataset, "seed": seed}
    for name, part in found.items():
        measured = [about | row for row in progress(part, unit=f"rows of {name}")]
        tables.write(measured, params.columns[name], snakemake.output[name])
    with replacing(snakemake.output.images) as temporary:
        np.savez(temporary, **{name: image.cpu().numpy().astype(np.float32) for name, image in shown.items()})
