"""Train MLPs with a learned readout and with a fixed one, for one seed."""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.uses import readouts
    from agop_dnc.studies.uses.settings import ReadoutJobSettings

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), ReadoutJobSettings(**params.settings)
    device = select_device(params.device, params.threads)
    arrays = prepared.load(snakemake.input.data).arrays(torch.float32).to(device)
    about = {"dataset": wildcards.dataset, "seed": seed}
    parts = progress(readouts.readout_rows(arrays, settings, seed), unit="networks")
    found = [about | row for part in parts for row in part]
    tables.write(found, params.columns["readouts"], snakemake.output[0])
