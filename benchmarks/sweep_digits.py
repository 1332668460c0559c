"""Choose the default run's learning rates, momenta, batch sizes and epochs, by training accuracy alone, one thread.

`python benchmarks/sweep_digits.py` trains what is missing in benchmarks/sweep_digits.csv and appends a row per training: the training
accuracy in evaluation mode, untrained first, after each of some evenly spaced epochs. It goes on to the end of the grid's CPU time, or
until two looks in a row find the points fitted (accuracy ≥ 0.99). `python benchmarks/sweep_digits.py mlp vgg11` does these
architectures alone, `--seeds 1 2` the cheapest point of each grid that fitted seed 0, with these seeds.

Rows of the grid `paper's scale` have the initialisation scales of the paper's Appendix D; `larger scale` asks how far a convnet's scale
must be raised until it fits in the time; `paper's scale, longer` whether ten minutes are enough at the paper's; `earlier` are those of
an earlier script, at scales chosen freely. The grid was extended while it ran, and ResNet-18's CPU time raised from 60 to 90 to 120
seconds: each row says how long it went on. The seconds were taken on a busy machine. Points without a row are trained by the next call.
"""

import argparse
import csv
import fcntl
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from agop_dnc.data import datasets
from agop_dnc.errors import UserError
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, training
from agop_dnc.models.settings import TrainingSettings

TABLE = Path(__file__).with_suffix(".csv")
FITTED = 0.99


class Point(NamedTuple):
    """One point of the grid; its fields are columns of the table."""

    grid: str
    dataset: str
    architecture: str
    learning_rate: float
    init_scale: float
    momentum: float
    batch_size: int


class Budget(NamedTuple):
    """The CPU seconds that a training may take, and the epochs between two looks at the accuracy."""

    seconds: float
    look_every: int


BUDGETS = {
    ("digits", "mlp"): Budget(20, 20),
    ("digits_random", "mlp"): Budget(40, 20),
    ("digits", "resnet18"): Budget(120, 2),
    ("digits", "vgg11"): Budget(75, 3),
}
LONGER = Budget(600, 10)

# More momentum and smaller batches than the paper's, as 1,500 points give few steps an epoch.
GRID = [
    *[
        Point("paper's scale", "digits", "mlp", rate, 0.3, momentum, batch_size)
        for rate, momentum, batch_size in [
            (0.05, 0.0, 128),
            (0.05, 0.9, 128),
            (0.1, 0.9, 128),
            (0.05, 0.95, 128),
            (0.05, 0.9, 32),
            (0.2, 0.0, 32),
        ]
    ],
    *[
        Point("paper's scale", "digits_random", "mlp", rate, 0.3, momentum, batch_size)
        for rate, momentum, batch_size in [(0.05, 0.9, 128), (0.1, 0.9, 128), (0.1, 0.9, 32), (0.05, 0.9, 32)]
    ],
    *[
        Point("paper's scale", "digits", "resnet18", rate, 0.2, momentum, batch_size)
        for rate, momentum, batch_size in [(0.1, 0.9, 32), (0.05, 0.95, 32), (0.03, 0.98, 32)]
    ],
    *[Point("larger scale", "digits", "resnet18", 0.05, scale, 0.9, 32) for scale in (0.5, 0.3)],
    *[Point("larger scale", "digits", "vgg11", 0.03, scale, 0.9, 32) for scale in (1.5, 1.0)],
    *[
        Point("paper's scale", "digits", "vgg11", rate, 0.3, momentum, batch_size)
        for rate, momentum, batch_size in [(0.01, 0.9, 32), (0.03, 0.95, 32), (0.03, 0.98, 32)]
    ],
    Point("paper's scale, longer", "digits", "resnet18", 0.05, 0.2, 0.9, 32),
    Point("paper's scale, longer", "digits", "vgg11", 0.03, 0.3, 0.9, 32),
]


def budget_of(point: Point) -> Budget:
    """Return the budget of a point of the grid."""
    return LONGER if point.grid == "paper's scale, longer" else BUDGETS[point.dataset, point.architecture]


@torch.no_grad()
def training_accuracy(network: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of points whose largest output is their class's, in evaluation mode."""
    return float((network.eval()(x).argmax(1) == y).double().mean())


def row(point: Point, seed: int) -> dict[str, Any]:
    """Train one point of the grid; return its row of the table."""
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 1500})
    if point.dataset == "digits_random":
        dataset = dataset.with_random_labels(seed)
    arrays, budget = dataset.arrays(torch.float32), budget_of(point)
    x, y = arrays.x_train.reshape(-1, *arrays.image_shape), arrays.y_train
    network = networks.build(point.architecture, arrays.image_shape, 10, init_scale=point.init_scale, seed=seed)
    accuracies, epochs, seconds = [training_accuracy(network, x, y)], 0, 0.0
    fields = point._asdict() | {"seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        while seconds < budget.seconds and min(accuracies[-2:]) < FITTED:
            epochs += budget.look_every
            settings = TrainingSettings(
                epochs=epochs,
                learning_rate=point.learning_rate,
                momentum=point.momentum,
                batch_size=point.batch_size,
                measure_every=budget.look_every,
            )
            started = time.process_time()
            try:  # from the snapshot of the last look
                training.train(network, x, signed_one_hot(y).float(), settings, seed, folder)
            except UserError as error:
                print(error, file=sys.stderr)
                return fields | {"epochs": epochs, "training_accuracies": "diverged", "cpu_seconds": ""}
            seconds += time.process_time() - started
            accuracies.append(training_accuracy(network, x, y))
            for path in list(training.snapshots(folder).values())[:-1]:
                path.unlink()
    found = " ".join(f"{accuracy:.4f}" for accuracy in accuracies)
    return fields | {"epochs": epochs, "training_accuracies": found, "cpu_seconds": f"{seconds:.1f}"}


def key(fields: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells two rows apart."""
    return tuple(str(fields[name]) for name in (*Point._fields, "seed"))


def read() -> list[dict[str, str]]:
    """Return the rows of the table."""
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def append(fields: dict[str, Any]) -> None:
    """Append a row to the table, which several processes may do at a time."""
    with TABLE.open("a", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        csv.DictWriter(file, list(read()[0]), lineterminator="\n").writerow(fields)


def fitted(fields: dict[str, str]) -> bool:
    """Return whether the last two looks found the points fitted."""
    accuracies = fields["training_accuracies"].split()
    return accuracies != ["diverged"] and min(map(float, accuracies[-2:])) >= FITTED


def cheapest() -> list[Point]:
    """Return the point of each grid, dataset and architecture that fitted seed 0 in the fewest CPU seconds."""
    chosen: dict[tuple[str, ...], tuple[float, Point]] = {}
    rows = {key(fields): fields for fields in read()}
    for point in GRID:
        fields = rows.get(key(point._asdict() | {"seed": 0}))
        if fields is not None and fitted(fields):
            candidate = (float(fields["cpu_seconds"]), point)
            chosen[point[:3]] = min(candidate, chosen.get(point[:3], candidate))
    return [point for _, point in chosen.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", default=networks.ARCHITECTURES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[], help="train the cheapest points with these")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    points = cheapest() if asked.seeds else GRID
    for seed in asked.seeds or [0]:
        for point in points:
            done = {key(fields) for fields in read()}
            if point.architecture in asked.architectures and key(point._asdict() | {"seed": seed}) not in done:
                found = row(point, seed)
                append(found)
                print(",".join(map(str, found.values())), flush=True)


if __name__ == "__main__":
    main()
