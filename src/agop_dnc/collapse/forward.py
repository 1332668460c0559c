r"""What happens in a network's forward pass: which layers are called, in which order, and what of one enters the next.

None of this is read from how a module is put together, as its forward pass may do anything. The network runs on a few points
with a mark on the output of every layer that multiplies by a matrix, and the graph that autograd records is walked back from
each layer's input, and from the network's output, to the nearest marks. That gives

- the *order* of the calls;
- for every layer its *successor*, the first later call that gets something of its output without another layer in
  between, whatever else is: activation, normalisation, pooling, attention, sums;
- the *readout*, the one layer from which the network's output comes directly.

A second pass with fewer points shows which axis of a tensor counts the points, and that a point's values are its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .instruments import Instruments, Key
from .layers import MatrixLayer
from .layouts import Layout, close, layout_of, named_layout, tolerance

OUTPUT: Key = ("the network's output", -1)
_SILENT = {"CloneBackward0", "AliasBackward0"}


@dataclass
class Trace:
    """What a forward pass showed.

    Attributes:
        calls: of layers, in order.
        before: for every call, and the network's output, the calls whose outputs reach it directly.
        between: the names of autograd's operations on the way.
        inputs, outputs: layouts of the calls' tensors.
        sizes: per call, the numbers of entries per point at its input and its output.
        faults: by layer, why it cannot be measured.
        K: the number of the network's outputs.
        features: by named module, the layout of its output and the number of entries per point.
    """

    calls: list[Key]
    before: dict[Key, set[Key]]
    between: dict[Key, list[str]]
    inputs: dict[Key, Layout]
    outputs: dict[Key, Layout]
    sizes: dict[Key, tuple[int, int]]
    faults: dict[str, str]
    K: int
    features: dict[str, tuple[Layout, int]]

    @property
    def readout(self) -> Key | None:
        """Return the one call from which the network's output comes directly, if it is one and its outputs are as many."""
        final = self.before[OUTPUT]
        call = next(iter(final)) if len(final) == 1 else None
        return call if call is not None and call in self.sizes and self.sizes[call][1] == self.K else None

    def successor(self, call: Key) -> Key:
        """Return the first later call that this one's output enters directly, or the network's output."""
        return next((later for later in self.calls if call in self.before[later]), OUTPUT)

    def only_relu_before(self, later: Key, call: Key) -> bool:
        """Say whether nothing but a ReLU lies between a call's output and a later call's input."""
        return self.before[later] == {call} and self._operations(later) == ["ReluBackward0"]

    def nothing_before(self, later: Key, call: Key) -> bool:
        """Say whether a call's output is the later call's input, or the network's output, as it is."""
        return self.before[later] == {call} and not self._operations(later)

    def _operations(self, later: Key) -> list[str]:
        return [name for name in self.between[later] if name not in _SILENT]


Run = Callable[[Any], Tensor]


