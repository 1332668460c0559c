r"""Sums of outer products of a network's gradients at its hidden layers' pre-activations, what their AGOPs are made of.

With δ_ik the gradient of output k at a layer's pre-activations for point i, S = (1/N) Σ_ik δ_ik δ_ikᵀ (width×width) and the
layer's AGOP is WᵀSW (see :class:`.agop.LayerAgop`). The gradients of all layers come from one backward recursion over the K
outputs; Jacobians (N×K×d) are never held for more than a chunk of points.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..kernels.radial import gram


def relu_stack(network: nn.Module, layers: Sequence[nn.Linear]) -> list[nn.Linear] | None:
    """The linear layers from the first of `layers` to the readout, if that is all there is behind it: Linear, ReLU, …, Linear.

    None where the network ends otherwise, or goes through other linear layers than `layers` and the readout: then its
    gradients are autograd's.
    """
    head = getattr(network, "head", network)
    parts = list(head if isinstance(head, nn.Sequential) else ())
    start = next((index for index, part in enumerate(parts) if part is layers[0]), len(parts))
    linear, between = parts[start::2], parts[start + 1 :: 2]
    relus = [part for part in between if isinstance(part, nn.ReLU)]
    stack = [part for part in linear if isinstance(part, nn.Linear)]
    alternating = len(stack) == len(linear) == len(relus) + 1 == len(between) + 1
    return stack if alternating and [*map(id, stack[:-1])] == [*map(id, layers)] else None


def of_stack(layers: Sequence[nn.Linear], preactivations: Sequence[Tensor]) -> list[Tensor]:
    r"""Σ_ik δ_ik δ_ikᵀ for the hidden layers of Linear, ReLU, …, Linear at a chunk of points, by the chain rule.

    layers: the hidden ones and the readout A (K×width). preactivations: each hidden layer's, n×width. With m the derivative
    of a layer's ReLU (0 or 1), δ of the last hidden layer is a_k∘m_i, so that its sum is (AᵀA)∘(Σ_i m_i m_iᵀ); that of the
    layer before one with weights W is (Wᵀδ)∘m, 2·n·K·width² operations, and as many for the outer products, less what
    symmetry saves. Units that are off at every point of the chunk are left out where they are many, as they are in a
    trained network.
    """
    masks = [(z > 0).to(z.dtype) for z in preactivations]
    on = [_units_on(mask) for mask in masks]
    masks = [mask.index_select(1, units) for mask, units in zip(masks, on, strict=True)]
    A = layers[-1].weight.detach().index_select(1, on[-1])
    sums = [(masks[-1].T @ masks[-1]).mul_(A.T @ A)]
    delta = (A[:, None] * masks[-1]).flatten(0, 1)  # K·n×width
    for index in range(len(masks) - 2, -1, -1):
        W = layers[index + 1].weight.detach().index_select(0, on[index + 1]).index_select(1, on[index])
        delta = delta @ W
        delta.view(len(A), *masks[index].shape).mul_(masks[index])
        sums.insert(0, gram(delta))
    return [_spread(s, units, z.shape[1]) for s, units, z in zip(sums, on, preactivations, strict=True)]


def by_autograd(output: Tensor, preactivations: Sequence[Tensor]) -> list[Tensor]:
    """The same for any network: one backward pass an output from its outputs (n×K), the graph being at hand."""
    K = output.shape[1]
    gradients = [torch.autograd.grad(output[:, k].sum(), preactivations, retain_graph=k + 1 < K) for k in range(K)]
    return [gram(torch.cat(deltas)) for deltas in zip(*gradients, strict=True)]


def _units_on(mask: Tensor) -> Tensor:
    """Indices of the units that are on somewhere, or of all where fewer than an eighth are off: then copies cost more."""
    units = mask.any(0).nonzero().flatten()
    return units if 8 * len(units) < 7 * mask.shape[1] else torch.arange(mask.shape[1], device=mask.device)


def _spread(s: Tensor, units: Tensor, width: int) -> Tensor:
    """A matrix of some units as one of all, the others' entries 0."""
    if len(units) == width:
        return s
    rows = s.new_zeros(width, len(units)).index_copy_(0, units, s)
    return s.new_zeros(width, width).index_copy_(1, units, rows)
