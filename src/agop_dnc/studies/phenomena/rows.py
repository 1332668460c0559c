"""Fit models to images with a star, to pairs of images and to few pixels: the rows of the three tables, and what the figures show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ...pipeline.tables import Row
from ...randomness import generator
from .images import (
    Labelled,
    draw_points,
    easy_half,
    in_noise,
    of_another_class,
    only_classes,
    partners,
    side_by_side,
    star_mask,
    with_star,
)
from .models import Fitted, fit
from .pruning import CRITERIA, keep_largest, number_above, number_kept, scores, share_of

KINDS = ("rfm", "network")
# Takes a name and an image (C×H×W) that a figure shows.
Show = Callable[[str, Tensor], None]


def image_shape(images: Labelled) -> tuple[int, int, int]:
    """Return the channels, height and width of images."""
    channels, height, width = images.x.shape[1:]
    return channels, height, width


def flat(images: Tensor, device: torch.device) -> Tensor:
    """Return images (n×C×H×W) as points (n×d) on a device."""
    return images.flatten(1).to(device)


def spurious_rows(
    train: Labelled, test: Labelled, settings: Mapping[str, Any], seed: int, device: torch.device, show: Show
) -> Iterator[Row]:
    """Fit models to images of some classes, with a star in the last one's and without any, and yield rows of spurious_features.csv.

    Test images have the star `kept` (in the last class's), `removed` (in none) or `moved` (in all but the last class's).

    Args:
        train: All training images.
        test: All test images.
        settings: The study's settings.
        seed: Of the training points and of networks.
        device: Where models are fitted.
        show: Takes what Figure R4 shows.
    """
    classes = settings["star_classes"]
    drawn = only_classes(draw_points(train, settings["points"], seed, "star"), classes)
    tested = only_classes(test, classes)
    mask, last = star_mask(image_shape(train)), len(classes) - 1
    own, none = tested.y == last, torch.zeros(len(tested), dtype=torch.bool)
    tests = {"kept": own, "removed": none, "moved": ~own}
    tests_flat = {name: flat(with_star(tested, mask, where), device) for name, where in tests.items()}
    trainings = {"star": drawn.y == last, "plain": torch.zeros(len(drawn), dtype=torch.bool)}

    def row(model: str, training: str, stage: int, metric: str, value: float) -> Row:
        return {"model": model, "training": training, "stage": stage, "metric": metric, "value": value}

    yield row("chance", "", 0, "agop_share", float(mask.double().mean()))
    yield row("chance", "", 0, "accuracy", float(tested.y.bincount().max()) / len(tested))
    for training, starred in trainings.items():
        show(f"{training}_example", with_star(drawn, mask, starred)[drawn.y == last][0])
    for training, starred in trainings.items():
        X = flat(with_star(drawn, mask, starred), device)
        for kind in KINDS:
            fitted = fit(kind, X, drawn.y.to(device), settings, seed)
            stage = max(fitted.stages)
            yield row(kind, training, stage, "train_accuracy", fitted.accuracy(X, drawn.y))
            for name, points in tests_flat.items():
                yield row(kind, training, stage, f"accuracy_{name}", fitted.accuracy(points, tested.y))
            for metric, at, value in shares(fitted, mask):
                yield row(kind, training, at, metric, value)
            _show_diagonals(show, f"{training}_{kind}", fitted, mask.shape)


def bias_pairs(
    easy: Labelled, hard: Labelled | None, noise: float, seed: int, part: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the hard images and the easy ones of pairs of the same class, n×C×H×W of one shape, and their labels (n).

    Args:
        easy: The easy images; each is in one pair.
        hard: The images that stand on the left; if not given, they are others of the easy ones in noise.
        noise: The noise's standard deviation.
        seed: Of partners and noise.
        part: `train` or `test`.
    """
    draws = generator(seed, "phenomena", "pairs", part)
    if hard is not None:
        easy = easy[torch.isin(easy.y, hard.y)]
    pool = easy if hard is None else hard
    left = pool.x[partners(easy.y, pool.y, draws)]
    left = in_noise(left, noise, draws) if hard is None else left
    both = side_by_side(left, easy.x)
    width = both.shape[3] // 2
    return both[..., :width], both[..., width:], easy.y


