"""The error of a user's making: one sentence that names the thing and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something in the configuration, the data or the machine that the user can put right.

    Its text is a whole sentence for the terminal; whoever catches it prints that and nothing else.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence: the nearest of the known words, or all of them.

    >>> did_you_mean("widht", ["width", "kernel"])
    "; did you mean 'width'?"
    >>> did_you_mean("zzz", ["width", "kernel"])
    '; known are kernel, width'
    """
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"
