"""A network, points and the layers to measure, held together for as long as they are measured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import did_you_mean
from .forward import OUTPUT, Trace, other_parameters, trace
from .gradients import autograd_products, relu_stack_products
from .instruments import Instruments, Key
from .layers import MatrixLayer
from .layouts import Layout
from .points import Batch, Choice, Points, left_out, run

COMPONENTS = ("input", "right", "output")
POSITIONS = ("flatten", "mean")
# Numbers that a place's class means may hold (1 GiB in float64), and bytes of recorded tensors a chunk or a cache may take.
_MOST_MEANS = 2**27
_CHUNK_BYTES = 128 * 2**20
_CACHE_BYTES = 256 * 2**20
_TRACED = 3

Place = tuple[str, Key]  # what of a call: its `input`, its `right` (Wφ), or a named `module`'s output
Progress = Callable[[str], None] | bool | None


@dataclass(frozen=True)
class Site:
    """One measured layer: its number from 1 in the order of the forward pass, its call, and the call that follows it."""

    index: int
    key: Key
    layer: MatrixLayer
    successor: Key

    @property
    def name(self) -> str:
        """Return the module's name."""
        return self.key[0]

    @property
    def places(self) -> dict[str, Place]:
        """Where its input Φ, its right part SVᵀΦ and its output are found."""
        return {"input": ("input", self.key), "right": ("right", self.key), "output": ("input", self.successor)}


@dataclass
class Chunk:
    """Some points that went through the network: inputs, outputs (n×K), classes' codes, and what the layers left."""

    batch: Batch
    output: Tensor
    codes: Tensor | None
    inputs: dict[Key, Tensor]
    preactivations: dict[Key, Tensor]
    modules: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.output)