def bias_rows(
    train: Labelled,
    test: Labelled,
    hard: tuple[Labelled, Labelled] | None,
    settings: Mapping[str, Any],
    seed: int,
    device: torch.device,
    show: Show,
) -> Iterator[Row]:
    """Fit models to pairs of images, with their labels and with permuted ones, and to either half alone; yield rows of simplicity_bias.csv.

    Permuted labels tell what share of the trace the easy half has if neither half says anything about the class.

    Test pairs are as in training (`kept`), or have one half swapped for that of another class; the label is that of the other half.

    Args:
        train: All easy training images.
        test: All easy test images.
        hard: Training and test images of the dataset on the left; if not given, easy ones in noise stand there.
        settings: The study's settings.
        seed: Of the training points, of pairs, swaps and permuted labels, and of networks.
        device: Where models are fitted.
        show: Takes what Figure R5 shows.
    """
    drawn = draw_points(train, settings["points"], seed, "pairs")
    left, right, y = bias_pairs(drawn, hard and hard[0], settings["noise"], seed, "train")
    left_test, right_test, y_test = bias_pairs(test, hard and hard[1], settings["noise"], seed, "test")
    other = of_another_class(y_test, generator(seed, "phenomena", "swaps"))
    tests = {
        "kept": (left_test, right_test),
        "hard_swapped": (left_test[other], right_test),
        "easy_swapped": (left_test, right_test[other]),
    }
    pairs = torch.cat([left, right], 3)
    mask = easy_half(image_shape(Labelled(pairs, y)))

    def row(model: str, inputs: str, stage: int, metric: str, value: float) -> Row:
        return {"model": model, "inputs": inputs, "stage": stage, "metric": metric, "value": value}

    yield row("chance", "both", 0, "agop_share", float(mask.double().mean()))
    yield row("chance", "both", 0, "variance_share", share_of(pairs.flatten(1).var(0), mask))
    yield row("chance", "both", 0, "accuracy", float(y_test.bincount().max()) / len(y_test))
    show("pair_example", pairs[0])
    shuffled = torch.randperm(len(y), generator=generator(seed, "phenomena", "permuted labels"))
    X, labels = flat(pairs, device), y.to(device)
    for kind in KINDS:
        fitted = fit(kind, X, labels, settings, seed)
        stage = max(fitted.stages)
        yield row(kind, "both", stage, "train_accuracy", fitted.accuracy(X, y))
        for name, halves in tests.items():
            tested = fitted.accuracy(flat(torch.cat(halves, 3), device), y_test)
            yield row(kind, "both", stage, f"accuracy_{name}", tested)
        for metric, at, value in shares(fitted, mask):
            yield row(kind, "both", at, metric, value)
        _show_diagonals(show, f"pair_{kind}", fitted, mask.shape)
        control = fit(kind, X, labels[shuffled.to(device)], settings, seed)
        for metric, at, value in shares(control, mask):
            yield row(kind, "permuted", at, metric, value)
        for half, images, images_test in (("hard", left, left_test), ("easy", right, right_test)):
            alone = fit(kind, flat(images, device), labels, settings, seed)
            tested = alone.accuracy(flat(images_test, device), y_test)
            yield row(kind, half, max(alone.stages), "train_accuracy", alone.accuracy(flat(images, device), y))
            yield row(kind, half, max(alone.stages), "accuracy_kept", tested)


def ticket_rows(
    train: Labelled, test: Labelled, settings: Mapping[str, Any], seed: int, device: torch.device, show: Show
) -> Iterator[Row]:
    """Fit models to all inputs and again to those with the largest scores, and yield rows of lottery_tickets.csv.

    Networks that are trained again start from the weights that they had with all inputs.

    Args:
        train: All training images.
        test: All test images.
        settings: The study's settings.
        seed: Of the training points, of random inputs and of networks.
        device: Where models are fitted.
        show: Takes what Figure R6 shows.
    """
    drawn = draw_points(train, settings["points"], seed, "tickets")
    X, X_test, y = flat(drawn.x, device), flat(test.x, device), drawn.y.to(device)
    d = X.shape[1]

    def rows(about: Row, fitted: Fitted, number: int) -> Iterator[Row]:
        yield about | {"metric": "share", "value": number / d}
        yield about | {"metric": "train_accuracy", "value": fitted.accuracy(X, y)}
        yield about | {"metric": "test_accuracy", "value": fitted.accuracy(X_test, test.y)}

    for kind in KINDS:
        whole = fit(kind, X, y, settings, seed)
        yield from rows({"model": kind, "criterion": "all", "choice": "share", "level": 1.0}, whole, d)
        above = number_above(whole.diagonals["agop"], settings["threshold"])
        levels = [("share", level, number_kept(d, level)) for level in settings["shares"]]
        for criterion in CRITERIA[kind]:
            scored = scores(criterion, dict(whole.diagonals), X, seed)
            for choice, level, number in [*levels, ("threshold", settings["threshold"], above)]:
                kept = keep_largest(scored, number)
                about: Row = {"model": kind, "criterion": criterion, "choice": choice, "level": level}
                yield from rows(about, fit(kind, X, y, settings, seed, kept), number)
        mask = torch.zeros(d).index_fill(0, keep_largest(whole.diagonals["agop"], above), 1.0)
        show(f"ticket_{kind}", mask.reshape(drawn.x.shape[1:]))


def shares(fitted: Fitted, mask: Tensor) -> Iterator[tuple[str, int, float]]:
    """Yield `nfm_share` and `agop_share`, the stage, and the share of the trace under a mask (d entries) at each stage."""
    for stage, diagonals in fitted.stages.items():
        for name, diagonal in diagonals.items():
            yield f"{name}_share", stage, share_of(diagonal, mask)


def _show_diagonals(show: Show, name: str, fitted: Fitted, shape: torch.Size) -> None:
    for matrix, diagonal in fitted.diagonals.items():
        show(f"{name}_{matrix}", diagonal.reshape(shape))
