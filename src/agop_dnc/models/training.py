"""Train networks by SGD on the squared error, with snapshots from which a killed job resumes (paper, Section 6, Appendix D)."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import UserError
from ..files import replacing
from ..randomness import generator
from .settings import TrainingSettings
from .sgd import Velocity, stepper

# Prefix of a snapshot's keys that belong to the optimiser rather than the network.
_MOMENTUM = "momentum/"


def train(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    settings: TrainingSettings,
    seed: int,
    folder: str | Path,
    progress: Callable[[int, float], None] = lambda epoch, loss: None,
    reset_velocity: bool = False,
) -> list[float]:
    """Train a network on its device and leave a snapshot per measured epoch.

    The loss is the mean square over batch and outputs. Each epoch visits the points in a permutation drawn for (seed, epoch), so the
    snapshots in `folder` hold the complete state: if there are any, training resumes from the last intact one and ends with the same
    bytes as an uninterrupted run.

    Args:
        network: The network, whose parameters are changed.
        x: Images, shape (N, C, H, W), on the network's device.
        y: Targets, shape (N, K).
        settings: Epochs, learning rate, momentum, batch size and how often a snapshot is written.
        seed: Seed of the permutations.
        folder: Where the snapshots are written and looked for.
        progress: Called with each finished epoch and its running loss.
        reset_velocity: Whether the velocities start from zero in every epoch.

    Returns:
        The running losses of all epochs, from epoch 1 to the last.

    Raises:
        UserError: If the loss stops being finite.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    velocity = Velocity(network, settings.momentum)
    losses = _resume(network, velocity.tensors, folder)
    if losses is None:
        losses = []
        _save(network, velocity.tensors, losses, folder)
    network.train()
    step = stepper(network, velocity, x, y, settings.learning_rate, settings.batch_size)
    for epoch in range(len(losses) + 1, settings.epochs + 1):
        order = torch.randperm(len(x), generator=generator(seed, "batches", epoch)).to(x.device)
        total = torch.zeros((), device=x.device)
        if reset_velocity:
            velocity.reset()
        for batch in torch.split(order, settings.batch_size):
            total += len(batch) * step(batch)
        velocity.settle()
        losses.append(float(total) / len(x))
        if not math.isfinite(losses[-1]):
            raise UserError(
                f"training diverged in epoch {epoch} (loss {losses[-1]}) with learning rate {settings.learning_rate}; "
                "lower the learning rate or init_scale"
            )
        progress(epoch, losses[-1])
        if epoch in settings.measured_epochs:
            _save(network, velocity.tensors, losses, folder)
    return losses


def snapshots(folder: str | Path) -> dict[int, Path]:
    """Return the snapshots in a folder by epoch, in ascending order."""
    found = ((re.fullmatch(r"epoch_(\d+)\.safetensors", path.name), path) for path in Path(folder).iterdir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def load_snapshot(network: nn.Module, path: str | Path) -> nn.Module:
    """Load a snapshot's weights and buffers into a network.

    Args:
        network: A network of the architecture that was trained.
        path: The snapshot.

    Returns:
        The same network, in evaluation mode.

    Raises:
        UserError: If the file is damaged.
    """
    tensors, _ = _read(Path(path))
    network.load_state_dict({name: tensor for name, tensor in tensors.items() if not name.startswith(_MOMENTUM)})
    return network.eval()


def fingerprint(*parts: Any) -> str:
    """Return a short hash of settings and arrays, to identify the state of a training run.

    Args:
        *parts: JSON values, or dataclasses of tensors.

    Returns:
        Sixteen hexadecimal digits, equal for equal parts.

    >>> fingerprint({"epochs": 3}) == fingerprint({"epochs": 3}), fingerprint({"epochs": 3}) == fingerprint({"epochs": 4})
    (True, False)
    """
    digest = hashlib.sha256()
    for part in parts:
        tensors = [value for value in vars(part).values() if isinstance(value, Tensor)] if is_dataclass(part) else []
        for tensor in tensors:
            digest.update(tensor.cpu().numpy().tobytes())
        if not tensors:
            digest.update(json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def state_folder(prefix: str | Path, *parts: Any) -> Path:
    """Return the folder of a training run's state, `<prefix>_<fingerprint of the parts>`."""
    return Path(f"{prefix}_{fingerprint(*parts)}")


def remove_states(prefix: str | Path) -> None:
    """Remove the states that training runs with other settings, code or data have left in folders with this prefix.

    A folder that is locked by another process is left alone.
    """
    prefix = Path(prefix)
    for folder in prefix.parent.glob(f"{prefix.name}_*"):
        if folder.is_dir() and not folder.with_name(f"{folder.name}.lock").exists():
            shutil.rmtree(folder, ignore_errors=True)


def check_batches(architecture: str, n: int, batch_size: int) -> None:
    """Check that no batch has a single point, for which batch normalisation has no variance.

    Args:
        architecture: The network's architecture.
        n: The number of training points.
        batch_size: Points per batch.

    Raises:
        UserError: If the last batch would have one point and the architecture uses batch normalisation.
    """
    if architecture == "resnet18" and n % batch_size == 1:
        raise UserError(
            f"{n} points in batches of {batch_size} leave a last batch of one point, which resnet18's batch normalisation "
            "cannot handle; change n or batch_size by one"
        )


def _save(network: nn.Module, velocity: list[Tensor], losses: list[float], folder: Path) -> None:
    """Write the snapshot after epoch len(losses)."""
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    momentum = {f"{_MOMENTUM}{name}": v for name, v in zip(names, velocity, strict=False)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in (network.state_dict() | momentum).items()}
    path = folder / f"epoch_{len(losses):06}.safetensors"
    # A single entry, because safetensors writes several in arbitrary order.
    state = json.dumps({"losses": losses, "sha256": _checksum(tensors)})
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"state": state})
        with open(temporary, "rb") as file:  # on disk before it gets its name: no snapshot is incomplete
            os.fsync(file.fileno())


def _resume(network: nn.Module, velocity: list[Tensor], folder: Path) -> list[float] | None:
    """Load the last intact snapshot into network and velocity; return the losses so far, or None if there is no snapshot."""
    for path in reversed(snapshots(folder).values()):
        try:
            tensors, losses = _read(path)
        except UserError:
            path.unlink()
            continue
        load_snapshot(network, path)
        names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
        for name, v in zip(names, velocity, strict=False):
            v.copy_(tensors[f"{_MOMENTUM}{name}"])
        return losses
    return None


def _checksum(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of tensors on the CPU, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Tensor], list[float]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state: dict[str, Any] = json.loads(file.metadata()["state"])
        if state["sha256"] != _checksum(tensors):
            raise ValueError("its checksum does not match")
        return tensors, state["losses"]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"snapshot {path} is damaged ({error}); delete its folder and train again") from error
