"""The SVD ablation of a network at every snapshot; at the last, truncated too, and with the AGOP's root in SVᵀ's place."""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.collapse.network import COMPONENTS, ablation_rows, gradient_outer_products
    from agop_dnc.data import datasets
    from agop_dnc.models import networks, training
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device

    params, wildcards = snakemake.params, snakemake.wildcards
    seed = int(wildcards.seed)
    device = select_device(params.device, params.threads, params.tf32)
    arrays = datasets.load_labelled(snakemake.input.data, params.labels, seed).arrays(torch.float32).to(device)
    x, y = arrays.x_train.reshape(-1, *arrays.image_shape), arrays.y_train
    classes = int(y.max()) + 1
    network = networks.build(wildcards.architecture, arrays.image_shape, classes, seed=seed, **params.network).to(
        device
    )
    names = networks.hidden_names(network)

    labels = {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "seed": seed}
    curves, truncations, snapshots = [], [], training.snapshots(snakemake.input.snapshots)
    for epoch, path in progress(snapshots.items(), unit="epochs"):
        training.load_snapshot(network, path)
        last = epoch == max(snapshots)
        S = gradient_outer_products(network, x, y, names) if last else None
        ablated = ablation_rows(network, x, y, names, params.ranks if last else [], S)
        for row in ablated:
            (curves if row["component"] in COMPONENTS else truncations).append(labels | {"epoch": epoch} | row)
    tables.write(curves, tables.NETWORKS, snakemake.output.ablation)
    tables.write(truncations, tables.NETWORKS, snakemake.output.truncation)
