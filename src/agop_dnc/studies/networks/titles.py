"""The architectures' names for readers, which notebooks use: they must not import the declaration, whose captions re-run nothing."""

from __future__ import annotations

TITLES = {"mlp": "MLP", "resnet18": "ResNet-18", "vgg11": "VGG-11"}
