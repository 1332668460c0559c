"""Keep loops that numba has compiled on disk, without letting a fault of the disk end a job.

numba itself raises every error in reading or writing its files. It writes an index and then the data, without a lock, so that two
processes could leave an index that names the wrong data.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache  # type: ignore[import-untyped,import-not-found,unused-ignore]

from ..files import locked


class _Cache(FunctionCache):  # type: ignore[misc]
    def load_overload(self, sig, target_context):
        with suppress(Exception):  # as of a damaged file
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig, data):
        with suppress(Exception), locked(Path(self.cache_path, "agop_dnc.lock")):
            super().save_overload(sig, data)


def keep(loop: Any) -> None:
    """Have a compiled loop kept for the next process, if a folder for that can be written to."""
    with suppress(Exception):
        loop._cache = _Cache(loop.py_func)
