"""Compare the run's kernels with Theorems 5.3 and 5.4: rows of predictions.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from ...kernels.radial import RadialKernel
from ...pipeline.tables import Row, prediction
from .trace import collapsed_alignment


def prediction_rows(traces: pd.DataFrame, kernels: Mapping[str, RadialKernel], y: Tensor, mu: float) -> Iterator[Row]:
    """Yield the values that the theorems predict for the kernels of a run, with those measured.

    The quantities are the rate of √NC1 (Theorem 5.3) and, for the last kernel matrix, its `alignment` with k* and its `objective` as a
    share of the optimum (Theorem 5.4). Rates are geometric means over the layers from the second on. The prediction for a kernel
    matrix is its value if the points have collapsed.

    Args:
        traces: Rows of kernel_trace.csv for one dataset.
        kernels: The kernel of each model.
        y: Labels, shape (N,).
        mu: μ of the objective.

    Yields:
        Rows of predictions.csv without the study.
    """
    for (dataset, model), rows in traces.groupby(["dataset", "model"], sort=False):
        wide = rows.pivot(index="layer", columns="metric", values="value").sort_index()
        about: Row = {"data": str(dataset), "setting": str(model)}
        if "predicted_rate" in wide:
            steps = wide.distance.iloc[1:].to_numpy() / wide.distance.iloc[:-1].to_numpy()
            predicted = _geometric_mean(wide.predicted_rate.dropna())
            yield prediction("rate of √NC1 of X̃ (Theorem 5.3)", predicted, _geometric_mean(steps), **about)
        limit, share = collapsed_alignment(kernels[str(model)], y, mu)
        last = wide.iloc[-1]
        yield prediction("alignment", limit, last.alignment, **about)
        yield prediction("objective", share, last.objective, **about)


def _geometric_mean(values: Any) -> float:
    return float(np.exp(np.mean(np.log(np.asarray(values, dtype=float)))))
