"""What sentences on figures share: numbers over seeds in words, from the numbers alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence

from ..notes import short
from .judging import LEAST_SEEDS, interval

Show = Callable[[float], str]


def estimate(values: Iterable[float], show: Show = short) -> str:
    """Return the mean of some values, one per seed, with its 95 % interval if there are three values or more.

    Args:
        values: The values.
        show: Writes a number.

    >>> estimate([1.0, 2.0]), estimate([1.0, 2.0, 3.0]), estimate([1.0, 1.0, 1.0])
    ('1.5', '2 (-0.484 to 4.48)', '1')
    """
    values = [float(value) for value in values]
    if len(values) < LEAST_SEEDS or not all(map(math.isfinite, values)):
        return show(statistics.mean(values))
    found = interval(values)
    mean, low, high = (show(value) for value in (found.mean, found.low, found.high))
    return mean if low == high else f"{mean} ({low} to {high})"


def thousandths(value: float) -> str:
    """Return a number to three decimals, as correlations and accuracies are written; no minus before a zero.

    >>> thousandths(0.12345), thousandths(-0.0001)
    ('0.123', '0.000')
    """
    return f"{value:z.3f}"


def fall(amounts: Iterable[float], unit: str = "decades") -> str:
    """Return by how much something falls, or rises if the mean of the amounts (one per seed) is negative.

    >>> fall([1.0, 2.0]), fall([-0.5], "points")
    ('falls by 1.5 decades', 'rises by 0.5 points')
    """
    amounts = [float(amount) for amount in amounts]
    falls = statistics.mean(amounts) >= 0
    return f"{'falls' if falls else 'rises'} by {estimate(amount if falls else -amount for amount in amounts)} {unit}"


def change(first: Iterable[float], last: Iterable[float], show: Show = short) -> str:
    """Return how a number, with one value per seed, goes from its first mean to its last.

    >>> change([2.0], [0.5, 0.7]), change([0.5], [2.0]), change([1.0], [1.0])
    ('falls from 2 to 0.6', 'rises from 0.5 to 2', 'stays at 1')
    """
    first, last = [float(value) for value in first], [float(value) for value in last]
    before, after = statistics.mean(first), statistics.mean(last)
    if show(before) == show(after):
        return f"stays at {estimate(last, show)}"
    return f"{'falls' if after < before else 'rises'} from {show(before)} to {estimate(last, show)}"


def span(values: Iterable[float]) -> str:
    """Return the least and the largest of some values.

    >>> span([0.2, 0.1, 0.3]), span([1.0, 1.0])
    ('0.1 to 0.3', '1')
    """
    values = list(values)
    low, high = short(min(values)), short(max(values))
    return low if low == high else f"{low} to {high}"


def percent(values: Iterable[float]) -> str:
    """Return the least and the largest of some shares in percent.

    >>> percent([0.5, 0.25]), percent([1.0])
    ('25 to 50 %', '100 %')
    """
    return f"{span(100 * value for value in values)} %"


def counted(number: int, word: str) -> str:
    """Return a number with a word.

    >>> counted(1, "seed"), counted(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{number} {word}{'' if number == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a list in a sentence.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
