r"""Deep ConvRFM: ConvRFMs on random convolutional features of each other (released with arXiv 2309.00570).

For ℓ = 0 … L − 1: fit a ConvRFM whose CNTK has L − ℓ convolutions to the current features; draw filters w ~ N(0, M / tr M)
in R^d, d = Cq², with its M; the next features are their convolutions with the current ones, of stride 1, without padding,
nonlinearity or pooling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..kernels.agop import matrix_sqrt
from ..randomness import generator
from . import conv_rfm
from .conv_rfm import Round


@dataclass(frozen=True)
class Settings:
    """What defines a Deep ConvRFM.

    Attributes:
        conv_rfm: Of the ConvRFMs; `depth` is that of the first, and the number of layers.
        filters: How many filters each layer draws.
    """

    conv_rfm: conv_rfm.Settings = field(default_factory=conv_rfm.Settings)
    filters: int = 64

    def __post_init__(self) -> None:
        if not isinstance(self.filters, int) or self.filters < 1:
            raise ValueError(f"filters must be an integer of 1 or more, not {self.filters!r}")


@dataclass(frozen=True)
class Layer:
    """One layer: its ConvRFM, and the filters (width×C×q×q) that make the features of the next."""

    predictor: Round
    filters: Tensor

    def __call__(self, X: Tensor) -> Tensor:
        """Return the next features, n×width×(H − q + 1)×(W − q + 1), of features n×C×H×W."""
        return torch.nn.functional.conv2d(X, self.filters)


def layers(
    X: Tensor,
    Y: Tensor,
    settings: Settings,
    seed: int = 0,
    held_out: tuple[Tensor, Tensor] | None = None,
    ridges: Sequence[float] | None = None,
) -> Iterator[Layer]:
    """Fit a Deep ConvRFM, yielding each layer once it is there.

    Args:
        X: Images, N×C×H×W.
        Y: Targets, N×K (one-hot).
        settings: Of the Deep ConvRFM.
        seed: Of the filters.
        held_out: Images and labels by which each layer's round and ridge are chosen (see :func:`conv_rfm.choose`); the
            last round if None.
        ridges: The ridges to choose among; only that of the settings if None.

    Yields:
        The layers, `settings.conv_rfm.depth` of them.

    Raises:
        ValueError: As :func:`conv_rfm.rounds`.
    """
    if ridges is not None and held_out is None:
        raise ValueError("choosing among ridges needs data held out; give held_out, or the ridge in the settings")
    for index in range(settings.conv_rfm.depth):
        here = replace(settings.conv_rfm, depth=settings.conv_rfm.depth - index)
        if held_out is None:
            *_, predictor = conv_rfm.rounds(X, Y, here)
        else:
            predictor, _ = conv_rfm.choose(X, Y, *held_out, here, ridges or [here.ridge])
        layer = Layer(predictor, draw_filters(predictor, X.shape[1], settings.filters, seed, index))
        yield layer
        if index + 1 < settings.conv_rfm.depth:
            X = layer(X)
            held_out = None if held_out is None else (layer(held_out[0]), held_out[1])


def draw_filters(predictor: Round, channels: int, width: int, seed: int, index: int) -> Tensor:
    """Return `width` filters, width×C×q×q, drawn from N(0, M / tr M) for a ConvRFM's M.

    Args:
        predictor: The ConvRFM; its M is I in round 0.
        channels: C.
        width: Number of filters.
        seed: Of the model.
        index: Of the layer, from 0.

    Returns:
        The filters on the device and in the precision of the predictor's images.
    """
    q = predictor.settings.filter_size
    d = channels * q * q
    normal = torch.randn(width, d, dtype=torch.float64, generator=generator(seed, "deep_conv_rfm", "filters", index))
    X = predictor.X
    M = torch.eye(d, dtype=torch.float64, device=X.device) if predictor.M is None else predictor.M.double()
    drawn = normal.to(X.device) @ matrix_sqrt(M / M.trace())
    return drawn.view(width, channels, q, q).to(X.dtype)


class DeepConvRFM:
    """A Deep ConvRFM to fit to one's own images.

    >>> X = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> y = torch.arange(12) % 2
    >>> model = DeepConvRFM(Settings(conv_rfm.Settings(filter_size=3, depth=2, rounds=2), filters=4)).fit(X, y)
    >>> model.transform(X).shape, model.predict(X).shape
    (torch.Size([12, 4, 6, 6]), torch.Size([12]))
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0) -> None:
        self.settings = settings or Settings()
        self.seed = seed
        self.layers: list[Layer] = []

    def fit(
        self,
        X: Tensor,
        y: Tensor,
        held_out: tuple[Tensor, Tensor] | None = None,
        ridges: Sequence[float] | None = None,
    ) -> DeepConvRFM:
        """Fit to images X (N×C×H×W) with labels y (N integers 0 … K − 1); held_out and ridges as for :func:`layers`."""
        Y = torch.nn.functional.one_hot(y)
        self.layers = list(layers(X, Y, self.settings, self.seed, held_out, ridges))
        return self

    def transform(self, X: Tensor, layer: int | None = None) -> Tensor:
        """Return the features that a layer's ConvRFM sees: the images for layer 0; the last layer's if None."""
        layer = len(self._fitted()) - 1 if layer is None else layer
        if not 0 <= layer < len(self.layers):
            raise ValueError(f"layer must be 0 to {len(self.layers) - 1}, not {layer}")
        for fitted in self.layers[:layer]:
            X = fitted(X)
        return X

    def decision_function(self, X: Tensor, layer: int | None = None) -> Tensor:
        """Return the outputs, n×K, of a layer's ConvRFM, the last if None, for images n×C×H×W."""
        features = self.transform(X, layer)
        return self.layers[-1 if layer is None else layer].predictor(features)

    def predict(self, X: Tensor, layer: int | None = None) -> Tensor:
        """Return the labels (n) that a layer's ConvRFM, the last if None, gives to images n×C×H×W."""
        return self.decision_function(X, layer).argmax(1)

    def _fitted(self) -> list[Layer]:
        if not self.layers:
            raise RuntimeError("this Deep ConvRFM is not fitted yet; call fit first")
        return self.layers
