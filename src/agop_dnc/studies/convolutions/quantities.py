"""Reduce convolutions.csv to what Figure C4 draws and its notebook says."""

from __future__ import annotations

import pandas as pd

from ...notes import title
from ..judging import LEAST_SEEDS, interval
from ..networks.titles import TITLES


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per convolution of one dataset and architecture, means over seeds.

    Args:
        rows: Rows of convolutions.csv.

    Returns:
        Columns layer, filters; by target (`sqrt_agop`, `agop`) the means `<target>`, `<target>_null` and `<target>_untrained`, and
        `<target>_excess` with the ends of its 95 % interval over seeds, `…_low` and `…_high` (NaN with fewer than three seeds).
    """
    layers = rows[rows.layer > 0]
    records = []
    for (layer, filters), own in layers.groupby(["layer", "filters"]):
        after, before = (_by_metric(own, trained) for trained in (1, 0))
        record: dict[str, object] = {"layer": layer, "filters": filters}
        for target in ("sqrt_agop", "agop"):
            excess = after[target] - after[f"{target}_null"]
            low, mean, high = (
                interval(excess) if len(excess) >= LEAST_SEEDS else (float("nan"), excess.mean(), float("nan"))
            )
            record |= {
                target: after[target].mean(),
                f"{target}_null": after[f"{target}_null"].mean(),
                f"{target}_untrained": before[target].mean(),
                f"{target}_untrained_excess": (before[target] - before[f"{target}_null"]).mean(),
                f"{target}_excess": mean,
                f"{target}_low": low,
                f"{target}_high": high,
            }
        records.append(record)
    return pd.DataFrame(records)


def _by_metric(rows: pd.DataFrame, trained: int) -> pd.DataFrame:
    return rows[rows.trained == trained].pivot(index="seed", columns="metric", values="value")


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """Return a summary with its columns named for readers."""
    names = {"layer": "convolution", "filters": "filters"}
    for target, text in (("sqrt_agop", "AGOP½"), ("agop", "AGOP")):
        names |= {
            target: f"{text}, trained",
            f"{target}_null": f"{text}, null",
            f"{target}_untrained": f"{text}, untrained",
            f"{target}_excess": f"{text}, less null",
            f"{target}_low": "from",
            f"{target}_high": "to",
        }
    kept = found[list(names)]
    return kept.rename(columns=names)


def found_sentence(dataset: str, architecture: str, rows: pd.DataFrame) -> str:
    """Return in a sentence what was found of one dataset and architecture, from the run's numbers alone."""
    found = summary(rows)
    whole = rows[(rows.metric == "train_accuracy") & (rows.trained == 1)].value
    seeds, accuracy = rows.seed.nunique(), f"training accuracy {whole.mean():.3f}"
    excess = found.sqrt_agop_excess
    least, most = found.iloc[int(excess.argmin())], found.iloc[int(excess.argmax())]
    if seeds >= LEAST_SEEDS:
        above, not_above = (found.sqrt_agop_low > 0).sum(), (found.sqrt_agop_high <= 0).sum()
        said = f"in {above} of {len(found)} convolutions the interval over {seeds} seeds of the correlation less its null lies above 0"
        said += f", and in {not_above} at or below it" if not_above else ""
    else:
        above = (found.sqrt_agop_excess > 0).sum()
        said = f"in {above} of {len(found)} convolutions the correlation exceeds its null (too few seeds for intervals)"
    return (
        f"- {TITLES[architecture]} on {title(dataset)} ({accuracy}): {said}. The correlation with AGOP½ is {found.sqrt_agop.mean():.2f} on "
        f"average (untrained {found.sqrt_agop_untrained.mean():.2f}, null {found.sqrt_agop_null.mean():.2f}), with the AGOP "
        f"{found.agop.mean():.2f}. The excess over the null is smallest in convolution {least.layer} ({least.sqrt_agop_excess:.3f}) and "
        f"largest in {most.layer} ({most.sqrt_agop_excess:.3f}); untrained it is {found.sqrt_agop_untrained_excess.abs().max():.3f} at most."
    )
