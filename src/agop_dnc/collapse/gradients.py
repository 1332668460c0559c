r"""Sums of outer products of a network's gradients at its layers' pre-activations, from which their AGOPs are made.

With δ_ik the gradient of output k at a layer's pre-activations for point i, S = (1/N) Σ_ik δ_ik δ_ikᵀ (width×width), and the
layer's AGOP is WᵀSW (see :class:`.layer_agop.LayerAgop`). The gradients of all layers come from one backward pass per output;
Jacobians (N×K×d) are never held for more than a chunk of points.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..kernels.blocks import gram
from .layers import MatrixLayer


def relu_stack_products(weights: Sequence[Tensor], preactivations: Sequence[Tensor]) -> list[Tensor]:
    r"""Return Σ_ik δ_ik δ_ikᵀ for the hidden layers of Linear, ReLU, …, Linear at a chunk of points, by the chain rule.

    With m the derivative of a layer's ReLU (0 or 1), δ of the last hidden layer is a_k∘m_i, so that its sum is
    (AᵀA)∘(Σ_i m_i m_iᵀ); that of the layer before one with weights W is (Wᵀδ)∘m, 2·n·K·width² operations, and as many for the
    outer products, less what symmetry saves. Units that are off at every point of the chunk are left out if they are many,
    as they are in a trained network.

    Args:
        weights: those of the hidden layers and of the readout A (K×width).
        preactivations: those of the hidden layers, biases included, n×width each.
    """
    masks = [(z > 0).to(z.dtype) for z in preactivations]
    on = [_units_on(mask) for mask in masks]
    masks = [mask.index_select(1, units) for mask, units in zip(masks, on, strict=True)]
    A = weights[-1].index_select(1, on[-1])
    sums = [(masks[-1].T @ masks[-1]).mul_(A.T @ A)]
    delta = (A[:, None] * masks[-1]).flatten(0, 1)  # K·n×width
    for index in range(len(masks) - 2, -1, -1):
        W = weights[index + 1].index_select(0, on[index + 1]).index_select(1, on[index])
        delta = delta @ W
        delta.view(len(A), *masks[index].shape).mul_(masks[index])
        sums.insert(0, gram(delta))
    return [_spread(s, units, z.shape[1]) for s, units, z in zip(sums, on, preactivations, strict=True)]


def autograd_products(output: Tensor, layers: Sequence[MatrixLayer], preactivations: Sequence[Tensor]) -> list[Tensor]:
    """Return the same sums for any network, by one backward pass per output, over the positions of every layer too.

    Args:
        output: n×K, with the graph that leads to the pre-activations.
        layers: the layers, which know where the channels of their pre-activations are.
        preactivations: theirs, of any shape.
    """
    K = output.shape[1]
    sums = [
        z.new_zeros(layer.width, layer.width, dtype=torch.float64)
        for layer, z in zip(layers, preactivations, strict=True)
    ]
    if not layers:
        return sums
    for k in range(K):
        gradients = torch.autograd.grad(output[:, k].sum(), preactivations, retain_graph=k + 1 < K, allow_unused=True)
        for total, layer, delta in zip(sums, layers, gradients, strict=True):
            if delta is not None:  # an output that the layer has no part in
                rows = layer.rows(delta)
                total += gram(rows if rows.dtype in (torch.float32, torch.float64) else rows.float())
    return sums


def _units_on(mask: Tensor) -> Tensor:
    """Indices of the units that are on somewhere, or of all if fewer than an eighth are off: then copies cost more."""
    units = mask.any(0).nonzero().flatten()
    return units if 8 * len(units) < 7 * mask.shape[1] else torch.arange(mask.shape[1], device=mask.device)


def _spread(s: Tensor, units: Tensor, width: int) -> Tensor:
    """Return a matrix of some units as one of all, with 0 for the others."""
    if len(units) == width:
        return s
    rows = s.new_zeros(width, len(units)).index_copy_(0, units, s)
    return s.new_zeros(width, width).index_copy_(1, units, rows)
