"""Neural collapse, AGOP and the Neural Feature Ansatz in the linear layers of any network.

:func:`measure` is what the workflow's metric extraction calls, and what a researcher can call on a network of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ..randomness import generator
from .ablation import ablate_layer
from .gradients import by_autograd, of_stack, relu_stack
from .layer_agop import LayerAgop, random_frame
from .metrics import ClassMeans, Scatter, nc3, nearest_mean

CHUNK = 512  # points that go through the network at once
COMPONENTS = ("input", "right", "output")
COLUMNS = ["layer", "component", "metric", "value"]


@dataclass
class Probe:
    """What a forward pass leaves of one linear layer: its input Φ (n×d) and its pre-activations (n×width)."""

    name: str
    layer: nn.Linear
    input: Tensor = field(default_factory=lambda: torch.empty(0))
    preactivation: Tensor = field(default_factory=lambda: torch.empty(0))

    def components(self) -> dict[str, Tensor]:
        """Φ, WΦ in place of SVᵀΦ (U is an isometry, and every metric is made of inner products), and ReLU(WΦ + b)."""
        z = self.preactivation.detach()
        right = z if self.layer.bias is None else z - self.layer.bias
        return {"input": self.input, "right": right, "output": z.relu()}


def measure(
    network: nn.Module,
    X: Tensor,
    y: Tensor,
    layers: Sequence[str] | None = None,
    ranks: Sequence[int] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Measure the hidden linear layers of a network that is followed by ReLU at N labelled points: a tidy table.

    network: any module in evaluation mode semantics (each output depends on its own point alone); it is put in evaluation
    mode for the time. X: N inputs as the network takes them. y: N labels 0 … K−1, the network having K outputs. layers: the
    names of its linear layers in order; all but the last, the readout, if not given. ranks: numbers of singular directions
    for the truncated ablation (see :mod:`.ablation`); none if empty. seed: of the random rotation of the NFA's null.

    Returns columns layer (from 1; 0 for the network as a whole), component, metric, value:

    - `input`, `right`, `output`: every NC1 and NC2 of Φ, SVᵀΦ and ReLU(USVᵀΦ), W = USVᵀ (see :mod:`.metrics`);
    - `nfa`: `sqrt_agop` and `agop`, correlations of WᵀW with AGOP^{1/2} and AGOP, and `sqrt_agop_rotated`, `agop_rotated`
      with the AGOP's eigenvectors rotated at random;
    - `ablation`-like components `right_top_r`, `output_top_r`, `agop` with `nc1`, where ranks are given;
    - layer 0, `network`: `loss` (mean square against ±1 targets), `accuracy`, `trace_within`, `trace_between` of the last
      hidden layer's output, its `nc3` against the readout and `nc4`.

    Memory: X, and a chunk of 512 points' activations with their gradients for every output. Raises ValueError for names that
    are no linear layers, or labels that do not fit the outputs.

    >>> from torch import nn
    >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
    <torch._C.Generator ...>
    >>> X = torch.randn(90, 5)
    >>> y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
    >>> model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    >>> for _ in range(200):
    ...     optimiser.zero_grad()
    ...     nn.functional.cross_entropy(model(X), y).backward()
    ...     _ = optimiser.step()
    >>> table = measure(model, X, y)
    >>> nc1 = table[(table.component == "output") & (table.metric == "nc1")]
    >>> nc1.layer.tolist(), bool(nc1.value.is_monotonic_decreasing)
    ([1, 2], True)
    """
    probes, readout = _probes(network, layers)
    with _measuring(network, probes) as run:
        means = _class_means(run, probes, X, y)
        scatters, S, whole = _scatter_and_gradients(run, probes, _Gradients(network, probes), means, X, y)
    rows = [_row(0, "network", metric, value) for metric, value in whole.items()]
    last = scatters[len(probes), "output"]
    rows += [
        _row(0, "network", "trace_within", last.trace_within),
        _row(0, "network", "trace_between", last.trace_between),
    ]
    if readout is not None and readout.weight.shape == last.means.shape:
        rows.append(_row(0, "network", "nc3", nc3(readout.weight.detach(), last.means)))
    rows += [
        _row(layer, component, metric, value)
        for (layer, component), scatter in scatters.items()
        for metric, value in scatter.collapse.items()
    ]
    for index, (probe, s) in enumerate(zip(probes, S, strict=True), start=1):
        agop = LayerAgop(probe.layer.weight.detach(), s)
        null = agop.null_correlations(_frame(*agop.W.shape, seed, index))
        values = agop.correlations() | {f"{name}_rotated": value for name, value in null.items()}
        rows += [_row(index, "nfa", metric, value) for metric, value in values.items()]
    if ranks:
        rows += ablation_rows(network, X, y, [probe.name for probe in probes], ranks, S)
    return pd.DataFrame(rows, columns=COLUMNS)