def trace(instruments: Instruments, call: Run, first: Any, fewer: Any, points: int) -> Trace:
    """Run the network on a few points and report what its forward pass does.

    Args:
        instruments: the network, instrumented.
        call: runs the network on a batch and returns its outputs (n×K).
        first: a batch of `points` points.
        fewer: the same without its first point.
        points: two or more.

    Raises:
        ValueError: if the outputs of a point depend on the other points of its batch, or on random numbers.
    """
    recorder = instruments.recorder
    with torch.no_grad():
        plain = call(first)
    instruments.write_out_attentions()
    if instruments.written_out:
        with torch.no_grad():
            same = close(call(first), plain)
        if not same:
            instruments.leave_attentions()
    recorder.start()
    recorder.without_graph.clear()
    recorder.inputs = recorder.outputs = None
    with torch.enable_grad():
        output = call(first)
    if not close(output, plain):
        raise ValueError(
            "the network's outputs change from one run to the next; make it free of random numbers, as in eval()"
        )
    marks, origins, calls = dict(recorder.marks), dict(recorder.origins), list(recorder.calls)
    recorder.overwritten = {key for key, (x, version) in recorder.versions.items() if x._version != version}
    before, between = {}, {}
    for key in calls:
        before[key], between[key] = _walk(origins[key], marks)
    before[OUTPUT], between[OUTPUT] = _walk(output.grad_fn, marks)
    whole = (
        dict(recorder.kept_inputs),
        {key: z.detach() for key, z in recorder.kept_outputs.items()},
        dict(recorder.named),
    )
    without_graph = set(recorder.without_graph)
    recorder.start()
    with torch.no_grad():
        part_output = call(fewer)
    if not close(output.detach()[1:], part_output):
        raise ValueError(
            "the network's outputs for a point depend on the other points of its batch; measure one that treats each alone"
        )
    found = Trace(calls, before, between, {}, {}, {}, {}, output.shape[1], {})
    reached = _reached(before)
    times = Counter(name for name, _ in calls)
    for key in calls:
        name, layer = key[0], instruments.layers[key[0]]
        x, z = whole[0][key], whole[1][key]
        layouts = [
            layout_of(many, kept.get(key), points)
            for many, kept in ((x, recorder.kept_inputs), (z, recorder.kept_outputs))
        ]
        if layouts[0] is not None and layouts[1] is not None:
            found.inputs[key], found.outputs[key] = layouts[0], layouts[1]
            found.sizes[key] = x.numel() // points, z.numel() // points
        if times[name] > 1:
            fault = f"is called {times[name]} times in one forward pass, so that it has no single input"
        elif name in without_graph:
            fault = "runs without gradients (under torch.no_grad or a reentrant checkpoint)"
        elif key not in reached:
            fault = "has no part in the network's output, as far as gradients show"
        else:
            fault = _fault(layer, x, z, layouts)
        if fault:
            found.faults[name] = fault
    for name, layer in instruments.layers.items():
        if times[name] == 0:
            found.faults[name] = _why_not_called(name, layer)
    found.features = {name: named_layout(name, values, recorder.named, points) for name, values in whole[2].items()}
    for name in instruments.features:
        if name not in found.features:
            raise ValueError(f"features names '{name}', which is not called in the forward pass")
    recorder.start()
    return found


def other_parameters(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield modules with matrices among their own parameters that are no layers of ours, with the reason."""
    for name, module in network.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.MultiheadAttention)):
            continue
        matrices = [own for own, p in module.named_parameters(recurse=False) if p.ndim >= 2 and min(p.shape[-2:]) > 1]
        if matrices:
            yield (
                name or type(module).__name__,
                f"is of type {type(module).__name__}, whose {' and '.join(matrices)} multiplies no vectors as a linear layer's or a convolution's weight does",
            )


def _walk(start: Any, marks: dict[Any, Key]) -> tuple[set[Key], list[str]]:
    """Return the marks that are met first on every way back from a node, and the names of the nodes on the way."""
    found, names, seen, open_nodes = set(), [], set(), [start]
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in marks:
            found.add(marks[node])
            continue
        names.append(node.name())
        open_nodes += [earlier for earlier, _ in node.next_functions]
    return found, names


def _reached(before: dict[Key, set[Key]]) -> set[Key]:
    """Return the calls from which a way leads to the network's output."""
    seen: set[Key] = set()
    open_calls = [OUTPUT]
    while open_calls:
        for earlier in before[open_calls.pop()] - seen:
            seen.add(earlier)
            open_calls.append(earlier)
    return seen


def _fault(layer: MatrixLayer, x: Tensor, z: Tensor, layouts: list[Layout | None]) -> str:
    """Return why a call with this input and output cannot be measured, or nothing if it can."""
    if None in layouts:
        return "has an input or output of which no part belongs to each point alone"
    if not layer.computes(x, z, tolerance(z)):
        return f"is of type {type(layer.module).__name__}, whose output is not Wx + b of its weight and bias"
    return ""


def _why_not_called(name: str, layer: MatrixLayer) -> str:
    if isinstance(layer.module, nn.MultiheadAttention):
        return "is a projection of an attention whose forward pass could not be written out"
    return "is not called in the forward pass; its weight may be used by another module or not at all"
