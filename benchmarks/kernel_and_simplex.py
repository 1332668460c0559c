"""Does a Deep RFM's simplex (NC2) come from the data or from the kernel? The digits and MNIST, 1,500 points each, with both kernels.

`python benchmarks/kernel_and_simplex.py DATA_ROOT` writes benchmarks/kernel_and_simplex.csv: NC1 and NC2 of X̃ = X M½ at some layers of Deep
RFMs with 1,024 ReLU features and three seeds. DATA_ROOT is the folder of torchvision's datasets. Some four minutes on one core.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from agop_dnc.collapse.metrics import collapse
from agop_dnc.data import datasets
from agop_dnc.labels import signed_one_hot
from agop_dnc.models.deep_rfm import layers
from agop_dnc.models.settings import DeepRfmSettings

TABLE = Path(__file__).with_suffix(".csv")
SOURCES = {"digits": {"source": "sklearn", "n": 1500}, "mnist": {"source": "torchvision", "n": 1500, "n_test": 100}}
LAYERS = (1, 6, 12, 18)


def rows(dataset: str, kernel: str, seed: int, root: str) -> Iterator[dict[str, Any]]:
    """Yield NC1 and NC2 of X̃ at the layers of one Deep RFM."""
    arrays = datasets.prepare(dataset, SOURCES[dataset], root).arrays()
    settings = DeepRfmSettings(activation="relu", kernel=kernel, width=1024, depth=max(LAYERS))
    fitted = layers(arrays.x_train, signed_one_hot(arrays.y_train), settings, seed)
    for layer, (_, projected, _) in enumerate(fitted, start=1):
        if layer in LAYERS:
            found = collapse(projected, arrays.y_train)
            values = {name: f"{found[name]:.3g}" for name in ("nc1", "nc2")}
            yield {"dataset": dataset, "kernel": kernel, "seed": seed, "layer": layer} | values


def main() -> None:
    torch.set_num_threads(1)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["dataset", "kernel", "seed", "layer", "nc1", "nc2"], lineterminator="\n")
        writer.writeheader()
        for dataset in SOURCES:
            for kernel in ("laplace", "gaussian"):
                for seed in range(3):
                    writer.writerows(rows(dataset, kernel, seed, sys.argv[1]))


if __name__ == "__main__":
    main()
