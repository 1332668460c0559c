r"""Take M^{1/2}, or the random features, out of a Deep RFM and measure what is left of the collapse.

If M^{1/2} is what brings the fall of NC1 about, replacing M should stop it; if the fall is entirely due to M^{1/2}, it should
not need the features. In every layer of a Deep RFM, X̃ = X M^{1/2} and X ← σ(X̃ Wᵀ + b), one of these is changed:

- `none`: nothing, the Deep RFM itself;
- `identity`: M is replaced by I;
- `rotated`: M keeps its eigenvalues, and its eigenvectors are random (uniform over the orthogonal group);
- `permuted labels`: M is that of a machine that is fitted to permuted labels, the same permutation in every layer;
- `no features`: X ← X M^{1/2}.

The random features are those of the Deep RFM with the same seed, so that the variants differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ...collapse.metrics import scatter
from ...data.prepared import Arrays
from ...kernels.features import FeatureMap, feature_map, to
from ...kernels.regression import normalised
from ...labels import signed_one_hot
from ...models.deep_rfm import PRECISIONS, Settings, layers
from ...randomness import generator
from .variants import VARIANTS

METRICS = ("nc1", "nc2")

# What a layer hands on: by component the points that are measured.
Step = dict[str, Tensor]


def measure(
    arrays: Arrays, settings: Settings, seed: int, variants: Sequence[str] = VARIANTS
) -> Iterator[list[dict[str, Any]]]:
    """Fit a Deep RFM with each variant and measure NC1 and NC2 of every layer.

    Args:
        arrays: The dataset, of which the training points are used.
        settings: Those of the Deep RFM.
        seed: Of the random features, the rotations and the permutation.
        variants: Which of :data:`VARIANTS`.

    Yields:
        For each variant and layer rows with the columns variant, layer, component (`x`, the normalised input; `agop`,
        x M^{1/2}; `features`, σ(x M^{1/2} Wᵀ + b), which `no features` lacks), metric, value.

    Raises:
        ValueError: If a variant is not known.
    """
    for variant in variants:
        steps = removed(arrays.x_train, arrays.y_train, settings, seed, variant)
        for layer, step in enumerate(steps, start=1):
            rows = []
            for component, points in step.items():
                collapse = scatter(points, arrays.y_train).collapse
                labels = {"variant": variant, "layer": layer, "component": component}
                rows += [labels | {"metric": metric, "value": collapse[metric]} for metric in METRICS]
            yield rows


def removed(X: Tensor, y: Tensor, settings: Settings, seed: int, variant: str) -> Iterator[Step]:
    """Yield what each layer of a variant of Deep RFM makes of its inputs, from layer 1 on.

    Args:
        X: Inputs, N×d.
        y: Labels, N integers 0 … K−1.
        settings: Those of the Deep RFM.
        seed: Of the random features, the rotations and the permutation.
        variant: One of :data:`VARIANTS`.

    Yields:
        By component the points: `x` (N×d), `agop` (N×d) and, unless the features are left out, `features` (N×width).

    Raises:
        ValueError: If the variant is not known.
    """
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant '{variant}'; known are {', '.join(VARIANTS)}")
    if variant == "none":
        for layer, projected, features in layers(X, signed_one_hot(y), settings, seed):
            yield {"x": layer.predictor.X, "agop": projected, "features": features}
        return
    root = _ROOTS[variant]
    Y = signed_one_hot(_permuted(y, seed) if variant == "permuted labels" else y)
    X = X.to(PRECISIONS[settings.precision])
    for index in range(1, settings.depth + 1):
        X = normalised(X)
        projected = X @ root(X, Y, settings, seed, index)
        step = {"x": X, "agop": projected}
        if variant != "no features":
            step["features"] = _features(X, settings, seed, index)(projected)
        yield step
        X = step.get("features", projected)


def _features(X: Tensor, settings: Settings, seed: int, index: int) -> FeatureMap:
    """Return the random features of layer `index` of the Deep RFM with this seed, for inputs of X's dimension."""
    drawing = generator(seed, "deep_rfm", settings.activation, index)
    drawn = feature_map(settings.activation, X.shape[1], settings.width, drawing, settings.feature_bandwidth)
    return to(drawn, X.device, X.dtype)


def _permuted(y: Tensor, seed: int) -> Tensor:
    order = torch.randperm(len(y), generator=generator(seed, "removals", "permuted labels"))
    return y[order.to(y.device)]


Root = Callable[[Tensor, Tensor, Settings, int, int], Tensor]


def _identity(X: Tensor, Y: Tensor, settings: Settings, seed: int, index: int) -> Tensor:
    return torch.eye(X.shape[1], dtype=X.dtype, device=X.device)


def _fitted(X: Tensor, Y: Tensor, settings: Settings, seed: int, index: int) -> Tensor:
    """M^{1/2} of the machine that is fitted to X and Y: that of a Deep RFM's first layer."""
    layer, _, _ = next(layers(X, Y, settings.replace(depth=1), seed))
    return layer.agop_sqrt


def _rotated(X: Tensor, Y: Tensor, settings: Settings, seed: int, index: int) -> Tensor:
    """M^{1/2} with M's eigenvalues and random eigenvectors."""
    eigenvalues = torch.linalg.eigvalsh(_fitted(X, Y, settings, seed, index)).clamp(min=0)
    Q = orthogonal(X.shape[1], seed, settings.activation, index).to(X)
    root: Tensor = (Q * eigenvalues) @ Q.T
    return root


_ROOTS: dict[str, Root] = {
    "identity": _identity,
    "rotated": _rotated,
    "permuted labels": _fitted,
    "no features": _fitted,
}


def orthogonal(d: int, seed: int, *purpose: str | int) -> Tensor:
    """Return a random orthogonal d×d matrix in float64, uniform over the orthogonal group.

    The Q of a Gaussian matrix's QR decomposition is uniform once R's diagonal is positive (Mezzadri 2007).
    """
    drawing = generator(seed, "removals", "rotated", *purpose)
    Q, R = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=drawing))
    uniform: Tensor = Q * R.diagonal().sign()
    return uniform
