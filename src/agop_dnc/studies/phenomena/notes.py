"""Captions, short tables and sentences of the notebooks of Figures R4 to R6."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ...notes import Facts, title
from ..judging import LEAST_SEEDS, interval
from ..sentences import percent
from .quantities import CRITERIA, KINDS, last_stages, said

_TRAININGS = {"star": "with the star", "plain": "without"}


def models(settings: Mapping[str, Any]) -> str:
    """Return how the models are fitted, for captions."""
    return (
        f"RFM: Laplace kernel, L = {settings['bandwidth']:g}, ridge {settings['ridge']:g}, {settings['iterations']} updates of M, largest entry "
        f"1. Networks: two hidden layers of {settings['width']:,} ReLU units, gain {settings['init_scale']:g}, {settings['steps']:,} steps of SGD with rate "
        f"{settings['learning_rate']:g}, momentum {settings['momentum']:g}, batches of {settings['batch_size']}. "
        f"{_seeds(len(settings['seeds']))}"
    )


def _seeds(number: int) -> str:
    if number < LEAST_SEEDS:
        return f"Means over {number} seed{'s' if number > 1 else ''}."
    return f"Means over {number} seeds with 95 % intervals."


def data(facts_of: Mapping[str, Facts], settings: Mapping[str, Any]) -> str:
    """Return how many training images are drawn, and from how many."""
    return " ".join(
        f"{title(dataset)}: {min(settings['points'], fact['points']):,} of {fact['points']:,} training images per seed, "
        f"{fact['test_points']:,} test images."
        for dataset, fact in facts_of.items()
    )


def star_caption(table: pd.DataFrame, facts_of: Mapping[str, Facts], settings: Mapping[str, Any]) -> str:
    """Return what Figure R4 shows, and with which settings."""
    named = []
    for dataset, fact in facts_of.items():
        classes = [fact["classes"][place] for place in settings["star_classes"]]
        named.append(
            f"{title(dataset)}: classes {', '.join(classes[:-1])} and, with {_mark(table, dataset, fact)}, {classes[-1]}"
        )
    return (
        f"{'; '.join(named)}; of the images drawn, those of these classes. Diagonals from 0 (dark) to their largest entry, of the first seed. "
        f"{data(facts_of, settings)} {models(settings)}"
    )


def bias_caption(facts_of: Mapping[str, Facts], hard: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    """Return what Figure R5 shows, and with which settings."""
    return (
        f"{_pairs(hard, settings)} Dotted: the easy half's share of the pixels, and the largest class's of the test images. "
        f"{data(facts_of, settings)} {models(settings)}"
    )


def ticket_caption(facts_of: Mapping[str, Facts], settings: Mapping[str, Any]) -> str:
    """Return what Figure R6 shows, and with which settings."""
    return (
        f"Pixels are ranked by the diagonal of the AGOP (of an RFM: M) or of the NFM, by their variance, or at random. Hollow: as many as have an "
        f"AGOP diagonal above {settings['threshold']:g} of its largest entry. {data(facts_of, settings)} {models(settings)}"
    )


def _pairs(hard: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    """Return which images stand next to which."""
    noisy = f"another image in noise of deviation {settings['noise']:g}"
    return " ".join(f"{title(easy)}: on the left {title(name) if name else noisy}." for easy, name in hard.items())


def _mark(table: pd.DataFrame, dataset: str, fact: Facts) -> str:
    """Return what is drawn into the corner: the star, or a square on images that are too small for it."""
    rows = table[(table.dataset == dataset) & (table.model == "chance") & (table.metric == "agop_share")]
    channels, height, width = fact["image_shape"]
    pixels = round(float(rows.value.mean()) * channels * height * width / min(channels, 2))
    return f"the star of {pixels} pixels" if pixels == 28 else f"a square of {pixels} pixels in the star's place"


def star_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies and shares of the trace at the end of training, per dataset, model and training."""
    rows = last_stages(table, "training")
    rows = rows[rows.model != "chance"]
    named = {
        "train_accuracy": "training accuracy",
        "accuracy_kept": "star kept",
        "accuracy_removed": "removed",
        "accuracy_moved": "moved",
        "agop_share": "AGOP on the star",
        "nfm_share": "NFM on the star",
    }
    found = _wide(rows, ["dataset", "model", "training"], named)
    return found.assign(training=found.training.map(_TRAININGS))


