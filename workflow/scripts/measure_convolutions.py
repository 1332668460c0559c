"""Measure the Neural Feature Ansatz in every convolution of one network, untrained and trained."""

from job import job

with job(snakemake):
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.models import networks, training
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.convolutions import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), params.settings
    device = select_device(params.device, params.threads, params.tf32)
    arrays = prepared.load(snakemake.input.data).arrays(torch.float32).to(device)
    classes = int(arrays.y_train.max()) + 1
    network = networks.build(wildcards.architecture, arrays.image_shape, classes, seed=seed, **params.network)
    network = network.to(device).eval()
    about = {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "seed": seed}
    found = []
    for trained in (0, 1):
        if trained:
            training.load_snapshot(network, snakemake.input.weights)
        measured = rows.measure(network, arrays, settings["n"], seed, settings["rotations"])
        found += [about | {"trained": trained} | row for row in measured]
    tables.write(found, params.columns["convolutions"], snakemake.output[0])