@torch.no_grad()
def loss_and_accuracy(network: nn.Module, X: Tensor, y: Tensor, classes: int) -> dict[str, float]:
    """`loss` (mean square against ±1 targets) and `accuracy` of a network at N inputs with labels y, as they come."""
    squared = right = 0.0
    for start in range(0, len(X), CHUNK):
        output, labels = network(X[start : start + CHUNK]), y[start : start + CHUNK]
        squared += float((output.double() - (nn.functional.one_hot(labels, classes) * 2 - 1)).square().sum())
        right += float((output.argmax(1) == labels).sum())
    return {"loss": squared / (len(X) * classes), "accuracy": right / len(X)}


def ablation_rows(
    network: nn.Module,
    X: Tensor,
    y: Tensor,
    layers: Sequence[str] | None = None,
    ranks: Sequence[int] = (),
    S: Sequence[Tensor] | None = None,
) -> list[dict[str, Any]]:
    """The SVD ablation of every hidden layer (see :func:`.ablation.ablate_layer`), as rows like :func:`measure`'s.

    S: each layer's mean outer products of the gradients, for the AGOP's root in place of SVᵀ; left out if not given.
    """
    probes, _ = _probes(network, layers)
    with _measuring(network, probes) as run:
        ablations = [
            ablate_layer(
                probe.layer.weight.detach(), ranks, LayerAgop(probe.layer.weight.detach(), S[index]) if S else None
            )
            for index, probe in enumerate(probes)
        ]
        keys = [(index, name) for index, maps in enumerate(ablations) for name in maps]
        classes = int(y.max()) + 1
        means = {key: ClassMeans(classes) for key in keys}
        for _, labels in run(X, y):
            for index, name in keys:
                means[index, name].add(ablations[index][name](probes[index].input), labels)
        scatters = {key: Scatter(mean.means) for key, mean in means.items()}
        for _, labels in run(X, y):
            for index, name in keys:
                scatters[index, name].add(ablations[index][name](probes[index].input), labels)
    return [_row(index + 1, name, "nc1", scatter.collapse["nc1"]) for (index, name), scatter in scatters.items()]


def gradient_outer_products(
    network: nn.Module, X: Tensor, y: Tensor, layers: Sequence[str] | None = None
) -> list[Tensor]:
    """S = (1/N) Σ_ik δ_ik δ_ikᵀ of every hidden layer, in float64: with its W the layer's AGOP is WᵀSW (see LayerAgop).

    See :mod:`.outer_products` for how.
    """
    probes, _ = _probes(network, layers)
    with _measuring(network, probes) as run:
        gradients = _Gradients(network, probes)
        for output, _ in run(X, y, gradients.need_graph):
            gradients.add(output)
    return [s / len(X) for s in gradients.sums]


class _Gradients:
    """Sums of outer products of the gradients at the probes' pre-activations, in float64, a chunk of points at a time."""

    def __init__(self, network: nn.Module, probes: Sequence[Probe]) -> None:
        self._probes = probes
        self._stack = relu_stack(network, [probe.layer for probe in probes])
        self.need_graph = self._stack is None
        self.sums = [p.layer.weight.new_zeros((p.layer.out_features,) * 2, dtype=torch.float64) for p in probes]

    def add(self, output: Tensor) -> None:
        """Take in the chunk that the network was last run on, with this output (n×K)."""
        preactivations = [probe.preactivation for probe in self._probes]
        added = by_autograd(output, preactivations) if self._stack is None else of_stack(self._stack, preactivations)
        for total, s in zip(self.sums, added, strict=True):
            total += s


