"""Labelled points in whatever form a user has them, and a network's outputs in whatever form it gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..labels import decode, encode

Batch = tuple[Any, ...] | dict[str, Any]
_LABEL_KEYS = ("labels", "label", "targets", "target", "y")
Choice = str | int | Callable[[Any], Any] | None


class Points:
    """N points, given as tensors or arrays, or batch by batch by a loader that can be read more than once.

    Args:
        X: a tensor, array or list with a point per row; a tuple or mapping of them for a network of several inputs; or an
            iterable of batches: inputs alone, (inputs, labels), or mappings with a key such as `labels`.
        y: N labels, if X is no loader; None if there are none.
        network: its parameters say on which device and in which precision inputs are needed.
    """

    def __init__(self, X: Any, y: Any, network: nn.Module) -> None:
        like = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
        self._device, self._dtype = like.device, like.dtype
        self._loader: Iterable[Any] | None = None
        self._batch: Batch = ()
        if isinstance(X, Mapping):
            self._batch = {str(name): self._tensor(x) for name, x in X.items()}
        elif isinstance(X, (Tensor, np.ndarray)) or hasattr(X, "to_numpy"):
            self._batch = (self._tensor(X),)
        elif isinstance(X, tuple):
            self._batch = tuple(self._tensor(x) for x in X)
        elif isinstance(X, list) and X and not isinstance(X[0], (tuple, Mapping, Tensor)):
            self._batch = (self._tensor(np.asarray(X)),)
        elif isinstance(X, Iterable):
            if iter(X) is X:
                raise ValueError(
                    "the points are read several times, which an iterator cannot be; give a list or a DataLoader"
                )
            if y is not None:
                raise ValueError("a loader brings its own labels; leave y out")
            self._loader = X
        else:
            raise ValueError(f"points must be a tensor, an array or a loader of batches, not {type(X).__name__}")
        if self._loader is None:
            self.labels, self.N = y, _points_in(self._batch)
        else:
            self.labels, self.N = self._read_labels()
        if self.N < 2:
            raise ValueError(f"measuring takes two points or more, not {self.N}")

    def targets(self, classes: Any, outputs: int) -> Targets:
        """Return the points' classes, or why they have none; outputs: the network's."""
        if self.labels is None:
            return Targets(None, None, None, "there are no labels")
        if (why := _no_classes(self.labels)) and classes is None:
            return Targets(None, None, None, why)
        codes, found = encode(self.labels, classes)
        if len(codes) != self.N:
            raise ValueError(f"there are {self.N} points but {len(codes)} labels; give one label per point")
        present, compact = torch.unique(codes, return_inverse=True)
        if len(present) < 2:
            raise ValueError(
                "all labels are of one class; neural collapse compares classes, so give two or more, or y=None"
            )
        places = _output_places(found, classes is not None, outputs, len(present))
        return Targets(compact.cpu(), decode(present, found), None if places is None else places[present.cpu()], None)

    def head(self, count: int) -> tuple[Batch, int]:
        """Return the first points (at most `count`, at least two) and their number."""
        if self._loader is None:
            count = min(count, self.N)
            return self._moved(_rows(self._batch, slice(0, count))), count
        for item in self._loader:
            batch, _ = self._parts(item)
            count = min(count, _points_in(batch))
            if count > 1:
                return self._moved(_rows(batch, slice(0, count))), count
        raise ValueError("the loader's batches are of one point each; make them of two or more")

    def chunks(self, size: int, targets: Targets) -> Iterator[tuple[Batch, Tensor | None]]:
        """Yield all points, at most `size` at once, with their classes' codes; a loader may give them in another order."""
        done = 0
        for batch, y in self._batches():
            points = _points_in(batch)
            codes = targets.codes if self._loader is None else targets.encoded(y)
            for start in range(0, points, size):
                rows = slice(start, min(start + size, points))
                yield self._moved(_rows(batch, rows)), None if codes is None else codes[rows].to(self._device)
            done += points
        if done != self.N:
            raise ValueError(f"the loader gave {self.N} points at first and {done} when it was read again")

    def _batches(self) -> Iterator[tuple[Batch, Any]]:
        if self._loader is None:
            yield self._batch, self.labels
        else:
            for item in self._loader:
                yield self._parts(item)

    def _read_labels(self) -> tuple[Any, int]:
        """Return the labels of a loader, which are read once before anything is measured, and the number of points."""
        labels, N = [], 0
        for item in self._loader or ():
            batch, y = self._parts(item)
            N += _points_in(batch)
            labels.append(y)
        if not labels or any(y is None for y in labels):
            return None, N
        if all(isinstance(y, Tensor) for y in labels):
            return torch.cat([y.reshape(len(y), -1) if y.ndim != 1 else y for y in labels]), N
        return np.concatenate([np.asarray(y) for y in labels]), N

    def _parts(self, item: Any) -> tuple[Batch, Any]:
        """Return a loader's batch as inputs and labels."""
        if isinstance(item, Mapping):
            key = next((name for name in _LABEL_KEYS if name in item), None)
            inputs = {str(name): self._tensor(x) for name, x in item.items() if name != key}
            return inputs, None if key is None else item[key]
        if isinstance(item, (tuple, list)):
            if len(item) == 1:
                return (self._tensor(item[0]),), None
            *arguments, y = item
            if len(arguments) == 1 and isinstance(arguments[0], Mapping):
                return {str(name): self._tensor(x) for name, x in arguments[0].items()}, y
            if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)):
                arguments = list(arguments[0])
            return tuple(self._tensor(x) for x in arguments), y
        return (self._tensor(item),), None

    def _tensor(self, x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            values = x.to_numpy() if hasattr(x, "to_numpy") else np.asarray(x)
            if values.dtype.kind not in "biuf":
                raise ValueError(f"inputs must be numbers, not {values.dtype}")
            return torch.from_numpy(np.ascontiguousarray(values))
        return x.detach()

    def _moved(self, batch: Batch) -> Batch:
        if isinstance(batch, dict):
            return {name: self._move(x) for name, x in batch.items()}
        return tuple(self._move(x) for x in batch)

    def _move(self, x: Tensor) -> Tensor:
        moved = x.to(self._device, self._dtype) if x.is_floating_point() else x.to(self._device)
        if moved.is_floating_point() and not bool(torch.isfinite(moved).all()):
            raise ValueError("the inputs hold values that are not finite; drop or fill them")
        return moved


class Targets:
    """The classes of N points.

    Attributes:
        codes: N integers 0 … K−1, on the CPU, of the K classes that have points; None if there are no classes.
        classes: their labels.
        outputs: the network's output for each of them, if it has one per class.
        why: the reason if there are no classes.
    """

    def __init__(self, codes: Tensor | None, classes: Any, outputs: Tensor | None, why: str | None) -> None:
        self.codes, self.classes, self.outputs, self.why = codes, classes, outputs, why

    @property
    def K(self) -> int:
        """Return the number of classes with points."""
        return 0 if self.classes is None else len(self.classes)

    def encoded(self, y: Any) -> Tensor | None:
        """Return the codes of a batch's labels."""
        return None if self.classes is None else encode(y, self.classes)[0].cpu()


def run(network: nn.Module, batch: Batch, choose: Choice = None) -> Tensor:
    """Return a network's outputs for a batch as a matrix (n×K).

    Args:
        network: called with the batch's inputs.
        batch: positional inputs, or named ones.
        choose: which part of a tuple or mapping is the output, or a function that takes what the network returns to it. If
            not given, a mapping's `logits` or only tensor, and a tuple's first tensor.

    Raises:
        ValueError: if the output is not one row of numbers per point.
    """
    try:
        raw = network(**batch) if isinstance(batch, dict) else network(*batch)
    except (RuntimeError, TypeError) as error:
        shapes = ", ".join(f"{tuple(x.shape)} of {x.dtype}" for x in _tensors(batch))
        raise ValueError(f"the network does not take inputs of shape {shapes}: {str(error).splitlines()[0]}") from error
    output = chosen(raw, choose)
    points = _points_in(batch)
    if output.ndim == 1 and len(output) == points:
        output = output[:, None]
    if output.ndim > 2 and output[0].numel() == max(output.shape[1:]):
        output = output.flatten(1)
    if output.ndim == 0 or len(output) != points or output.ndim != 2:
        raise ValueError(
            f"outputs must be one row of numbers per point, not of shape {tuple(output.shape)} for {points} points; "
            "give output=, a function that takes what the network returns to that"
        )
    return output


def chosen(raw: Any, choose: Choice) -> Tensor:
    """Return the tensor that is the network's output."""
    if callable(choose):
        value = choose(raw)
    elif choose is not None:
        value = raw[choose]
    elif isinstance(raw, Mapping):
        tensors = {name: value for name, value in raw.items() if isinstance(value, Tensor)}
        if "logits" not in tensors and len(tensors) != 1:
            raise ValueError(f"the network returns {', '.join(map(str, raw))}; say with output= which one to measure")
        value = tensors["logits"] if "logits" in tensors else next(iter(tensors.values()))
    elif isinstance(raw, (tuple, list)):
        value = next((part for part in raw if isinstance(part, Tensor)), None)
    else:
        value = raw
    if not isinstance(value, Tensor):
        raise ValueError(f"the network's output is a {type(value).__name__} and no tensor; choose one with output=")
    return value


def left_out(raw: Any, choose: Choice) -> str | None:
    """Say which parts of what a network returns were not taken for its output, if there are any."""
    if choose is not None or not isinstance(raw, (tuple, list, Mapping)) or len(raw) < 2:
        return None
    taken = "'logits'" if isinstance(raw, Mapping) else "the first tensor"
    return f"the network returns {len(raw)} values, of which {taken} was measured; choose another with output="


def _no_classes(y: Any) -> str | None:
    """Say why targets are no class labels, if they are numbers that cannot be."""
    values = y.detach().cpu().float().numpy() if isinstance(y, Tensor) and y.is_floating_point() else y
    values = values.to_numpy() if hasattr(values, "to_numpy") else values
    if isinstance(values, Tensor):
        return None
    values = np.asarray(values)
    if values.dtype.kind != "f":
        return None
    if values.ndim > 1:
        return f"the targets are {'×'.join(map(str, values.shape))} numbers and no class labels"
    if np.isfinite(values).all() and not np.array_equal(values, np.round(values)):
        return "the targets are not whole numbers, and so no class labels"
    return None


def _output_places(classes: Any, given: bool, outputs: int, present: int) -> Tensor | None:
    """Return the output that belongs to each class, or None if a single output cannot be one of several classes."""
    values = classes.cpu().numpy() if isinstance(classes, Tensor) else np.asarray(classes)
    if given and len(values) == outputs:
        return torch.arange(outputs)
    if not given and values.dtype.kind in "biuf" and values.min() >= 0 and values.max() < outputs and outputs > 1:
        return torch.from_numpy(values.astype(np.int64))
    if not given and len(values) == outputs:
        return torch.arange(outputs)
    if outputs == 1:
        return None
    listed = ", ".join(map(str, values[:8])) + (", …" if len(values) > 8 else "")
    raise ValueError(
        f"the network has {outputs} outputs but the labels name {len(values)} classes ({listed}); give classes=, the label of "
        "each output in their order"
    )


def _tensors(batch: Batch) -> Sequence[Tensor]:
    return list(batch.values()) if isinstance(batch, dict) else list(batch)


def _points_in(batch: Batch) -> int:
    lengths = {len(x) if x.ndim else 0 for x in _tensors(batch)}
    if len(lengths) != 1:
        raise ValueError(f"the inputs hold different numbers of points: {sorted(lengths)}")
    return lengths.pop()


def _rows(batch: Batch, rows: slice) -> Batch:
    return {name: x[rows] for name, x in batch.items()} if isinstance(batch, dict) else tuple(x[rows] for x in batch)
