"""Measure the training and test points of one trained network at every hidden layer."""

from job import job

with job(snakemake):
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.models import networks, training
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.generalisation import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    seed = int(wildcards.seed)
    device = select_device(params.device, params.threads, params.tf32)
    arrays = prepared.load(snakemake.input.data).arrays(torch.float32).to(device)
    classes = int(arrays.y_train.max()) + 1
    network = networks.build(wildcards.architecture, arrays.image_shape, classes, seed=seed, **params.network)
    training.load_snapshot(network.to(device), snakemake.input.weights)
    about = {"dataset": wildcards.dataset, "model": wildcards.architecture, "seed": seed}
    found = [about | row for row in rows.network_rows(network, arrays)]
    tables.write(found, params.columns["generalisation"], snakemake.output[0])
