"""Train one network; store its snapshots, its last snapshot separately, and the running loss of every epoch.

Snapshots are first written to a state folder that no rule declares, because Snakemake deletes the outputs of a killed job; the next
attempt resumes from them. They are moved to their destination when training is complete.
"""

from job import alone, job
from warm import die_with_parent

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
    # Each combination of settings, code and data has its own state folder. Obsolete ones of this network are removed at the end.
    state = training.state_folder(params.state, params.training, params.network, params.code, arrays)
    done = max(training.snapshots(state), default=0) if state.exists() else 0
    bar = progress(
        total=settings.epochs * len(x),
        initial=done * len(x),
        desc=f"epoch {done} of {settings.epochs}",
        unit=" samples",
        unit_scale=True,
        bar_format="{desc}, {rate_fmt}, {elapsed} elapsed, {remaining} left",
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
