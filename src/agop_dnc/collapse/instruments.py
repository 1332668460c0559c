"""A network under measurement: its hooks, what they keep of a forward pass, and what they put in a layer's place."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from . import attention
from .layers import MatrixLayer, matrix_layers, projections

Key = tuple[str, int]  # a layer's name, and which of its calls in one forward pass


@dataclass
class Recorder:
    """What the hooks keep of a forward pass, and what they put in place of a layer's output.

    Attributes:
        inputs, outputs: the calls whose tensors are kept; None for all.
        replaced: by call, a function of its input that gives its output.
    """

    inputs: set[Key] | None = None
    outputs: set[Key] | None = None
    replaced: dict[Key, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    overwritten: set[Key] = field(default_factory=set)
    calls: list[Key] = field(default_factory=list)
    kept_inputs: dict[Key, Tensor] = field(default_factory=dict)
    kept_outputs: dict[Key, Tensor] = field(default_factory=dict)
    marks: dict[Any, Key] = field(default_factory=dict)
    origins: dict[Key, Any] = field(default_factory=dict)
    versions: dict[Key, tuple[Tensor, int]] = field(default_factory=dict)
    without_graph: set[str] = field(default_factory=set)
    named: dict[str, list[Any]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """Forget the last forward pass."""
        for kept in (
            self.calls,
            self.kept_inputs,
            self.kept_outputs,
            self.marks,
            self.origins,
            self.versions,
            self.named,
        ):
            kept.clear()
        self._counts.clear()

    def take(self, layer: MatrixLayer, x: Tensor, z: Tensor) -> Tensor:
        """Keep what is wanted of a call, and return what the network is to go on with."""
        key = (layer.name, self._counts[layer.name])
        self._counts[layer.name] += 1
        tracing = self.inputs is None
        if tracing:
            self.calls.append(key)
            self.origins[key], self.versions[key] = x.grad_fn, (x, x._version)
        if tracing or key in (self.inputs or ()):
            self.kept_inputs[key] = x.detach().clone() if tracing or key in self.overwritten else x.detach()
        if key in self.replaced:
            z = self.replaced[key](x)
        if not (self.outputs is None or key in self.outputs):
            return z
        if not torch.is_grad_enabled():
            self.kept_outputs[key] = z.clone()  # as a ReLU in place would overwrite what is kept
            self.without_graph.add(layer.name)
            return z
        # Parameters are frozen, so that the graph begins at the first layer measured and not at the network's input.
        recorded = z if z.requires_grad else z.detach().requires_grad_()
        self.kept_outputs[key] = recorded
        passed_on = recorded.clone()
        self.marks[passed_on.grad_fn] = key
        return passed_on


class Instruments:
    """A network that is being measured: evaluation mode, frozen parameters, and hooks, all put back at the end.

    Use it in a `with` statement. Attributes: layers (by name), recorder, features (names of modules whose outputs are kept).
    """

    def __init__(self, network: nn.Module, features: Sequence[str] = ()) -> None:
        # A compiled module is the module that it was made from, with the same weights.
        self.network: nn.Module = getattr(network, "_orig_mod", network)
        self.layers = matrix_layers(self.network)
        self.recorder = Recorder()
        self.written_out: set[str] = set()
        self.features = list(features)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Instruments:
        modules = list(self.network.modules())
        training = [module.training for module in modules]
        frozen = [p for p in self.network.parameters() if p.requires_grad]
        fast = torch.backends.mha.get_fastpath_enabled()

        def restore() -> None:
            torch.backends.mha.set_fastpath_enabled(fast)
            for parameter in frozen:
                parameter.requires_grad_(True)
            for module, mode in zip(modules, training, strict=True):
                module.training = mode

        self._stack.callback(restore)
        try:
            self.network.eval()
            for parameter in frozen:
                parameter.requires_grad_(False)
            torch.backends.mha.set_fastpath_enabled(False)  # it calls no module
            self._hook()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _hook(self) -> None:
        modules = dict(self.network.named_modules())
        for name, layer in self.layers.items():
            if layer.module is modules.get(name):
                handle = layer.module.register_forward_hook(self._hook_of(layer), with_kwargs=True)
                self._stack.callback(handle.remove)
        for name in self.features:
            if name not in modules:
                raise ValueError(
                    f"features names '{name}', which is no module of the network; it has {', '.join(modules)}"
                )
            handle = modules[name].register_forward_hook(self._keeper(name))
            self._stack.callback(handle.remove)

    def write_out_attentions(self) -> None:
        """Put forward passes with visible projections in place of those of every attention that allows it."""
        for name, module in self.network.named_modules():
            if isinstance(module, nn.MultiheadAttention) and attention.can_be_written_out(module):
                parts = projections(name, module)

                def project(part: str, x: Tensor, parts: dict[str, MatrixLayer] = parts) -> Tensor:
                    layer = parts[part]
                    return self.recorder.take(layer, x, layer.with_bias(layer.apply(layer.weight, x)))

                module.forward = attention.written_out(module, project)  # type: ignore[method-assign]
                self._stack.callback(module.__dict__.pop, "forward", None)
                self.written_out.add(name)

    def leave_attentions(self) -> None:
        """Put the attentions' own forward passes back."""
        for name in self.written_out:
            self.network.get_submodule(name).__dict__.pop("forward", None)
        self.written_out.clear()

    def _hook_of(self, layer: MatrixLayer) -> Any:
        def hook(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], z: Tensor) -> Tensor:
            return self.recorder.take(layer, arguments[0] if arguments else named["input"], z)

        return hook

    def _keeper(self, name: str) -> Any:
        def hook(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            value = output.detach().clone() if isinstance(output, Tensor) else output
            self.recorder.named.setdefault(name, []).append(value)

        return hook
