"""Train one MLP from a given scale to a given loss, and measure it before and after."""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.scales import rows
    from agop_dnc.studies.scales.settings import TrainToSettings

    params, wildcards = snakemake.params, snakemake.wildcards
    scale, seed, settings = float(wildcards.scale), int(wildcards.seed), TrainToSettings(**params.settings)
    device = select_device(params.device, params.threads)
    arrays = prepared.load(snakemake.input.data).arrays(torch.float32).to(device)
    with progress(total=settings.epochs, unit="epochs at most") as bar:
        found = list(rows.measure(arrays, scale, settings, seed, lambda epoch, loss: bar.update(epoch - bar.n)))
    about = {"dataset": wildcards.dataset, "scale": scale, "seed": seed}
    tables.write([about | row for row in found], params.columns["scales"], snakemake.output[0])