def bias_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies and shares of the trace at the end of training, per dataset, model and what it was given."""
    rows = last_stages(table, "inputs")
    rows = rows[rows.model != "chance"]
    named = {
        "train_accuracy": "training accuracy",
        "accuracy_kept": "test accuracy",
        "accuracy_hard_swapped": "hard half swapped",
        "accuracy_easy_swapped": "easy half swapped",
        "agop_share": "AGOP on the easy half",
        "nfm_share": "NFM on the easy half",
    }
    found = _wide(rows, ["dataset", "model", "inputs"], named)
    given = {"both": "both halves", "permuted": "both, labels permuted", "hard": "hard half", "easy": "easy half"}
    return found.assign(inputs=found.inputs.map(given)).rename(columns={"inputs": "given"})


def ticket_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the test accuracy per dataset, model and number of pixels (rows) and criterion (columns)."""
    wide = table.pivot_table(
        index=["dataset", "model", "criterion", "choice", "level", "seed"], columns="metric", values="value", sort=False
    ).reset_index()
    records = []
    for (dataset, model, choice, level), rows in wide.groupby(["dataset", "model", "choice", "level"], sort=False):
        record = {
            "dataset": title(str(dataset)),
            "model": KINDS[str(model)],
            "pixels kept": f"{rows.share.mean():.1%}",
        }
        record["chosen by"] = "share" if choice == "share" else f"AGOP above {level:g}"
        for criterion, own in rows.groupby("criterion", sort=False):
            record[CRITERIA.get(str(criterion), "all")] = said(own.test_accuracy)
        records.append(record)
    return pd.DataFrame(records)


def _wide(rows: pd.DataFrame, by: list[str], named: Mapping[str, str]) -> pd.DataFrame:
    records = []
    for key, own in rows.groupby(by, sort=False):
        record = dict(zip(by, key, strict=True))
        record |= {
            label: said(own[own.metric == metric].value)
            for metric, label in named.items()
            if (own.metric == metric).any()
        }
        records.append(record)
    found = pd.DataFrame(records)
    return found.assign(dataset=found.dataset.map(title), model=found.model.map(KINDS)).fillna("")


def star_sentences(table: pd.DataFrame) -> str:
    """Return what the star does to each dataset's models, from the numbers alone."""
    lines = []
    rows = last_stages(table, "training")
    for dataset in table.dataset.unique():
        chance = table[
            (table.dataset == dataset) & (table.model == "chance") & (table.metric == "agop_share")
        ].value.mean()
        for model, name in KINDS.items():
            own = rows[(rows.dataset == dataset) & (rows.model == model)]

            def value(training: str, metric: str, own: pd.DataFrame = own) -> str:
                return said(own[(own.training == training) & (own.metric == metric)].value)

            traces = {"agop_share": "M" if model == "rfm" else "the AGOP", "nfm_share": "the NFM"}
            shares = [
                f"{value('star', metric)} of the trace of {trace}, and {value('plain', metric)} without a star in training"
                for metric, trace in traces.items()
                if metric in set(own.metric)
            ]
            lines.append(
                f"- {title(dataset)}, {name}: with a star in training, test accuracy is {value('star', 'accuracy_kept')} with it kept, "
                f"{value('star', 'accuracy_removed')} with it removed and {value('star', 'accuracy_moved')} with it moved; without a star in "
                f"training, {value('plain', 'accuracy_kept')}, {value('plain', 'accuracy_removed')} and {value('plain', 'accuracy_moved')}. "
                f"The star's pixels, {percent([chance])} of all, have {'; they have '.join(shares)}."
            )
    return "\n".join(lines)


