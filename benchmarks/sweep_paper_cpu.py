"""Try the networks' settings of config/paper_cpu.yaml on the first 10,000 points, by training accuracy alone, one thread, seed 0.

`python benchmarks/sweep_paper_cpu.py DATA_ROOT` trains what is missing in benchmarks/sweep_paper_cpu.csv and appends a row per training:
the training accuracy after every `look_every` epochs. `cifar10_jpeg` is CIFAR-10 from JPEG images, in the npz file that CIFAR10_NPZ in the
environment names. The initialisation scales are the paper's.
"""

import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from sweep_digits import training_accuracy

from agop_dnc.data import datasets
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, training
from agop_dnc.models.settings import TrainingSettings

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("architecture", "dataset", "init_scale", "learning_rate", "momentum", "batch_size", "epochs", "look_every")
GRID = [
    ("mlp", "mnist", 0.2, 0.05, 0.0, 128, 500, 50),
    ("mlp", "mnist", 0.2, 0.05, 0.9, 128, 150, 25),
    ("mlp", "cifar10_jpeg", 0.3, 0.05, 0.9, 128, 100, 25),
    ("resnet18", "mnist", 0.2, 0.05, 0.9, 32, 12, 1),
    ("resnet18", "cifar10_jpeg", 0.2, 0.05, 0.9, 32, 13, 1),
]


def arrays_of(dataset: str, root: str) -> Any:
    """Return the first 10,000 training points of a dataset."""
    source = (
        {"source": "npz", "path": os.environ["CIFAR10_NPZ"]} if dataset == "cifar10_jpeg" else {"source": "torchvision"}
    )
    return datasets.prepare(dataset, source | {"n": 10_000, "n_test": 100}, root).arrays(torch.float32)


def accuracies(point: tuple[Any, ...], root: str) -> list[float]:
    """Return the training accuracies of one point of the grid."""
    architecture, dataset, scale, rate, momentum, batch_size, epochs, look_every = point
    arrays = arrays_of(dataset, root)
    x, y = arrays.x_train.reshape(-1, *arrays.image_shape), arrays.y_train
    network, found = networks.build(architecture, arrays.image_shape, 10, init_scale=scale, seed=0), []
    with tempfile.TemporaryDirectory() as folder:
        for done in range(look_every, epochs + 1, look_every):  # each goes on from the snapshot of the last
            settings = TrainingSettings(
                epochs=done, learning_rate=rate, momentum=momentum, batch_size=batch_size, measure_every=look_every
            )
            training.train(network, x, signed_one_hot(y).float(), settings, 0, folder)
            found.append(training_accuracy(network, x, y))
    return found


def main() -> None:
    torch.set_num_threads(1)
    if not TABLE.exists():
        TABLE.write_text(",".join([*COLUMNS, "training_accuracies"]) + "\n", encoding="utf-8")
    with TABLE.open(newline="", encoding="utf-8") as file:
        done = {tuple(row[name] for name in COLUMNS) for row in csv.DictReader(file)}
    for point in GRID:
        if tuple(map(str, point)) not in done:
            found = " ".join(f"{accuracy:.4f}" for accuracy in accuracies(point, sys.argv[1]))
            with TABLE.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerow([*point, found])


if __name__ == "__main__":
    main()
