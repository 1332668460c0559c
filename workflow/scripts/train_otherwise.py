"""Train an MLP in every way, and measure each before and after, for one seed."""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.other_training import rows
    from agop_dnc.studies.other_training.settings import WaysSettings

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), WaysSettings(**params.settings)
    device = select_device(params.device, params.threads)
    arrays = prepared.load(snakemake.input.data).arrays(torch.float32).to(device)
    about = {"dataset": wildcards.dataset, "seed": seed}
    parts = progress(rows.rows(arrays, settings, seed), total=len(settings.ways()), unit="networks")
    found = [about | row for part in parts for row in part]
    tables.write(found, params.columns["other_training"], snakemake.output[0])
