"""The forward pass of `torch.nn.MultiheadAttention` with its projections in sight.

PyTorch multiplies by the four matrices of an attention inside one function, where no hook sees them. The same attention is
written out here; that it is the same is checked on the network at hand before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Project = Callable[[str, Tensor], Tensor]


def can_be_written_out(attention: nn.MultiheadAttention) -> bool:
    """Say whether :func:`written_out` knows everything that this attention does."""
    plain = type(attention).forward is nn.MultiheadAttention.forward
    return plain and attention.bias_k is None and not attention.add_zero_attn


def written_out(attention: nn.MultiheadAttention, project: Project) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """Return a forward pass like the attention's own, in evaluation mode.

    Args:
        attention: the module.
        project: takes `query`, `key` or `value` and an input (n×T×d) to its projection (n×T×E).
    """

    def forward(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        # `is_causal` only says what attn_mask holds already.
        if query.ndim != 3:
            return nn.MultiheadAttention.forward(
                attention, query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
            )
        inputs = {"query": query, "key": key, "value": value}
        if not attention.batch_first:
            inputs = {part: x.transpose(0, 1) for part, x in inputs.items()}
        q, k, v = (_heads(project(part, x), attention.num_heads) for part, x in inputs.items())
        mask = _additive(key_padding_mask, attn_mask, q, k)
        weights = None
        if need_weights:
            scores = q @ k.mT / q.shape[-1] ** 0.5
            weights = (scores if mask is None else scores + mask).softmax(-1)
            mixed = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        output = attention.out_proj(mixed.transpose(1, 2).flatten(2))
        return output if attention.batch_first else output.transpose(0, 1), weights

    return forward


def _heads(x: Tensor, heads: int) -> Tensor:
    """Split n×T×E into n×heads×T×(E/heads)."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def _additive(padding: Tensor | None, attn: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    """Return both masks as one that is added to the scores (n×heads×T×S): −∞ where nothing is to be attended to."""
    masks = []
    if padding is not None:
        masks.append(_as_numbers(padding, q)[:, None, None, :])
    if attn is not None:
        attn = _as_numbers(attn, q)
        masks.append(attn if attn.ndim == 2 else attn.reshape(len(q), -1, *attn.shape[1:]))
    return None if not masks else sum(masks, torch.zeros((), dtype=q.dtype, device=q.device))


def _as_numbers(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like)
    return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill(mask, float("-inf"))
