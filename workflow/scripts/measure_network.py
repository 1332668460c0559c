"""Measure a network at every snapshot: neural collapse, the Neural Feature Ansatz, losses and accuracies.

At the last snapshot the truncated ablation is measured too.
"""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.data import prepared
    from agop_dnc.models import networks, training
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.networks import rows

    params, wildcards, output = snakemake.params, snakemake.wildcards, snakemake.output
    seed = int(wildcards.seed)
    device = select_device(params.device, params.threads, params.tf32)
    arrays = prepared.load_labelled(snakemake.input.data, params.labels, seed).arrays(torch.float32).to(device)
    classes = int(arrays.y_train.max()) + 1
    network = networks.build(wildcards.architecture, arrays.image_shape, classes, seed=seed, **params.network).to(
        device
    )
    labels = {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "seed": seed}
    found = {name: [] for name in params.columns}
    snapshots = training.snapshots(snakemake.input.snapshots)
    for epoch, path in progress(snapshots.items(), unit="epochs"):
        training.load_snapshot(network, path)
        ranks = params.ranks if epoch == max(snapshots) else ()
        # The null takes as long as all the rest; it is asked of the untrained and of the trained network.
        rotations = 5 if epoch in (min(snapshots), max(snapshots)) else 0
        for name, measured in rows.measure(network, arrays, seed, ranks, rotations).items():
            found[name] += [labels | {"epoch": epoch} | row for row in measured]
    for name, columns in params.columns.items():
        tables.write(found[name], columns, output[name])
