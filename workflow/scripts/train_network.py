"""Train one network; leave its snapshots, the last one apart, and the running loss of every epoch.

Snapshots are made in a state folder that no rule declares, as Snakemake deletes a killed job's outputs; the next try goes on
from them. They are moved to their place when all are there.
"""

from job import alone, die_with_parent, job

with job(snakemake) as progress:
    die_with_parent()

    import os
    import shutil

    import torch

    from agop_dnc.data import prepared
    from agop_dnc.labels import signed_one_hot
    from agop_dnc.models import networks, training
    from agop_dnc.models.settings import TrainingSettings
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), TrainingSettings(**params.training)
    device = select_device(params.device, params.threads, params.tf32)
    arrays = prepared.load_labelled(snakemake.input.data, params.labels, seed).arrays(torch.float32).to(device)
    x = arrays.x_train.reshape(-1, *arrays.image_shape)
    Y = signed_one_hot(arrays.y_train).float()
    if wildcards.architecture != "mlp":
        prepared.check_convnet(wildcards.dataset, wildcards.architecture, arrays.image_shape)
    training.check_batches(wildcards.architecture, len(x), settings.batch_size)
    network = networks.build(wildcards.architecture, arrays.image_shape, Y.shape[1], seed=seed, **params.network)
    # A state made with other settings, code or data is another state; those of the same network that nothing needs any more go.
    state = training.state_folder(params.state, params.training, params.network, params.code, arrays)
    done = max(training.snapshots(state), default=0) if state.exists() else 0
    bar = progress(
        total=settings.epochs * len(x),
        initial=done * len(x),
        desc=f"epoch {done} of {settings.epochs}",
        unit=" samples",
        unit_scale=True,
        bar_format="{desc}, {rate_fmt}, {elapsed} gone, {remaining} left",
    )

    def tell(epoch, loss):
        bar.set_description_str(f"epoch {epoch} of {settings.epochs}, loss {loss:.3g}", refresh=False)
        bar.update(epoch * len(x) - bar.n)

    with alone(state), bar:
        losses = training.train(network.to(device), x, Y, settings, seed, state, tell)
        labels = {"dataset": wildcards.dataset, "architecture": wildcards.architecture, "seed": seed}
        rows = [labels | {"epoch": e, "metric": "running_loss", "value": v} for e, v in enumerate(losses, start=1)]
        tables.write(rows, params.columns["training"], snakemake.output.losses)
        shutil.copyfile(training.snapshots(state)[settings.epochs], snakemake.output.last)
        shutil.rmtree(snakemake.output.snapshots, ignore_errors=True)
        os.replace(state, snakemake.output.snapshots)
        training.remove_states(params.state)
