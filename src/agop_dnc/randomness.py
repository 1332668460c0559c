"""Draw random numbers reproducibly: every draw has its own generator, seeded by the run's seed and the purpose of the draw."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a CPU generator for one purpose.

    Draws for one purpose never shift those for another: changing the depth of one model, for example, leaves the numbers of all
    other models unchanged. The generator lives on the CPU even if the numbers are used on a GPU, so that runs on both start from
    the same weights.

    Args:
        seed: The run's seed.
        *purpose: What the draw is for, such as a name and a layer.

    Returns:
        A generator seeded with a hash of the seed and the purpose.

    >>> a, b = generator(0, "features", 1), generator(0, "features", 2)
    >>> a.initial_seed() == generator(0, "features", 1).initial_seed(), a.initial_seed() == b.initial_seed()
    (True, False)
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    digest = hashlib.sha256(text.encode()).digest()
    # torch reads the seed as a signed 64-bit integer, so the top bit is dropped.
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
