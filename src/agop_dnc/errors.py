"""Define the error that a user can fix: one sentence that names the problem and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A problem in the configuration, the data or the machine that the user can fix.

    Its text is a complete sentence for the terminal; callers that catch it print this text and nothing else.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the closest known word, or all known words if none is close.

    Args:
        word: The word that was not recognised.
        known: The words that would have been.

    Returns:
        The suggestion, starting with a semicolon.

    >>> did_you_mean("widht", ["width", "kernel"])
    "; did you mean 'width'?"
    >>> did_you_mean("zzz", ["width", "kernel"])
    '; known are kernel, width'
    """
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"
