"""Where do Deep RFM's curves part if it has the settings of the paper's released code? MNIST, 5,000 points, one seed.

`python benchmarks/released_settings.py DATA_ROOT` writes benchmarks/released_settings.csv: NC1 and NC2 of X̃ = X M½ and of the features in each of 20
layers. The released code divides each AGOP by its largest entry, computes in float32, has as many cosine features as its input has
dimensions, and solves with a ridge of 1e-3; each of these is changed alone, then all but the ridge, and then all together. DATA_ROOT is the folder of
torchvision's datasets. About half an hour on one core.
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
FLOAT32: dict[str, Any] = {"precision": "float32"}
LARGEST: dict[str, Any] = {"agop_scale": "max"}
FEATURES: dict[str, Any] = {"width": 784}  # MNIST's pixels
RIDGE: dict[str, Any] = {"ridge": 1e-3}
OURS = {
    "relu": DeepRfmSettings(activation="relu", kernel="gaussian", width=1024),
    "cos": DeepRfmSettings(activation="cos", kernel="laplace", width=1024, feature_bandwidth=0.05),
}
# For ReLU the scale of M changes nothing but rounding, as points are normalised after it; its number of features is the released code's.
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "relu": {
        "float32": FLOAT32,
        "ridge": RIDGE,
        "all but the ridge": FLOAT32 | LARGEST,
        "released": FLOAT32 | LARGEST | RIDGE,
    },
    "cos": {
        "float32": FLOAT32,
        "largest entry": LARGEST,
        "784 features": FEATURES,
        "ridge": RIDGE,
        "all but the ridge": FLOAT32 | LARGEST | FEATURES,
        "released": FLOAT32 | LARGEST | FEATURES | RIDGE,
    },
}


def rows(settings: DeepRfmSettings, X: torch.Tensor, y: torch.Tensor) -> Iterator[dict[str, Any]]:
    """Yield NC1 and NC2 at each layer of a Deep RFM, with how well its predictors interpolate."""
    for layer, (fitted, projected, features) in enumerate(layers(X, signed_one_hot(y), settings, 0), start=1):
        for component, points in (("agop", projected), ("features", features)):
            found = collapse(points, y)
            yield (
                {"layer": layer, "component": component}
                | {name: f"{found[name]:.4g}" for name in ("nc1", "nc2")}
                | {"interpolation_error": f"{fitted.predictor.interpolation_error:.2g}"}
            )


def main() -> None:
    torch.set_num_threads(1)
    arrays = datasets.prepare("mnist", {"source": "torchvision", "n": 5000, "n_test": 10}, sys.argv[1]).arrays()
    columns = ["features", "settings", "layer", "component", "nc1", "nc2", "interpolation_error"]
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for activation, ours in OURS.items():
            for name, changes in {"ours": {}, **CHANGES[activation]}.items():
                for row in rows(ours.replace(**changes), arrays.x_train, arrays.y_train):
                    writer.writerow({"features": activation, "settings": name} | row)
                file.flush()


if __name__ == "__main__":
    main()
