"""Why NC2, and with cosines NC1, stop falling with depth: their floors against the width of Deep RFM's random features.

The features of width D change every angle at random by about 1/√D in each layer, and M½ takes back only part of that; with wider ones
the floors sink. Without random features, an RFM repeated, nothing collapses: they are what makes it possible and what ends it.
On the digits, Laplace kernel.
"""

import argparse
from collections.abc import Iterator

import torch

from agop_dnc.collapse import metrics
from agop_dnc.data import datasets
from agop_dnc.kernels import radial
from agop_dnc.kernels.agop import kernel_agop, matrix_sqrt
from agop_dnc.kernels.regression import fit_predictor, normalised
from agop_dnc.labels import signed_one_hot
from agop_dnc.models.deep_rfm import Settings, layers


def without_features(X: torch.Tensor, Y: torch.Tensor, depth: int) -> Iterator[torch.Tensor]:
    """X M½ of every layer of a Deep RFM without random features: an RFM's steps, each from the last one's X M½."""
    kernel = radial.Laplace(2.0)
    for _ in range(depth):
        X = normalised(X)
        predictor, r = fit_predictor(kernel, X, Y, 0.0)
        X = X @ matrix_sqrt(kernel_agop(kernel, X, predictor.alpha, r))
        yield X


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 512, 1024, 2048])
    arguments = parser.parse_args()
    arrays = datasets.prepare("digits", {"source": "sklearn", "n": arguments.points}).arrays()
    X, y, Y = arrays.x_train, arrays.y_train, signed_one_hot(arrays.y_train)
    shown = [layer for layer in (1, 2, 4, 6, 8, 10, 15, 20) if layer <= arguments.depth]
    print(f"M½X on the digits, first {arguments.points}\n{'':16}{'width':>7}" + "".join(f"{n:>10}" for n in shown))
    for activation in ("relu", "cos", "none"):
        for width in arguments.widths if activation != "none" else [0]:
            settings = Settings(
                depth=arguments.depth, activation="relu" if activation == "none" else activation, width=width or 1
            )
            found = (
                without_features(X, Y, arguments.depth)
                if activation == "none"
                else (m for _, m, _ in layers(X, Y, settings))
            )
            measured = [metrics.collapse(points, y) for points in found]
            for name in ("nc1", "nc2"):
                values = "".join(f"{measured[n - 1][name]:10.2g}" for n in shown)
                print(f"{name}, {activation:11}{width or '':>7}{values}", flush=True)


if __name__ == "__main__":
    main()
