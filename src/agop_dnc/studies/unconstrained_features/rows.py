"""The deep unconstrained features model beside its theory: each function returns rows of dufm_curves.csv and of dufm.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...models.dufm import (
    Model,
    Parameters,
    collapse,
    collapsed_minimum,
    collapsed_start,
    descend,
    layer_inputs,
    optimum,
    polish,
    random_start,
    rank,
    stack,
    threshold,
)
from ...pipeline.tables import compared
from . import backbone

Row = dict[str, Any]
Rows = tuple[list[Row], list[Row]]
# A solution with a loss this close to 1/2, the loss of all zeros, has vanished.
VANISHED = 1e-4


def recorded(steps: int) -> list[int]:
    """The steps at which a descent of so many is measured: 0 and some eight a factor of ten, evenly on a log scale.

    >>> recorded(10)
    [0, 1, 2, 3, 4, 6, 7, 10]
    """
    exponents = torch.arange(0, 100, dtype=torch.float64) / 8
    return [0, *sorted({round(10 ** float(e)) for e in exponents if 10 ** float(e) < steps} | {steps})]


def swept(decades: float, points: int) -> list[float]:
    """Ratios to the threshold, by equal steps in the logarithm, so many decades to either side.

    >>> swept(1.0, 3)
    [0.1, 1.0, 10.0]
    """
    return [float(ratio) for ratio in torch.logspace(-decades, decades, points, dtype=torch.float64)]


def of_descent(model: Model, scales: Iterable[float], seeds: Iterable[int], rate: float, steps: int) -> Rows:
    """Study d1: gradient descent from starts of several scales, and L-BFGS from those of scale 1, beside the optimum.

    Of the other scales than the first, three seeds are run. dufm.csv has for every seed the loss that each ends at, and how many
    steps gradient descent takes to come within 1e-3 of the optimum, relative (NaN if it never does).
    """
    best, seeds = optimum(model), list(seeds)
    curves: list[Row] = []
    found: list[Row] = []
    for place, scale in enumerate(scales):
        setting, chosen = f"start × {scale:g}", seeds[:3] if place else seeds
        losses: dict[int, list[float]] = {}
        starts = stack([random_start(model, seed, scale) for seed in chosen])
        for step, loss, parameters in descend(starts, model, rate, recorded(steps)):
            losses[step] = loss.tolist()
            for index, seed in enumerate(chosen):
                here = _about("d1", setting, model, seed) | {"step": step}
                curves.append(here | {"layer": 0, "metric": "loss", "value": float(loss[index])})
                one = [values[index] for values in parameters]
                curves += [here | row for row in collapse(one, model.labels)]
        for index, seed in enumerate(chosen):
            about = _about("d1", setting, model, seed)
            near = [step for step, values in losses.items() if values[index] < best.loss * 1.001]
            found.append(about | {"quantity": "loss of gradient descent"} | compared(best.loss, losses[steps][index]))
            found.append(
                about
                | {"quantity": "steps to within 1e-3"}
                | {
                    "predicted": float("nan"),
                    "measured": min(near, default=float("nan")),
                    "relative_error": float("nan"),
                }
            )
    for seed in seeds:
        reached, _ = polish(random_start(model, seed), model)
        found.append(
            _about("d1", "start × 1", model, seed) | {"quantity": "loss of L-BFGS"} | compared(best.loss, reached)
        )
    return curves, found


def of_threshold(model: Model, ratios: Iterable[float], seeds: Iterable[int]) -> Rows:
    """Study d2: nλ_H λ₁ ⋯ λ_L at each ratio to the threshold, the penalties all equal: what is found, beside what is predicted.

    From random starts of 1 to 4 times the usual scale, L-BFGS: the smaller ones vanish, the larger find collapse where it is a local
    minimum; and from the collapsed solution with a tenth of its size in noise. Curves: the losses found, `step` counting the
    starts. dufm.csv: the lowest (never above 1/2, as all zeros are always there) and whether it is collapsed (1) or nothing (0),
    beside the predictions.
    """
    curves: list[Row] = []
    found: list[Row] = []
    seeds = list(seeds)
    for ratio in ratios:
        strength = threshold(model.layers, model.classes) * ratio
        penalty = (strength / model.per_class) ** (1 / (model.layers + 1))
        here = replace(model, penalties=(penalty,) * (model.layers + 1))
        local, best, setting = collapsed_minimum(here), optimum(here), f"{ratio:g}"
        lowest = 0.5
        for seed in seeds:
            starts = [random_start(here, seed, scale) for scale in (1.0, 2.0, 3.0, 4.0)]
            noise = random_start(here, seed + 1000)
            if local is not None:
                starts.append([a + 0.1 * b for a, b in zip(collapsed_start(here, local.scale), noise, strict=True)])
            for index, start in enumerate(starts):
                reached, _ = polish(start, here)
                lowest = min(lowest, reached)
                about = _about("d2", setting, here, seed)
                curves.append(about | {"step": index, "layer": 0, "metric": "loss", "value": reached})
        about = _about("d2", setting, here, seeds[0])
        collapsed = float(lowest < 0.5 - VANISHED)
        found.append(about | {"quantity": "lowest loss"} | compared(best.loss, lowest))
        found.append(about | {"quantity": "collapsed"} | compared(float(best.collapsed), collapsed))
        if local is not None:
            curves.append(about | {"step": -1, "layer": 0, "metric": "collapsed loss", "value": local.loss})
    return curves, found


def of_network(
    X: Tensor, y: Tensor, classes: tuple[int, int], model: Model, hidden: int, rate: float, steps: int, seed: int
) -> Rows:
    """Study d3: a backbone with a DUFM head on two classes of X (N×d) with labels y, beside the DUFM's optimum.

    The points are divided by their norms. model's per_class is replaced by what there is. Setting `end to end` is the training;
    `features frozen` trains a new head by L-BFGS on the features that it ended with, `freed` lets go of them, which shows how far
    they were from where unconstrained ones come to rest.
    """
    points, n = backbone.two_classes(torch.nn.functional.normalize(X.double()), y, *classes)
    model = replace(model, per_class=n)
    best = optimum(model)
    curves: list[Row] = []
    network = backbone.backbone(points.shape[1], hidden, model.width, seed)
    for step, loss, parameters in backbone.train(network, points, model, seed, rate, recorded(steps)):
        here = _about("d3", "end to end", model, seed) | {"step": step}
        curves.append(here | {"layer": 0, "metric": "loss", "value": loss})
        curves += [here | row for row in collapse(parameters, model.labels)]
    ended = {"end to end": (loss, parameters)}
    head = random_start(model, seed + 1000)[1:]
    ended["features frozen"] = polish([parameters[0], *head], model, fixed=1)
    ended["freed"] = polish(parameters, model)
    found = []
    for setting, (reached, values) in ended.items():
        about = _about("d3", setting, model, seed)
        found.append(about | {"quantity": "loss"} | compared(best.loss, reached))
        found += list(_collapsed_rows(about, values, model))
    return curves, found


def of_ranks(model: Model, seeds: Iterable[int], rate: float, steps: int) -> Rows:
    """Study d4: more than two classes, where collapse need not be the optimum.

    Gradient descent, L-BFGS from where it ends, and L-BFGS from the same starts. `predicted` is the loss of the better of collapse
    and nothing, and K, the rank of every layer's input under collapse; a lower loss shows that collapse is not the optimum.
    """
    best, seeds = optimum(model), list(seeds)
    curves: list[Row] = []
    found: list[Row] = []
    starts = [random_start(model, seed) for seed in seeds]
    for step, loss, parameters in descend(stack(starts), model, rate, recorded(steps)):  # noqa: B007
        for index, seed in enumerate(seeds):
            here = _about("d4", "gradient descent", model, seed) | {"step": step}
            curves.append(here | {"layer": 0, "metric": "loss", "value": float(loss[index])})
    for index, seed in enumerate(seeds):
        last = [values[index] for values in parameters]
        ended = {
            "gradient descent": (float(loss[index]), last),
            "L-BFGS from there": polish(last, model, iterations=1500),
            "L-BFGS": polish(starts[index], model, iterations=1500),
        }
        for setting, (reached, values) in ended.items():
            about = _about("d4", setting, model, seed)
            found.append(about | {"quantity": "loss"} | compared(best.loss, reached))
            for layer, points in enumerate(layer_inputs(values)[0], start=1):
                quantity = f"rank of the input of layer {layer}"
                found.append(about | {"quantity": quantity} | compared(model.classes, rank(points)))
    return curves, found


def _about(study: str, setting: str, model: Model, seed: int) -> Row:
    return {"study": study, "setting": setting, "classes": model.classes, "layers": model.layers, "seed": seed}


def _collapsed_rows(about: Row, parameters: Parameters, model: Model) -> Iterator[Row]:
    """DNC1 to DNC3 at the input of every layer; the DUFM's optimum has 0, 1 and 0."""
    predictions = {"dnc1": 0.0, "dnc2": 1.0, "dnc3": 0.0}
    for row in collapse(parameters, model.labels):
        metric = str(row["metric"])
        if metric in predictions:
            yield (
                about
                | {"quantity": f"{metric} of layer {row['layer']}"}
                | compared(predictions[metric], float(row["value"]))
            )