class Session:
    """Runs a network on points, chunk by chunk, and hands out what was asked of it. Use it in a `with` statement.

    Attributes:
        sites: the layers that are measured, in order.
        not_measured: by name, why something is not.
        targets: the points' classes.
        readout: the last linear layer's call, if the network ends in one.
    """

    def __init__(
        self,
        network: nn.Module,
        X: Any,
        y: Any,
        layers: Sequence[str] | None,
        *,
        most: int,
        classes: Any = None,
        features: Sequence[str] = (),
        positions: str = "flatten",
        output: Choice = None,
        progress: Progress = None,
    ) -> None:
        if positions not in POSITIONS:
            raise ValueError(f"unknown positions '{positions}'{did_you_mean(positions, POSITIONS)}")
        self.points = Points(X, y, network)
        self.instruments = Instruments(network, features)
        self.not_measured: dict[str, str] = {}
        self.say = _speaker(progress)
        self._choose, self._positions, self._most = output, positions, most
        self._layers, self._classes = layers, classes
        self._cache: list[Chunk] | None = None
        self._fast = True

    def __enter__(self) -> Session:
        self.instruments.__enter__()
        try:
            self._look()
        except BaseException:
            self.instruments.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.instruments.__exit__()

    def _look(self) -> None:
        batch, count = self.points.head(_TRACED)
        fewer: Batch = (
            {name: x[1:] for name, x in batch.items()} if isinstance(batch, dict) else tuple(x[1:] for x in batch)
        )
        network = self.instruments.network
        self.trace: Trace = trace(self.instruments, self._call, batch, fewer, count)
        with torch.no_grad():
            raw = network(**batch) if isinstance(batch, dict) else network(*batch)
        if note := left_out(raw, self._choose):
            self.not_measured["output"] = note
        del raw
        self.targets = self.points.targets(self._classes, self.trace.K)
        if self.targets.why is not None:
            self.not_measured["neural collapse"] = self.targets.why
        self.readout = self._readout()
        self.sites = [
            Site(index, key, self.instruments.layers[key[0]], self.trace.successor(key))
            for index, key in enumerate(self._chosen_calls(), start=1)
        ]
        if not self.sites and self.readout is None and not self.instruments.recorder.named and not self.trace.features:
            reasons = "".join(f"; {name} {why}" for name, why in self.not_measured.items())
            raise ValueError(f"the network has no hidden linear layer or convolution to measure{reasons}")
        recorder = self.instruments.recorder
        recorder.outputs = {site.key for site in self.sites}
        recorder.inputs = {key for site in self.sites for key in (site.key, site.successor)} - {OUTPUT}
        if self.readout is not None:
            recorder.inputs.add(self.readout)
        self.chunk_size = self._fitting_chunk()
        self._relu_weights = self._weights_of_relu_stack()
        self._fast = self._relu_weights is not None

    def _call(self, batch: Batch) -> Tensor:
        return run(self.instruments.network, batch, self._choose)

    def _readout(self) -> Key | None:
        """Return the readout's call: a linear layer of the points themselves, not of tokens."""
        key = self.trace.readout
        if key is None or key not in self.trace.inputs:
            return None
        layer = self.instruments.layers[key[0]]
        plain = self.trace.sizes[key] == (layer.weight.shape[1], layer.width)
        return key if plain and key[0] not in self.trace.faults else None

    def _chosen_calls(self) -> list[Key]:
        found, faults = self.instruments.layers, self.trace.faults
        if self._layers is None:
            self.not_measured |= faults | dict(other_parameters(self.instruments.network))
            if self.readout is not None:
                self.not_measured[self.readout[0]] = "is the readout; name it in layers= to measure it as a layer too"
            names = {name for name, _ in self.trace.calls if name not in faults} - {self.readout and self.readout[0]}
        else:
            names = set(self._layers)
            for name in self._layers:
                if name not in found:
                    raise ValueError(
                        f"'{name}' is no linear layer or convolution of the network{did_you_mean(name, found) if found else ''}"
                    )
                if name in faults:
                    raise ValueError(f"layer '{name}' cannot be measured: it {faults[name]}")
        return [key for key in self.trace.calls if key[0] in names]

    def _fitting_chunk(self) -> int:
        """Return how many points may go through at once: what is kept of them, and what lies between, must fit."""
        weights = next((p for p in self.instruments.network.parameters()), torch.empty(0))
        numbers = sum(sum(self.trace.sizes[site.key]) for site in self.sites)
        self._bytes_per_point = weights.element_size() * numbers
        return max(1, min(self._most, _CHUNK_BYTES // max(1, self._bytes_per_point)))

    def _weights_of_relu_stack(self) -> list[Tensor] | None:
        """Return the weights from the first layer measured to the readout, if nothing but ReLUs is between and nothing behind it."""
        sites, readout, found = self.sites, self.readout, self.trace
        if not sites or readout is None or not found.nothing_before(OUTPUT, readout):
            return None
        followers = [site.key for site in sites[1:]] + [readout]
        plain = all(found.sizes[site.key] == tuple(reversed(site.layer.weight.shape)) for site in sites)
        chained = all(found.only_relu_before(later, site.key) for site, later in zip(sites, followers, strict=True))
        if not (plain and chained):
            return None
        return [site.layer.weight for site in sites] + [self.instruments.layers[readout[0]].weight]

    def chunks(self, gradients: bool = False) -> Iterator[Chunk]:
        """Yield all points' chunks; with `gradients` their outer products can be asked for (see :meth:`products`).

        A second reading costs no forward pass if the first one's tensors fit into 256 MiB and need no graph.
        """
        graph = gradients and not self._fast
        if self._cache is not None and not graph:
            yield from self._cache
            return
        keep = self._cache is None and self._fast and self._bytes_per_point * self.points.N <= _CACHE_BYTES
        kept: list[Chunk] = []
        for batch, codes in self.points.chunks(self.chunk_size, self.targets):
            chunk = self._run(batch, codes, graph)
            if keep:
                kept.append(chunk)
            yield chunk
        if keep:
            self._cache = kept

    def _run(self, batch: Batch, codes: Tensor | None, graph: bool) -> Chunk:
        recorder = self.instruments.recorder
        recorder.start()
        with torch.set_grad_enabled(graph):
            output = self._call(batch)
        modules = {name: values[0] for name, values in recorder.named.items()}
        return Chunk(batch, output, codes, dict(recorder.kept_inputs), dict(recorder.kept_outputs), modules)

    def features(self, place: Place, chunk: Chunk) -> Tensor:
        """Return what is at a place as a row per point (n×D)."""
        kind, key = place
        if kind == "module":
            t, layout, channels = chunk.modules[key[0]], self.trace.features[key[0]][0], 1
        elif key == OUTPUT:
            return chunk.output.detach()
        elif kind == "input":
            t, layout = chunk.inputs[key], self.trace.inputs[key]
            channels = self.instruments.layers[key[0]].channels
        else:
            layer = self.instruments.layers[key[0]]
            t, layout = layer.without_bias(chunk.preactivations[key].detach()), self.trace.outputs[key]
            channels = layer.channels
        if kind == "module" and t.ndim == 3:
            channels = -1  # tokens; images have their channels first
        return self.reduced(t, layout, len(chunk), channels)

    def reduced(self, t: Tensor, layout: Layout, points: int, channels: int) -> Tensor:
        """Return a tensor as a row per point: all its entries, or their means over positions."""
        return layout.mean(t, points, channels) if self._positions == "mean" else layout.features(t, points)

    def places(self) -> tuple[dict[tuple[int, str, str], Place], set[Place]]:
        """Return, by layer number, name and component, where neural collapse is measured, and the different places of all."""
        wanted: dict[tuple[int, str, str], Place] = {}
        if self.targets.codes is None:
            return wanted, set()
        for site in self.sites:
            for component, place in site.places.items():
                wanted[site.index, site.name, component] = place
        wanted |= {(0, name, "features"): ("module", (name, 0)) for name in self.trace.features}
        if self.readout is not None and ("input", self.readout) not in wanted.values():
            wanted[0, "", "penultimate"] = ("input", self.readout)
        for label, place in list(wanted.items()):
            if why := self._too_much(place):
                self.not_measured[" ".join(part for part in label[1:] if part)] = why
                del wanted[label]
        return wanted, set(wanted.values())

    def _too_much(self, place: Place) -> str | None:
        kind, key = place
        if key == OUTPUT or self._positions == "mean":
            return None
        if kind == "module":
            numbers = self.trace.features[key[0]][1]
        elif key not in self.trace.sizes:
            return f"what enters {key[0]} next has no part that belongs to each point alone"
        else:
            numbers = self.trace.sizes[key][kind == "right"]
        if numbers * self.targets.K <= _MOST_MEANS:
            return None
        return (
            f"has {numbers:,} numbers per point, too many for the means of {self.targets.K} classes; "
            "with positions='mean' their mean over positions is measured"
        )

    @property
    def penultimate(self) -> Place | None:
        """Return what enters the readout, or else the last measured layer's output."""
        if self.readout is not None:
            return "input", self.readout
        return self.sites[-1].places["output"] if self.sites else None

    def products(self, chunk: Chunk) -> list[Tensor]:
        """Return Σ_ik δ_ik δ_ikᵀ of every layer for a chunk, over its positions too."""
        layers = [site.layer for site in self.sites]
        if self._fast and self._is_relu_of_before(chunk):
            preactivations = [site.layer.rows(chunk.preactivations[site.key]) for site in self.sites]
            return relu_stack_products(self._relu_weights or [], preactivations)
        if self._fast:
            chunk = self._run(chunk.batch, chunk.codes, graph=True)
        return autograd_products(chunk.output, layers, [chunk.preactivations[site.key] for site in self.sites])

    def positions_of(self, site: Site) -> int:
        """Return how many vectors or patches of each point a layer multiplies."""
        return self.trace.sizes[site.key][1] // site.layer.width

    def _is_relu_of_before(self, chunk: Chunk) -> bool:
        """Return whether a chunk's values agree with the graph, which was read at the first points alone."""
        return all(
            torch.equal(chunk.inputs[site.successor], chunk.preactivations[site.key].relu()) for site in self.sites
        )

    def replacing(self, site: Site, forward: Callable[[Tensor], Tensor], chunk: Chunk) -> Chunk:
        """Run a chunk's points through the network with another map in a layer's place."""
        recorder = self.instruments.recorder
        recorder.replaced = {site.key: forward}
        try:
            return self._run(chunk.batch, chunk.codes, graph=False)
        finally:
            recorder.replaced = {}


def _speaker(progress: Progress) -> Callable[[str], None]:
    if callable(progress):
        return progress
    if progress:
        return lambda text: print(text, file=sys.stderr, flush=True)
    return lambda text: None
