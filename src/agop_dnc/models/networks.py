"""Build the paper's networks: a backbone and a head of linear layers without biases (paper, Section 6, Appendix D)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..randomness import generator
from .settings import NetworkSettings

ARCHITECTURES = ("mlp", "resnet18", "vgg11")


class Network(nn.Module):
    """A network f(x) = head(backbone(x)) for images x of shape (N, C, H, W).

    Attributes:
        backbone: Everything before the linear layers; for the MLP it only flattens.
        head: Linear, ReLU, …, Linear. The last layer is the readout, the others are the hidden layers.
    """

    def __init__(self, backbone: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (N, K), for images of shape (N, C, H, W)."""
        output: Tensor = self.head(self.backbone(x))
        return output


class AveragePool(nn.Module):
    """Average pooling over size×size bins that divide the rows and the columns of an image as evenly as possible.

    Equal to AdaptiveAvgPool2d(size), whose gradient in PyTorch is not deterministic on a GPU.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Return the bins' means, shape (N, C, size, size), of images of shape (N, C, H, W)."""
        if x.shape[-2:] == (self.size, self.size):
            return x
        rows = torch.stack([x[:, :, some].mean(2) for some in self._bins(x.shape[2])], 2)
        return torch.stack([rows[..., some].mean(3) for some in self._bins(x.shape[3])], 3)

    def _bins(self, length: int) -> list[slice]:
        return [slice(i * length // self.size, -(-(i + 1) * length // self.size)) for i in range(self.size)]


def build(
    architecture: str,
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    seed: int = 0,
    **settings: Any,
) -> Network:
    """Build an untrained network for images of the given shape.

    Hidden layers are initialised Xavier-uniform with gain `init_scale`, except the first layer of a convnet's head; that layer and
    every readout keep PyTorch's default. The backbones are torchvision's with its initialisation, which is also used for the first
    convolution, resized to the data's channels.

    Args:
        architecture: `mlp`, `resnet18` or `vgg11`.
        image_shape: Channels, height and width.
        classes: The number of outputs K.
        seed: Seed of the weights.
        **settings: Fields of :class:`.NetworkSettings`.

    Returns:
        The network, in training mode.

    Raises:
        ValueError: If the architecture is unknown.
        UserError: If the images are too small for the architecture.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture '{architecture}'; known are {', '.join(ARCHITECTURES)}")
    chosen = NetworkSettings(**settings)
    # PyTorch's layers draw from the global generator, whose state is restored afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(seed, "network", architecture).initial_seed())
        backbone, inputs = _BACKBONES[architecture](*image_shape)
        head = _head(inputs, chosen.hidden_layers, chosen.width, classes)
        for layer in hidden_linear_layers(head)[0 if architecture == "mlp" else 1 :]:
            nn.init.xavier_uniform_(layer.weight, gain=chosen.init_scale)
        network = Network(backbone, head)
        _check_images(network, architecture, image_shape)
    return network


def hidden_linear_layers(head: nn.Sequential) -> list[nn.Linear]:
    """Return the head's hidden linear layers, first to last: all but the readout."""
    return [layer for layer in head if isinstance(layer, nn.Linear)][:-1]


def hidden_names(network: Network) -> list[str]:
    """Return the names within the network of the head's hidden linear layers, first to last."""
    hidden = hidden_linear_layers(network.head)
    return [name for name, layer in network.named_modules() if any(layer is one for one in hidden)]


def _head(inputs: int, hidden_layers: int, width: int, classes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(hidden_layers):
        layers += [nn.Linear(inputs if index == 0 else width, width, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, classes, bias=False))


def _mlp(channels: int, height: int, width: int) -> tuple[nn.Module, int]:
    return nn.Flatten(), channels * height * width


# Importing torchvision takes seconds, which jobs with an MLP do not need to spend.
def _resnet18(channels: int, height: int, width: int) -> tuple[nn.Module, int]:
    import torchvision

    backbone = torchvision.models.resnet18(weights=None)
    features: int = backbone.fc.in_features
    backbone.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(backbone.conv1.weight, mode="fan_out", nonlinearity="relu")
    backbone.fc = nn.Identity()
    return backbone, features


def _vgg11(channels: int, height: int, width: int) -> tuple[nn.Module, int]:
    import torchvision

    features = torchvision.models.vgg11(weights=None).features[:15]
    first = nn.Conv2d(channels, 64, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    assert first.bias is not None
    nn.init.zeros_(first.bias)
    features[0] = first
    return nn.Sequential(features, AveragePool(4), nn.Flatten()), 512 * 4 * 4


_BACKBONES = {"mlp": _mlp, "resnet18": _resnet18, "vgg11": _vgg11}


def _check_images(network: Network, architecture: str, image_shape: tuple[int, int, int]) -> None:
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, *image_shape))
    except RuntimeError as error:
        shape = "×".join(map(str, image_shape[1:]))
        raise UserError(
            f"images of {shape} are too small for {architecture}; use larger images, or do not train {architecture} on them"
        ) from error
    network.train()
