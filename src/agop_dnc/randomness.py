"""Random numbers: every draw has a generator of its own, seeded by the run's seed and by what the draw is for."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose.

    Draws for one purpose never shift those for another, so that changing a model's depth, say, leaves every other
    model's numbers alone. The generator lives on the CPU also when the numbers are used elsewhere: a run on a GPU
    starts from the same weights.

    >>> a, b = generator(0, "features", 1), generator(0, "features", 2)
    >>> a.initial_seed() == generator(0, "features", 1).initial_seed(), a.initial_seed() == b.initial_seed()
    (True, False)
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    digest = hashlib.sha256(text.encode()).digest()
    # torch takes 64 bits; the top one is left out, as it reads them as signed.
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
