"""Measure a network at every snapshot: neural collapse, the Neural Feature Ansatz, losses and accuracies."""

from job import job

with job(snakemake) as progress:
    import torch

    from agop_dnc.collapse.network import loss_and_accuracy, measure
    from agop_dnc.data import datasets
    from agop_dnc.models import networks, training
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device

    params, wildcards = snakemake.params, snakemake.wildcards
    seed = int(wildcards.seed)
    device = select_device(params.device, params.threads, params.tf32)
    arrays = datasets.load_labelled(snakemake.input.data, params.labels, seed).arrays(torch.float32).to(device)
    x, x_test = (part.reshape(-1, *arrays.image_shape) for part in (arrays.x_train, arrays.x_test))
    classes = int(arrays.y_train.max()) + 1
    network = networks.build(wildcards.architecture, arrays.image_shape, classes, seed=seed, **params.network).to(
        device
    )
    names = networks.hidden_names(network)

    labels = {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "seed": seed}
    layers, nfa, training_rows = [], [], []
    for epoch, path in progress(training.snapshots(snakemake.input.snapshots).items(), unit="epochs"):
        training.load_snapshot(network, path)
        table = measure(network, x, arrays.y_train, names, seed=seed)
        here = labels | {"epoch": epoch}
        for row in table.to_dict("records"):
            if row["component"] == "nfa":
                nfa.append(here | {"layer": row["layer"], "target": row["metric"], "value": row["value"]})
            elif row["component"] == "network":
                metric = {"loss": "train_loss", "accuracy": "train_accuracy"}.get(row["metric"], row["metric"])
                training_rows.append(here | {"metric": metric, "value": row["value"]})
            else:
                layers.append(here | row)
        if len(x_test):
            tested = loss_and_accuracy(network, x_test, arrays.y_test, classes)
            training_rows += [here | {"metric": f"test_{name}", "value": value} for name, value in tested.items()]
    tables.write(layers, tables.NETWORKS, snakemake.output.networks)
    tables.write(nfa, tables.NFA, snakemake.output.nfa)
    tables.write(training_rows, tables.TRAINING, snakemake.output.training)
