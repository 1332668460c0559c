"""Networks to be measured, and the AGOP of one of their layers by Jacobians, for the tests next to it."""

import torch
from torch import nn


class HeadFirst(nn.Module):
    """Defines its readout before its body, and a layer that it never uses last."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(7, 3)
        self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU())
        self.unused = nn.Linear(7, 3)

    def forward(self, x):
        return self.head(self.body(x))


class Residual(nn.Module):
    """o(h + relu(a(h))), h = relu(first(x))."""

    def __init__(self):
        super().__init__()
        self.first, self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.first(x).relu()
        return self.o(h + self.a(h).relu())


class ResidualSequential(nn.Sequential):
    """Looks like Linear, ReLU, …, Linear, but adds a path around its second layer."""

    def forward(self, x):
        h = self[1](self[0](x))
        return self[4](h + self[3](self[2](h)))


class Shared(nn.Module):
    """Uses one layer twice."""

    def __init__(self):
        super().__init__()
        self.first, self.shared, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.first(x).relu()
        return self.last(self.shared(self.shared(h).relu()).relu())


class Attention(nn.Module):
    """Attention with a linear layer per projection, with two heads."""

    def __init__(self, d):
        super().__init__()
        self.query, self.key, self.value, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x):
        q, k, v = (layer(x).unflatten(-1, (2, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value))
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).flatten(2))


class PyTorchAttention(nn.Module):
    """The same with PyTorch's own attention."""

    def __init__(self, d):
        super().__init__()
        self.inner = nn.MultiheadAttention(d, 2, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


class VisionTransformer(nn.Module):
    """A small vision transformer for 8×8 images: patches of 4×4, one block before whose layers come normalisations."""

    def __init__(self, attention=Attention, d=8, classes=3):
        super().__init__()
        self.patches = nn.Conv2d(1, d, 4, stride=4)
        self.position = nn.Parameter(0.1 * torch.randn(1, 4, d))
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))
        self.attention = attention(d)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.head = nn.Linear(d, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).mT + self.position
        x = x + self.attention(self.norms[0](x))
        x = x + self.mlp(self.norms[1](x))
        return self.head(self.norms[2](x).mean(1))


class Convolutions(nn.Module):
    """Convolutions of every kind: strides, dilation, groups, padding that wraps around, kernels that are no squares."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 6, 3, stride=2, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 6, (3, 1), dilation=2, padding="same", groups=3),
            nn.SiLU(),
            nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular", bias=False),
            nn.Tanh(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(self.body(x))


def unfolded(convolution, x, shift):
    """A convolution of patches that are shifted by `shift`, a number per point, entry of a patch and position."""
    padding = convolution.padding
    reversed_padding = convolution._reversed_padding_repeated_twice
    mode = "constant" if convolution.padding_mode == "zeros" else convolution.padding_mode
    if padding not in (0, (0, 0)):
        x = nn.functional.pad(x, reversed_padding, mode=mode)
    patches = nn.functional.unfold(x, convolution.kernel_size, convolution.dilation, 0, convolution.stride)
    patches = patches + (shift if shift is not None else 0)
    groups = convolution.groups
    W = convolution.weight.flatten(1).unflatten(0, (groups, -1))
    z = torch.einsum("gof,ngfp->ngop", W, patches.unflatten(1, (groups, -1))).flatten(1, 2)
    return patches.shape, z if convolution.bias is None else z + convolution.bias[:, None]


def agop_times(network, name, X, U):
    """AGOP·U of a layer: from gradients with respect to its input alone, of each output at each point by itself."""
    module, found = network.get_submodule(name), {}

    def shifted(layer, inputs, output):
        x = inputs[0]
        if isinstance(layer, nn.Linear):
            shift = torch.zeros_like(x).requires_grad_()
            found["shift"] = shift
            return nn.functional.linear(x + shift, layer.weight, layer.bias)
        shape = unfolded(layer, x, None)[0]
        found["shift"] = torch.zeros(shape, dtype=x.dtype).requires_grad_()
        return unfolded(layer, x, found["shift"])[1].reshape(output.shape)

    handle, total = module.register_forward_hook(shifted), 0.0
    for x in X.split(1):
        output = network(x)
        for k in range(output.shape[1]):
            (g,) = torch.autograd.grad(output[0, k], found["shift"], retain_graph=True)
            rows = (g if isinstance(module, nn.Linear) else g.mT).flatten(0, -2).double()
            total = total + rows.T @ (rows @ U) / (len(X) * len(rows))
    handle.remove()
    return total


def trained(network, X, y, steps=60):
    """A network after some steps of cross-entropy."""
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(X), y).backward()
        optimiser.step()
    return network
