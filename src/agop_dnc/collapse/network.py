"""Neural collapse, AGOP and the Neural Feature Ansatz in the layers of any network.

:func:`measure` is what the workflow's metric extraction calls, and what a researcher can call on a network of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ..labels import signed_one_hot
from ..randomness import generator
from .ablation import truncations
from .forecast import announce
from .layer_agop import LayerAgop, random_frame
from .layers import ConvolutionLayer
from .metrics import COLLAPSE, ClassMeans, Scatter, nc3, nearest_mean
from .points import Choice
from .result import COLUMNS, Measurement
from .session import COMPONENTS, Chunk, Place, Progress, Session, Site

__all__ = ["CHUNK", "COLUMNS", "COMPONENTS", "gradient_outer_products", "loss_and_accuracy", "measure"]

CHUNK = 512  # points that go through the network at once, at most
ROTATIONS = 5  # over which the weight-preserving null is a mean
_KEPT_BYTES = 40 * 2**20  # of a random frame that is kept for the next measurement


def measure(
    network: nn.Module,
    X: Any,
    y: Any = None,
    layers: Sequence[str] | None = None,
    ranks: Sequence[int] = (),
    seed: int = 0,
    *,
    features: Sequence[str] = (),
    classes: Any = None,
    positions: str = "flatten",
    output: Choice = None,
    rotations: int = ROTATIONS,
    progress: Progress = None,
) -> Measurement:
    r"""Measure neural collapse, AGOP and the Neural Feature Ansatz in the layers of a network.

    Layers are taken in the order of the forward pass, which is observed and not read off the module's structure: linear layers
    and convolutions, and the projections of `torch.nn.MultiheadAttention`. The last linear layer, if the network's output comes
    from it alone, is the *readout*. For a layer with weights W = USVᵀ (filters as rows), bias b and input Φ the table holds

    - `input`, `right`, `output`: every NC1 and NC2 (see :mod:`.metrics`) of Φ, of SVᵀΦ, and of what enters the next layer or
      the readout, after whatever is between: activation, normalisation, pooling, attention, sums;
    - `nfa`: the correlations of WᵀW with AGOP^{1/2} (`sqrt_agop`) and AGOP (`agop`), the AGOP being that of the network from
      the layer's input on, averaged over points and positions. A value says little by itself, as W is in both matrices. So
      next to it are two nulls: `…_null` keeps W and rotates the eigenvectors of the gradients' S in AGOP = WᵀSW at random,
      as a mean of `rotations` draws, and `…_rotated` rotates the AGOP's own eigenvectors.

    Layer 0 is the network as a whole. `network`: `loss` (the mean square against ±1 targets, whatever it was trained with),
    `accuracy`, `trace_within` and `trace_between` of what enters the readout, `nc3` of it against the readout, and `nc4`.
    `penultimate`: every NC1 and NC2 of what enters the readout, if that is no measured layer's output. `features`: those of
    the output of every module named in `features`.

    What cannot be measured is in `not_measured` of the result with the reason, or is an error if it was asked for by name.

    Args:
        network: any module that treats every point alone. It is in evaluation mode while it is measured, and then as before.
        X: N inputs as the network takes them: a tensor or array, a tuple or mapping for several inputs, or a loader of
            batches, which is read three times (so without random augmentation). Floats are converted to the network's
            precision and all inputs moved to its device.
        y: N labels of any kind (see :func:`.labels.encode`); None, or targets that are no classes, for AGOPs alone. A loader
            brings its own.
        layers: names of the layers to measure; all but the readout if not given.
        ranks: numbers of singular values for the truncated ablation (see :func:`.ablation.truncations`), whose rows then
            follow with their rank in a column of that name.
        seed: of the nulls' random rotations.
        features: names of modules at whose output neural collapse is measured too.
        classes: the label of every output, in their order. Needed if y lacks some classes and the labels are not the
            outputs' numbers, counted from 0.
        positions: `flatten` takes the values at all tokens or pixels for a point's features, `mean` their mean.
        output: which part of a returned tuple or mapping is the network's output, or a function that takes what is
            returned to an n×K tensor. If not given, a mapping's `logits`, or the first tensor.
        rotations: how many random rotations the weight-preserving null is a mean of; 0 leaves it out.
        progress: True to report every step on standard error, or a function that takes each line.

    Returns:
        A :class:`.result.Measurement`: `.table` with columns layer, component, metric, value and name, `.not_measured`,
        `.remarks`, `.summary()`, `.plot()`, `.to_html()`.

    Raises:
        ValueError: if names, labels or inputs do not fit the network, if inputs are not finite, or if the network's outputs
            for a point depend on other points or on random numbers.

    Memory: the points, a chunk of at most 512 of them with what their layers give and the gradients of one output, and per
    layer some matrices of its input's dimension times the smaller of its two. A layer for which that takes more than a minute
    is announced by a warning.

    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(90, 5)
    >>> y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
    >>> model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    >>> for _ in range(200):
    ...     optimiser.zero_grad()
    ...     nn.functional.cross_entropy(model(X), y).backward()
    ...     _ = optimiser.step()
    >>> table = measure(model, X, y).table
    >>> nc1 = table[(table.component == "output") & (table.metric == "nc1")]
    >>> nc1.layer.tolist(), bool(nc1.value.is_monotonic_decreasing)
    ([1, 2], True)
    """
    options = {"classes": classes, "features": features, "positions": positions, "output": output, "progress": progress}
    with Session(network, X, y, layers, most=CHUNK, **options) as session:
        wanted, places = session.places()
        announce(session, rotations)
        means = _class_means(session, places)
        scatters, S, rows = _scatter_and_gradients(session, means)
        rows += _traces(session, scatters)
        rows += [
            _row(layer, component, metric, value, name)
            for (layer, name, component), place in wanted.items()
            for metric, value in scatters[place].collapse.items()
        ]
        for site, s in zip(session.sites, S, strict=True):
            session.say(f"Neural Feature Ansatz of layer {site.index} of {len(session.sites)}, {site.name}")
            values = _ansatz(site, s, seed, rotations)
            rows += [_row(site.index, "nfa", metric, value, site.name) for metric, value in values.items()]
        columns = COLUMNS
        if ranks:
            # NC1 of the input is there already.
            rows += [row for row in truncations(session, ranks, S) if row["rank"] or row["metric"] not in COLLAPSE]
            columns = [*COLUMNS, "rank"]
        table = pd.DataFrame(rows, columns=columns)
        if ranks:
            table["rank"] = table["rank"].astype("Int64")
        convolutions = [site.name for site in session.sites if isinstance(site.layer, ConvolutionLayer)]
        return Measurement(table, session.not_measured, session.targets.classes, session.points.N, convolutions)


@torch.no_grad()
def loss_and_accuracy(network: nn.Module, X: Tensor, y: Tensor, classes: int) -> dict[str, float]:
    """Return `loss` (mean square against ±1 targets) and `accuracy` of a network at N inputs with labels y, as they come."""
    squared = right = 0.0
    for start in range(0, len(X), CHUNK):
        output, labels = network(X[start : start + CHUNK]), y[start : start + CHUNK]
        squared += float((output.double() - signed_one_hot(labels, classes)).square().sum())
        right += float((output.argmax(1) == labels).sum())
    return {"loss": squared / (len(X) * classes), "accuracy": right / len(X)}


def gradient_outer_products(
    network: nn.Module, X: Any, layers: Sequence[str] | None = None, output: Choice = None
) -> list[Tensor]:
    """Return S = (1/N) Σ_ik δ_ik δ_ikᵀ of every layer, in float64: with its W the layer's AGOP is WᵀSW.

    δ_ik is the gradient of output k at the layer's pre-activations for point i; over tokens or positions the mean is taken too.
    Arguments as in :func:`measure`; see :class:`.layer_agop.LayerAgop` for what to do with S.
    """
    with Session(network, X, None, layers, most=CHUNK, output=output) as session:
        return mean_products(session)


def mean_products(session: Session) -> list[Tensor]:
    """Return S of every layer of a session."""
    sums = _no_products(session)
    for chunk in session.chunks(gradients=True):
        _add_products(session, sums, chunk)
    return _averaged(session, sums)


def _class_means(session: Session, places: set[Place]) -> dict[Place, Tensor]:
    # Also what the network as a whole is judged by, if it is not among them.
    if session.targets.codes is None:
        return {}
    session.say(f"class means at {session.points.N} points")
    last = session.penultimate
    means = {place: ClassMeans(session.targets.K) for place in places | ({last} if last is not None else set())}
    for chunk in session.chunks():
        assert chunk.codes is not None
        for place, mean in means.items():
            mean.add(session.features(place, chunk), chunk.codes)
    return {place: mean.means for place, mean in means.items()}


def _scatter_and_gradients(
    session: Session, means: dict[Place, Tensor]
) -> tuple[dict[Place, Scatter], list[Tensor], list[dict[str, Any]]]:
    session.say("scatter within classes, and gradients")
    scatters = {place: Scatter(mean) for place, mean in means.items()}
    sums, whole = _no_products(session), _Whole(session, means)
    for chunk in session.chunks(gradients=True):
        for place, scatter in scatters.items():
            assert chunk.codes is not None
            scatter.add(session.features(place, chunk), chunk.codes)
        whole.add(chunk)
        _add_products(session, sums, chunk)
    return scatters, _averaged(session, sums), whole.rows()


class _Whole:
    """Loss, accuracy and NC4 of the network, chunk by chunk, if its outputs are one per class."""

    def __init__(self, session: Session, means: dict[Place, Tensor]) -> None:
        self._session, self._means = session, means
        self._squared = self._wrong = self._apart = 0.0
        self.possible = session.targets.outputs is not None
        if session.targets.codes is not None and not self.possible:
            session.not_measured["loss, accuracy, nc3, nc4"] = (
                f"the network has {session.trace.K} output for {session.targets.K} classes"
            )

    def add(self, chunk: Chunk) -> None:
        places, last = self._session.targets.outputs, self._session.penultimate
        if places is None or chunk.codes is None:
            return
        places = places.to(chunk.codes.device)
        output, labels = chunk.output.detach(), places[chunk.codes]
        predicted = output.argmax(1)
        self._squared += float((output.double() - signed_one_hot(labels, output.shape[1])).square().sum())
        self._wrong += float((predicted != labels).sum())
        if last is not None:
            nearest = nearest_mean(self._session.features(last, chunk), self._means[last])
            self._apart += float((predicted != places[nearest]).sum())

    def rows(self) -> list[dict[str, Any]]:
        N, K = self._session.points.N, self._session.trace.K
        if not self.possible:
            return []
        values = {"loss": self._squared / (N * K), "accuracy": 1 - self._wrong / N}
        if self._session.penultimate is not None:
            values["nc4"] = self._apart / N
        return [_row(0, "network", metric, value) for metric, value in values.items()]


def _traces(session: Session, scatters: dict[Place, Scatter]) -> list[dict[str, Any]]:
    """Return rows of the scatter of what enters the readout, and NC3 of the two."""
    place, places = session.penultimate, session.targets.outputs
    if place is None or place not in scatters:
        return []
    last = scatters[place]
    values = {"trace_within": last.trace_within, "trace_between": last.trace_between}
    if places is not None:
        if session.readout is not None:
            weights = session.instruments.layers[session.readout[0]].weight[places.to(last.means.device)]
            values["nc3"] = nc3(weights, last.means)
        else:
            session.not_measured["nc3"] = "the network's output does not come from one linear layer alone"
    return [_row(0, "network", metric, value) for metric, value in values.items()]


def _ansatz(site: Site, s: Tensor, seed: int, rotations: int) -> dict[str, float]:
    """Return the correlations of the Neural Feature Ansatz of a layer, and their nulls."""
    agop = LayerAgop(site.layer.weight, s)
    values = agop.correlations()
    rotated = agop.null_correlations(_drawn(*agop.W.shape, seed, "rotated null", site.index))
    values |= {f"{name}_rotated": value for name, value in rotated.items()}
    width = len(s)
    draws = [
        agop.weight_preserving_null(_drawn(width, width, seed, "weight-preserving null", site.index, index))
        for index in range(1, rotations + 1)
    ]
    for name in draws[0] if draws else ():
        values[f"{name}_null"] = sum(draw[name] for draw in draws) / len(draws)
    return values


def _drawn(width: int, d: int, seed: int, *purpose: str | int) -> Tensor:
    """Return min(d, width) random orthonormal vectors of R^d; the same at every epoch, and so drawn once if they are small."""
    draw = _kept_frame if 8 * d * min(d, width) <= _KEPT_BYTES else _frame
    return draw(width, d, seed, *purpose)


def _frame(width: int, d: int, seed: int, *purpose: str | int) -> Tensor:
    return random_frame(d, width, generator(seed, *purpose))


_kept_frame = lru_cache(maxsize=32)(_frame)


def _no_products(session: Session) -> list[Tensor]:
    return [site.layer.weight.new_zeros((site.layer.width,) * 2, dtype=torch.float64) for site in session.sites]


def _add_products(session: Session, sums: list[Tensor], chunk: Chunk) -> None:
    for total, s in zip(sums, session.products(chunk), strict=True):
        total += s


def _averaged(session: Session, sums: list[Tensor]) -> list[Tensor]:
    return [s / (session.points.N * session.positions_of(site)) for s, site in zip(sums, session.sites, strict=True)]


def _row(layer: int, component: str, metric: str, value: float, name: str = "") -> dict[str, Any]:
    return {"layer": layer, "component": component, "metric": metric, "value": value, "name": name}
