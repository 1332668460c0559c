"""Set the run's kernels against Theorems 5.3 and 5.4: rows of predictions.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from ...kernels.radial import RadialKernel
from ...pipeline.tables import Row, compared
from .trace import collapsed_alignment


def of_traces(traces: pd.DataFrame, kernels: Mapping[str, RadialKernel], y: Tensor, mu: float) -> Iterator[Row]:
    """What the kernels of a run do beside what the theorems say they should: rows of theory.csv.

    traces: rows of kernel_trace.csv of one dataset. kernels: by model. y: the labels (N). Rates are geometric means over the
    layers from the second on; `predicted` for a kernel matrix is what it would be for collapsed points.
    """
    for (dataset, model), rows in traces.groupby(["dataset", "model"], sort=False):
        wide = rows.pivot(index="layer", columns="metric", values="value").sort_index()
        about = {"data": dataset, "setting": model}
        if "predicted_rate" in wide:
            steps = wide.distance.iloc[1:].to_numpy() / wide.distance.iloc[:-1].to_numpy()
            predicted = _geometric_mean(wide.predicted_rate.dropna())
            yield (
                {"theorem": "5.3"}
                | about
                | {"quantity": "rate of √NC1 of X̃"}
                | compared(predicted, _geometric_mean(steps))
            )
        limit, share = collapsed_alignment(kernels[str(model)], y, mu)
        last = wide.iloc[-1]
        yield (
            {"theorem": "5.4"}
            | about
            | {"quantity": "alignment of the last kernel matrix with k*"}
            | compared(limit, last.alignment)
        )
        yield (
            {"theorem": "5.4"}
            | about
            | {"quantity": "objective of the last kernel matrix (share of the optimum)"}
            | compared(share, last.objective)
        )


def _geometric_mean(values: Any) -> float:
    return float(np.exp(np.mean(np.log(np.asarray(values, dtype=float)))))
