"""How long a measurement's decompositions will take here, said before they begin."""

from __future__ import annotations

import time
import warnings

import torch

from .session import Session

_LONG = 60.0  # a forecast in seconds that is worth a warning
_SMALL = 1e12  # operations below which no forecast is made


def announce(session: Session, rotations: int) -> None:
    """Warn of layers whose matrices take more than a minute, before anything else is done."""
    shapes = {site.name: site.layer.weight.shape for site in session.sites}
    large = {name: operations(width, d, rotations) for name, (width, d) in shapes.items()}
    if sum(large.values()) < _SMALL:
        return
    rate = _rate()
    seconds = {name: count / rate for name, count in large.items()}
    if sum(seconds.values()) > _LONG:
        name = max(seconds, key=lambda name: seconds[name])
        shape = "×".join(map(str, shapes[name]))
        text = (
            f"decompositions of the layers' matrices will take about {sum(seconds.values()) / 60:.0f} minutes, "
            f"{seconds[name] / 60:.0f} of them for {name} ({shape}); leave layers out with layers="
        )
        session.say(text)
        warnings.warn(text, stacklevel=3)


def operations(width: int, d: int, rotations: int) -> float:
    """Return about how many operations a layer's AGOP, its root and its nulls take."""
    r = min(width, d)
    reductions = 2 * 4.0 * d * r * r if d > width else 0.0  # W's row space and the random frame of it
    root = 20.0 * r**3
    return reductions + 2.0 * width * width * r + 4.0 * d * r * r + root + rotations * (root + 4.0 * width * width * r)


def _rate() -> float:
    """Return operations per second in an eigendecomposition here, measured on one that takes a tenth of a second."""
    A = torch.randn(600, 600, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    A = A + A.T
    start = time.perf_counter()
    torch.linalg.eigh(A)
    return 20.0 * 600**3 / (time.perf_counter() - start)
