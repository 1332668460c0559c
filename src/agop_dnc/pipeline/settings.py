"""What each kind of job is given, from a checked configuration: the settings that its result depends on, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .config import Config, model_settings

TRAINING_KEYS = ("epochs", "learning_rate", "momentum", "batch_size", "measure_every")
NETWORK_KEYS = ("hidden_layers", "width", "init_scale")
# Singular directions that the truncated ablation keeps.
RANKS = (1, 2, 5, 9, 10, 20)


def studied(config: Config, study: str) -> list[str]:
    """The datasets, in the configuration's order, on which `deep_rfm` or an architecture is run."""
    section = "deep_rfm" if study == "deep_rfm" else "networks"
    if not config[section]["enabled"]:
        return []
    return [name for name, settings in config["datasets"].items() if study in settings["studies"]]


def architectures(config: Config) -> list[str]:
    """The architectures that are run on some dataset."""
    return [name for name in config["networks"]["architectures"] if studied(config, name)]


def data_settings(config: Config, dataset: str) -> Config:
    """What a dataset's arrays depend on: not on what is run on them."""
    return without(config["datasets"][dataset], "labels", "studies", "role")


def deep_rfm_settings(config: Config, activation: str, dataset: str) -> Config:
    """What a Deep RFM is fitted with, beside its activation."""
    return without(model_settings(config["deep_rfm"], "activation", activation, dataset), "enabled")


def network_settings(config: Config, keys: Sequence[str], architecture: str, dataset: str) -> Config:
    """Those settings of a network on a dataset that are named by `keys`."""
    settings = model_settings(config["networks"], "architecture", architecture, dataset)
    return {key: settings[key] for key in sorted(keys)}


def without(mapping: Mapping[str, Any], *left_out: str) -> Config:
    """The mapping in the order of its keys, some left out: Snakemake takes another order for another setting.

    >>> without({"b": 1, "a": 2, "c": 3}, "c")
    {'a': 2, 'b': 1}
    """
    return {key: mapping[key] for key in sorted(mapping) if key not in left_out}
