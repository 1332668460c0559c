"""Why NC2 stops falling with depth: its floor in Deep RFM against the width of the random features, on the digits.

The features of width D turn every angle by some 1/√D anew in each layer, and M½ takes back only a part of it. Without random
features (σ left out) nothing turns the angles, and with wider ones less does.
"""

import argparse

import torch

from agop_dnc import data, kernels, metrics
from agop_dnc.agop import kernel_agop, matrix_sqrt
from agop_dnc.deep_rfm import Settings, layers, signed_one_hot
from agop_dnc.kernel_regression import fit_predictor, normalised


def without_features(X: torch.Tensor, Y: torch.Tensor, depth: int):
    """X M½ of every layer of a Deep RFM without random features: an RFM's steps, each from the last one's X M½."""
    kernel = kernels.Laplace(2.0)
    for _ in range(depth):
        X = normalised(X)
        predictor, r = fit_predictor(kernel, X, Y, 0.0)
        X = X @ matrix_sqrt(kernel_agop(kernel, X, predictor.alpha, r))
        yield X


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 1024, 4096])
    arguments = parser.parse_args()
    arrays = data.prepare("digits", {"source": "sklearn", "n": arguments.points}).arrays()
    X, y, Y = arrays.x_train, arrays.y_train, signed_one_hot(arrays.y_train)
    shown = [layer for layer in (1, 2, 4, 6, 8, 10, 15, 20) if layer <= arguments.depth]
    print(
        f"NC2 of M½X, digits, first {arguments.points}, Laplace, ReLU\n{'width':>9}" + "".join(f"{n:>9}" for n in shown)
    )
    for width in [*arguments.widths, 0]:
        if width:
            fitted = (found for _, found, _ in layers(X, Y, Settings(depth=arguments.depth, width=width)))
        else:
            fitted = without_features(X, Y, arguments.depth)
        values = [metrics.nc2(found, y) for found in fitted]
        print(f"{width or 'none':>9}" + "".join(f"{values[n - 1]:9.3f}" for n in shown), flush=True)


if __name__ == "__main__":
    main()
