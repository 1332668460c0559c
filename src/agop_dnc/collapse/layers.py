r"""Layers that multiply by a matrix: z = Wφ + b for every vector φ of their input.

For a linear layer φ is a point's features, or each of its tokens; for a convolution, each patch of the image under the
layer's own stride, padding and dilation, so that W holds a filter per row. The neural feature matrix WᵀW and the AGOP belong to
φ, and overlapping patches count as independent.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.conv1d,
    2: nn.functional.conv2d,
    3: nn.functional.conv3d,
}
Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


class MatrixLayer:
    """A linear layer: z = Wφ + b for the vectors φ along its input's last axis.

    Attributes:
        name: of the module.
        channels: the axis of input and output along which the vectors lie.
        module: the layer, or the attention of which it is a projection.
    """

    channels = -1

    def __init__(
        self, name: str, module: nn.Module, rows: slice = slice(None), weight: str = "weight", bias: str = "bias"
    ):
        self.name, self.module = name, module
        self._rows, self._names = rows, (weight, bias)

    @property
    def weight(self) -> Tensor:
        """W, width×d, without its graph."""
        weight: Tensor = getattr(self.module, self._names[0]).detach()
        return weight[self._rows]

    @property
    def bias(self) -> Tensor | None:
        """Return the bias (width), without its graph, if there is one."""
        bias: Tensor | None = getattr(self.module, self._names[1])
        return None if bias is None else bias.detach()[self._rows]

    @property
    def width(self) -> int:
        """Return the number of outputs per vector."""
        return len(self.weight)

    def rows(self, z: Tensor) -> Tensor:
        """Return values at the layer's outputs as a matrix with a row per point and position."""
        z = z.movedim(self.channels, -1)
        return z.reshape(-1, z.shape[-1])

    def apply(self, A: Tensor, x: Tensor) -> Tensor:
        """Return Aφ for every vector φ of an input x, laid out as the layer's output is; A: r×d."""
        return nn.functional.linear(x, A)

    def without_bias(self, z: Tensor) -> Tensor:
        """Return Wφ from z = Wφ + b."""
        return z if self.bias is None else z - self._along_channels(self.bias, z.ndim)

    def with_bias(self, z: Tensor) -> Tensor:
        """Return z + b."""
        return z if self.bias is None else z + self._along_channels(self.bias.to(z.dtype), z.ndim)

    def computes(self, x: Tensor, z: Tensor, tolerance: float) -> bool:
        """Say whether z is Wφ + b, as it need not be in a subclass with a forward pass of its own."""
        if z.shape[self.channels] != self.width:
            return False
        expected = self.with_bias(self.apply(self.weight.to(x.dtype), x))
        return expected.shape == z.shape and bool(
            (expected - z).abs().max() <= tolerance * z.abs().max().clamp(min=1e-30)
        )

    def _along_channels(self, bias: Tensor, axes: int) -> Tensor:
        return bias


class ConvolutionLayer(MatrixLayer):
    """A convolution in one, two or three dimensions: z = Wφ + b for the patches φ (channels × kernel) of its input.

    With groups, W is that of the same map without them: it has zeros where a filter does not look.
    """

    channels = 1
    module: Convolution

    @property
    def weight(self) -> Tensor:
        """W, width×(channels · kernel)."""
        filters, groups = self.module.weight.detach(), self.module.groups
        if groups == 1:
            return filters.flatten(1)
        dense: Tensor = torch.block_diag(*filters.flatten(1).chunk(groups))  # type: ignore[no-untyped-call]
        return dense

    def apply(self, A: Tensor, x: Tensor) -> Tensor:
        """Return Aφ for every patch φ of an input x (n×channels×…): n×r×…."""
        layer = self.module
        padding: str | tuple[int, ...] | int = layer.padding
        if layer.padding_mode != "zeros":
            x = nn.functional.pad(x, layer._reversed_padding_repeated_twice, mode=layer.padding_mode)
            padding = 0
        filters = A.reshape(len(A), layer.in_channels, *layer.kernel_size)
        return _CONVOLUTIONS[len(layer.kernel_size)](x, filters, None, layer.stride, padding, layer.dilation)

    def _along_channels(self, bias: Tensor, axes: int) -> Tensor:
        return bias.reshape(-1, *[1] * (axes - 2))


def matrix_layers(network: nn.Module) -> dict[str, MatrixLayer]:
    """Return every linear layer, convolution and projection of an attention by its name, in the order of definition.

    The projections of `torch.nn.MultiheadAttention` are named after it: `attention.query`, `.key`, `.value`, `.out_proj`.
    """
    found: dict[str, MatrixLayer] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            found[name] = MatrixLayer(name, module)
        elif isinstance(module, Convolution):
            found[name] = ConvolutionLayer(name, module)
        elif isinstance(module, nn.MultiheadAttention):
            found |= {layer.name: layer for layer in projections(name, module).values()}
    return found


def projections(name: str, attention: nn.MultiheadAttention) -> dict[str, MatrixLayer]:
    """Return the projections of an attention to queries, keys and values: rows of one matrix, or matrices of their own."""
    E, prefix = attention.embed_dim, f"{name}." if name else ""
    parts = {}
    for index, part in enumerate(("query", "key", "value")):
        rows = slice(index * E, (index + 1) * E)
        if attention.in_proj_weight is not None:
            layer = MatrixLayer(prefix + part, attention, rows, "in_proj_weight", "in_proj_bias")
        else:
            layer = _SplitProjection(prefix + part, attention, rows, f"{part[0]}_proj_weight", "in_proj_bias")
        parts[part] = layer
    return parts


class _SplitProjection(MatrixLayer):
    """A projection that has a weight of its own, but shares the bias with the other two."""

    @property
    def weight(self) -> Tensor:
        weight: Tensor = getattr(self.module, self._names[0]).detach()
        return weight