def bias_sentences(table: pd.DataFrame) -> str:
    """Return where the trace lies and which half decides, for each dataset's models, from the numbers alone."""
    lines = []
    rows = last_stages(table, "inputs")
    for dataset in table.dataset.unique():
        about = table[(table.dataset == dataset) & (table.model == "chance")].groupby("metric").value.mean()
        lines.append(
            f"- {title(dataset)}: the easy half has {percent([about['agop_share']])} of the pixels and {percent([about['variance_share']])} of their variance."
        )
        for model, name in KINDS.items():
            own = rows[(rows.dataset == dataset) & (rows.model == model)]
            start = table[
                (table.dataset == dataset) & (table.model == model) & (table.stage == 0) & (table.inputs == "both")
            ]

            def value(inputs: str, metric: str, own: pd.DataFrame = own) -> str:
                return said(own[(own.inputs == inputs) & (own.metric == metric)].value)

            for metric, trace in {"agop_share": "M" if model == "rfm" else "the AGOP", "nfm_share": "the NFM"}.items():
                if metric in set(own.metric):
                    first = said(start[start.metric == metric].value)
                    lines.append(
                        f"- {title(dataset)}, {name}: the easy half has {value('both', metric)} of the trace of {trace}, before training {first}, "
                        f"with permuted labels {value('permuted', metric)}."
                    )
            lines.append(
                f"- {title(dataset)}, {name}: test accuracy is {value('both', 'accuracy_kept')}; with the hard half swapped for another class's "
                f"{value('both', 'accuracy_hard_swapped')}, with the easy half swapped {value('both', 'accuracy_easy_swapped')}. Trained on the "
                f"hard half alone it is {value('hard', 'accuracy_kept')}, on the easy half alone {value('easy', 'accuracy_kept')}."
            )
    return "\n".join(lines)


def ticket_sentences(table: pd.DataFrame) -> str:
    """Return how the AGOP's pixels do against others at each share, and at the threshold, from the numbers alone."""
    return "\n".join(
        line for _, rows in table.groupby(["dataset", "model"], sort=False) for line in _ticket_lines(rows)
    )


def _ticket_lines(rows: pd.DataFrame) -> Iterator[str]:
    name = f"{title(rows.dataset.iloc[0])}, {KINDS[rows.model.iloc[0]]}"
    tested = rows[rows.metric == "test_accuracy"]
    whole = tested[tested.criterion == "all"].value
    fitted = rows[(rows.metric == "train_accuracy") & (rows.criterion == "all")].value
    above = tested[tested.choice == "threshold"]
    kept = rows[(rows.choice == "threshold") & (rows.criterion == "agop") & (rows.metric == "share")].value
    yield (
        f"- {name}: accuracy is {said(whole)} with all pixels (on training images {fitted.mean():.3f}); with those whose AGOP diagonal exceeds {above.level.iloc[0]:g} of the largest, "
        f"{percent(kept)} of all, it is {said(above[above.criterion == 'agop'].value)}, with as many random ones "
        f"{said(above[above.criterion == 'random'].value)}."
    )
    for other in ("random", "nfm", "variance"):
        if other not in set(tested.criterion):
            continue
        shares = tested[(tested.choice == "share") & (tested.criterion != "all")]
        parts = [
            f"{_difference(shares[shares.level == level], other)} at {percent([level])} of the pixels"
            for level in shares.level.unique()
        ]
        yield f"- {name}: AGOP less {CRITERIA[other]}, in points of accuracy: {', '.join(parts)}."


def _difference(rows: pd.DataFrame, other: str) -> str:
    """Return the mean paired difference of accuracies over seeds, in points, and whether its interval holds 0."""
    by_seed = rows.pivot_table(index="seed", columns="criterion", values="value")
    differences = 100 * (by_seed["agop"] - by_seed[other])
    if len(differences) < LEAST_SEEDS:
        return f"{differences.mean():+.1f}"
    found = interval(differences)
    return f"{found.mean:+.1f} ({found.low:+.1f} to {found.high:+.1f})"
