"""Compare the deep unconstrained features model with its theory: rows of dufm_curves.csv and of predictions.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...models.dufm import Model, Parameters, collapse, descend, layer_inputs, polish, random_start, rank, stack
from ...models.dufm_collapsed import collapsed_minimum, collapsed_start, optimum, threshold
from ...pipeline.tables import Row, prediction
from . import backbone

Rows = tuple[list[Row], list[Row]]
# A solution has vanished if its loss is this close to 1/2, the loss of all zeros.
VANISHED = 1e-4


def recorded(steps: int) -> list[int]:
    """Return the steps at which a descent is measured: 0 and about eight per factor of ten, evenly spaced on a log scale.

    Args:
        steps: The last step.

    Returns:
        The steps, in ascending order.

    >>> recorded(10)
    [0, 1, 2, 3, 4, 6, 7, 10]
    """
    exponents = torch.arange(0, 100, dtype=torch.float64) / 8
    return [0, *sorted({round(10 ** float(e)) for e in exponents if 10 ** float(e) < steps} | {steps})]


def swept(decades: float, points: int) -> list[float]:
    """Return ratios to the threshold, evenly spaced on a log scale.

    Args:
        decades: How many decades to go to either side of 1.
        points: The number of ratios.

    Returns:
        The ratios, in ascending order.

    >>> swept(1.0, 3)
    [0.1, 1.0, 10.0]
    """
    return [float(ratio) for ratio in torch.logspace(-decades, decades, points, dtype=torch.float64)]


def descent_rows(model: Model, scales: Iterable[float], seeds: Iterable[int], rate: float, steps: int) -> Rows:
    """Return the rows of study d1: gradient descent from starts of several scales, and L-BFGS from starts of scale 1.

    Scales after the first are run with three seeds. The predictions hold, for every seed, the loss at the end and the number of steps
    after which gradient descent is within a relative 1e-3 of the optimum (NaN if it never is).

    Args:
        model: The model.
        scales: The scales of the starts.
        seeds: Seeds of the starts.
        rate: The step size of gradient descent.
        steps: The number of its steps.

    Returns:
        The rows of dufm_curves.csv, and those of predictions.csv.
    """
    best, seeds = optimum(model), list(seeds)
    curves: list[Row] = [_curve("d1", "", model, seeds[0], "optimum", best.loss)]
    found: list[Row] = []
    for place, scale in enumerate(scales):
        setting, chosen = f"start × {scale:g}", seeds[:3] if place else seeds
        losses: dict[int, list[float]] = {}
        starts = stack([random_start(model, seed, scale) for seed in chosen])
        for step, loss, parameters in descend(starts, model, rate, recorded(steps)):
            losses[step] = loss.tolist()
            for index, seed in enumerate(chosen):
                here = _curve("d1", setting, model, seed, "loss", float(loss[index]), step)
                curves.append(here)
                curves += [here | row for row in collapse([values[index] for values in parameters], model.labels)]
        for index, seed in enumerate(chosen):
            about = {"setting": f"D1: {_size(model)}, {setting}", "seed": seed}
            near = [step for step, values in losses.items() if values[index] < best.loss * 1.001]
            found.append(_prediction("loss of gradient descent", best.loss, losses[steps][index], **about))
            steps_taken = float(min(near, default=float("nan")))
            found.append(_prediction("steps to within 1e-3", float("nan"), steps_taken, **about))
    for seed in seeds:
        reached, _ = polish(random_start(model, seed), model)
        about = {"setting": f"D1: {_size(model)}, start × 1", "seed": seed}
        found.append(_prediction("loss of L-BFGS", best.loss, reached, **about))
    return curves, found


def threshold_rows(model: Model, ratios: Iterable[float], seeds: Iterable[int]) -> Rows:
    """Return the rows of study d2: L-BFGS with nλ_H λ₁ ⋯ λ_L at each ratio to the threshold, all penalties equal.

    L-BFGS starts at random with 1 to 4 times the usual scale: small starts vanish, while larger ones find collapse if it is a local
    minimum. It also starts at the collapsed solution plus a tenth of a random start.

    The curves hold the losses found (`step` counts the starts), the lowest of them (at most 1/2, the loss of all zeros), the predicted
    `optimum`, and whether the lowest is `collapsed` (1) or zero (0). The predictions hold the lowest loss and whether it is collapsed.

    Args:
        model: The model, whose penalties are replaced.
        ratios: The ratios to the threshold.
        seeds: Seeds of the starts.

    Returns:
        The rows of dufm_curves.csv, and those of predictions.csv.
    """
    curves: list[Row] = []
    found: list[Row] = []
    seeds = list(seeds)
    for ratio in ratios:
        strength = threshold(model.layers, model.classes) * ratio
        penalty = (strength / model.per_class) ** (1 / (model.layers + 1))
        here = replace(model, penalties=(penalty,) * (model.layers + 1))
        local, best = collapsed_minimum(here), optimum(here)
        lowest = 0.5
        for seed in seeds:
            starts = [random_start(here, seed, scale) for scale in (1.0, 2.0, 3.0, 4.0)]
            noise = random_start(here, seed + 1000)
            if local is not None:
                starts.append([a + 0.1 * b for a, b in zip(collapsed_start(here, local.scale), noise, strict=True)])
            for index, start in enumerate(starts):
                reached, _ = polish(start, here)
                lowest = min(lowest, reached)
                curves.append(_curve("d2", "", here, seed, "loss", reached, index, ratio))
        collapsed = float(lowest < 0.5 - VANISHED)
        measured = {"lowest loss": lowest, "optimum": best.loss, "collapsed": collapsed}
        if local is not None:
            measured["collapsed loss"] = local.loss
        curves += [_curve("d2", "", here, seeds[0], name, value, -1, ratio) for name, value in measured.items()]
        about = {"setting": f"D2: {_size(here)}, {ratio:g} times the threshold", "seed": seeds[0]}
        found.append(_prediction("lowest loss", best.loss, lowest, **about))
        found.append(_prediction("collapsed", float(best.collapsed), collapsed, **about))
    return curves, found


def network_rows(
    X: Tensor,
    y: Tensor,
    classes: tuple[int, int],
    model: Model,
    hidden: int,
    rate: float,
    steps: int,
    seed: int,
    data: str,
) -> Rows:
    """Return the rows of study d3: a backbone with a DUFM head, trained on two classes.

    The setting `end to end` is the training itself. `features frozen` trains a new head by L-BFGS on the final features. `freed`
    continues by L-BFGS from the end of the training with free features, which shows how far these were from a minimum.

    Args:
        X: Points, shape (N, d), which are divided by their norms.
        y: Labels, shape (N,).
        classes: The labels of the two classes.
        model: The model, whose `per_class` is replaced by the number of points there are.
        hidden: The width of the backbone's hidden layers.
        rate: The step size of gradient descent.
        steps: The number of its steps.
        seed: Seed of backbone and head.
        data: The name of the data.

    Returns:
        The rows of dufm_curves.csv, and those of predictions.csv.
    """
    points, n = backbone.two_classes(torch.nn.functional.normalize(X.double()), y, *classes)
    model = replace(model, per_class=n)
    best = optimum(model)
    curves: list[Row] = [_curve("d3", "", model, seed, "optimum", best.loss)]
    network = backbone.backbone(points.shape[1], hidden, model.width, seed)
    for step, loss, parameters in backbone.train(network, points, model, seed, rate, recorded(steps)):
        here = _curve("d3", "end to end", model, seed, "loss", loss, step)
        curves.append(here)
        curves += [here | row for row in collapse(parameters, model.labels)]
    ended = {"end to end": (loss, parameters)}
    head = random_start(model, seed + 1000)[1:]
    ended["features frozen"] = polish([parameters[0], *head], model, fixed=1)
    ended["freed"] = polish(parameters, model)
    found = []
    for setting, (reached, values) in ended.items():
        about = {"data": data, "setting": f"D3: {_size(model)}, {setting}", "seed": seed}
        found.append(_prediction("loss", best.loss, reached, **about))
        found += list(_collapse_predictions(about, values, model))
    return [row | {"data": data} for row in curves], found


def rank_rows(model: Model, seeds: Iterable[int], rate: float, steps: int) -> Rows:
    """Return the rows of study d4: more than two classes, for which collapse need not be the optimum.

    There are three settings: gradient descent, L-BFGS from its end, and L-BFGS from the same starts. `predicted` is the lower of the
    losses of collapse and of all zeros, and for ranks K, the rank of every layer's input under collapse. A lower loss shows that
    collapse is not the optimum. The curves also hold the final values: `final loss`, and `rank` by layer.

    Args:
        model: The model.
        seeds: Seeds of the starts.
        rate: The step size of gradient descent.
        steps: The number of its steps.

    Returns:
        The rows of dufm_curves.csv, and those of predictions.csv.
    """
    best, seeds = optimum(model), list(seeds)
    curves: list[Row] = [_curve("d4", "", model, seeds[0], "optimum", best.loss)]
    found: list[Row] = []
    starts = [random_start(model, seed) for seed in seeds]
    for step, loss, parameters in descend(stack(starts), model, rate, recorded(steps)):  # noqa: B007
        for index, seed in enumerate(seeds):
            curves.append(_curve("d4", "gradient descent", model, seed, "loss", float(loss[index]), step))
    for index, seed in enumerate(seeds):
        last = [values[index] for values in parameters]
        ended = {
            "gradient descent": (float(loss[index]), last),
            "L-BFGS from there": polish(last, model, iterations=1500),
            "L-BFGS": polish(starts[index], model, iterations=1500),
        }
        for setting, (reached, values) in ended.items():
            about = {"setting": f"D4: {_size(model)}, {setting}", "seed": seed}
            found.append(_prediction("loss", best.loss, reached, **about))
            curves.append(_curve("d4", setting, model, seed, "final loss", reached, steps))
            for layer, points in enumerate(layer_inputs(values)[0], start=1):
                measured = rank(points)
                curves.append(_curve("d4", setting, model, seed, "rank", measured, steps) | {"layer": layer})
                found.append(_prediction("rank of the input", model.classes, measured, layer=layer, **about))
    return curves, found


def _size(model: Model) -> str:
    return f"K = {model.classes}, L = {model.layers}"


def _curve(
    study: str,
    setting: str,
    model: Model,
    seed: int,
    metric: str,
    value: float,
    step: int = 0,
    ratio: float = float("nan"),
) -> Row:
    """Return a row of dufm_curves.csv for the whole model."""
    return {
        "study": study,
        "data": "free features",
        "setting": setting,
        "classes": model.classes,
        "layers": model.layers,
        "ratio": ratio,
        "seed": seed,
        "step": step,
        "layer": 0,
        "metric": metric,
        "value": value,
    }


def _prediction(quantity: str, predicted: float, measured: float, **about: Any) -> Row:
    return prediction(quantity, predicted, measured, **({"data": "free features"} | about))


def _collapse_predictions(about: Row, parameters: Parameters, model: Model) -> Iterator[Row]:
    """Yield DNC1 to DNC3 at the input of every layer, which are 0, 1 and 0 at the DUFM's optimum."""
    predictions = {"dnc1": 0.0, "dnc2": 1.0, "dnc3": 0.0}
    for row in collapse(parameters, model.labels):
        metric = str(row["metric"])
        if metric in predictions:
            yield _prediction(metric, predictions[metric], float(row["value"]), layer=int(row["layer"]), **about)
