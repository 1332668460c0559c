"""Measure the Neural Feature Ansatz in every convolution of the networks of all seeds, untrained and trained."""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.models import networks, training
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.convolutions import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    settings = params.settings
    device = select_device(params.device, params.threads, params.tf32)
    arrays = prepared.load(snakemake.input.data).arrays(torch.float32).to(device)
    classes, found = int(arrays.y_train.max()) + 1, []
    for seed, weights in progress(list(zip(params.seeds, snakemake.input.weights, strict=True)), unit="networks"):
        network = networks.build(wildcards.architecture, arrays.image_shape, classes, seed=seed, **params.network)
        network = network.to(device).eval()
        about = {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "seed": seed}
        for trained in (0, 1):
            if trained:
                training.load_snapshot(network, weights)
            measured = rows.measure(network, arrays, settings["n"], seed, settings["rotations"])
            found += [about | {"trained": trained} | row for row in measured]
    tables.write(found, params.columns["convolutions"], snakemake.output[0])
