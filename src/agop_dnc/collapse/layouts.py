"""Where the points are in a tensor of a forward pass: which axis counts them, seen from a second pass with fewer points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Relative to a tensor's largest entry: rounding in other orders, which differ with the number of points.
_ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-3}


@dataclass(frozen=True)
class Layout:
    """Where a tensor's points are: along `axis`, `factor` consecutive entries per point (windows of an image, say)."""

    axis: int
    factor: int

    def features(self, t: Tensor, points: int) -> Tensor:
        """Return a tensor as one row per point (points×…)."""
        if t.shape[self.axis] != points * self.factor:
            raise ValueError(f"a tensor of shape {tuple(t.shape)} does not hold {points} points as the first ones did")
        return t.movedim(self.axis, 0).reshape(points, -1)

    def mean(self, t: Tensor, points: int, channels: int) -> Tensor:
        """Return the mean over all positions of each point (points×channels)."""
        if t.ndim == 2 and self.factor == 1:
            return self.features(t, points)
        last = t.movedim(channels, -1)
        return last.movedim(self.axis, 0).reshape(points, -1, last.shape[-1]).mean(1)


def layout_of(many: Tensor, fewer: Tensor | None, points: int) -> Layout | None:
    """Find the axis that counts points, from the same tensor for all of them and for all but the first."""
    if fewer is None or many.ndim != fewer.ndim:
        return None
    axes = [axis for axis, (a, b) in enumerate(zip(many.shape, fewer.shape, strict=True)) if a != b]
    if len(axes) != 1 or many.shape[axes[0]] % points:
        return None
    layout = Layout(axes[0], many.shape[axes[0]] // points)
    if fewer.shape[axes[0]] != (points - 1) * layout.factor or (layout.factor > 1 and layout.axis > 0):
        return None
    return layout if close(layout.features(many, points)[1:], layout.features(fewer, points - 1)) else None


def named_layout(name: str, values: list[Any], fewer: dict[str, list[Any]], points: int) -> tuple[Layout, int]:
    """Return the layout of a named module's output, and how many numbers a point has there.

    Raises:
        ValueError: If the module is called several times, or its output does not hold a part per point.
    """
    if len(values) != 1:
        raise ValueError(f"features names '{name}', which is called {len(values)} times in one forward pass")
    if not isinstance(values[0], Tensor):
        raise ValueError(f"features names '{name}', whose output is a {type(values[0]).__name__} and no tensor")
    layout = layout_of(values[0], fewer[name][0], points)
    if layout is None:
        raise ValueError(f"features names '{name}', whose output has no part that belongs to each point alone")
    return layout, values[0].numel() // points


def close(a: Tensor, b: Tensor) -> bool:
    """Say whether two tensors agree to rounding, relative to the largest entry."""
    if a.shape != b.shape:
        return False
    if not a.numel():
        return True
    return bool((a.detach() - b.detach()).abs().max() <= tolerance(a) * b.detach().abs().max().clamp(min=1e-30))


def tolerance(t: Tensor) -> float:
    """Return how far rounding moves a tensor's entries, relative to the largest."""
    return _ROUNDING.get(t.dtype, 5e-2)