@lru_cache(maxsize=8)
def _frame(width: int, d: int, seed: int, index: int) -> Tensor:
    """What a layer's null puts in place of the AGOP's eigenvectors: the same in every epoch, and so drawn once."""
    return random_frame(d, width, generator(seed, "rotated null", index))


def _row(layer: int, component: str, metric: str, value: float) -> dict[str, Any]:
    return {"layer": layer, "component": component, "metric": metric, "value": value}


def _probes(network: nn.Module, layers: Sequence[str] | None) -> tuple[list[Probe], nn.Linear | None]:
    """Probes of the named layers, and the network's last linear layer if it is not among them."""
    linear = {name: part for name, part in network.named_modules() if isinstance(part, nn.Linear)}
    names = list(linear)[:-1] if layers is None else list(layers)
    for name in names:
        if name not in linear:
            raise ValueError(f"'{name}' is no linear layer of the network; it has {', '.join(linear) or 'none'}")
    if not names:
        raise ValueError("the network has no hidden linear layer to measure")
    last = list(linear)[-1]
    return [Probe(name, linear[name]) for name in names], None if last in names else linear[last]


@contextmanager
def _measuring(network: nn.Module, probes: Sequence[Probe]) -> Iterator[Any]:
    """Evaluation mode, frozen parameters and hooks for the time; gives a function that runs the network chunk by chunk."""
    training, frozen = network.training, [p for p in network.parameters() if p.requires_grad]
    hooks = [probe.layer.register_forward_hook(_recorder(probe)) for probe in probes]

    def run(X: Tensor, y: Tensor, gradients: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(X), CHUNK):
            with torch.set_grad_enabled(gradients):
                yield network(X[start : start + CHUNK]), y[start : start + CHUNK]

    try:
        network.eval()
        for parameter in frozen:
            parameter.requires_grad_(False)
        yield run
    finally:
        for hook in hooks:
            hook.remove()
        for parameter in frozen:
            parameter.requires_grad_(True)
        network.train(training)


def _recorder(probe: Probe) -> Any:
    def record(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        probe.input = inputs[0].detach().flatten(0, -2)
        if not torch.is_grad_enabled():
            # A copy, as a ReLU in place would overwrite what is recorded.
            probe.preactivation = output.clone().flatten(0, -2)
            return None
        # The parameters are frozen, so that the graph begins at the first layer measured and not at the network's input.
        recorded = output if output.requires_grad else output.requires_grad_()
        probe.preactivation = recorded
        return recorded.clone()

    return record


def _class_means(run: Any, probes: Sequence[Probe], X: Tensor, y: Tensor) -> dict[tuple[int, str], Tensor]:
    classes = int(y.max()) + 1
    means = {(index, name): ClassMeans(classes) for index in range(1, len(probes) + 1) for name in COMPONENTS}
    for output, labels in run(X, y):
        if output.shape[1] != classes:
            raise ValueError(f"the network has {output.shape[1]} outputs but the labels name {classes} classes")
        for index, probe in enumerate(probes, start=1):
            for name, features in probe.components().items():
                means[index, name].add(features, labels)
    return {key: mean.means for key, mean in means.items()}


def _scatter_and_gradients(
    run: Any,
    probes: Sequence[Probe],
    gradients: _Gradients,
    means: dict[tuple[int, str], Tensor],
    X: Tensor,
    y: Tensor,
) -> tuple[dict[tuple[int, str], Scatter], list[Tensor], dict[str, float]]:
    scatters = {key: Scatter(mean) for key, mean in means.items()}
    squared = wrong = apart = 0.0
    for output, labels in run(X, y, gradients.need_graph):
        for index, probe in enumerate(probes, start=1):
            for name, features in probe.components().items():
                scatters[index, name].add(features, labels)
        gradients.add(output)
        predicted, last = output.argmax(1), probes[-1].components()["output"]
        targets = nn.functional.one_hot(labels, output.shape[1]) * 2 - 1
        squared += float((output.detach().double() - targets).square().sum())
        wrong += float((predicted != labels).sum())
        apart += float((predicted != nearest_mean(last, means[len(probes), "output"])).sum())
    N, K = len(X), means[1, "input"].shape[0]
    return (
        scatters,
        [s / N for s in gradients.sums],
        {"loss": squared / (N * K), "accuracy": 1 - wrong / N, "nc4": apart / N},
    )
