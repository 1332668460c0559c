"""What each classifier of Figure R3 costs: seconds to tune it on a fold's training rows and to test it, summed over sets, on one thread.

    python benchmarks/tabular.py FOLDER > benchmarks/tabular.csv

The first fold of every set is taken, in the clean protocol, in which all six methods have grids of eight settings. `rfm` and `laplace` of the
published protocol tune once per set, on the archive's own split, and are then fitted to the four folds.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from agop_dnc.data import uci
from agop_dnc.data.tabular import Table
from agop_dnc.studies.tabular import published, rows
from agop_dnc.studies.tabular.methods import METHODS
from agop_dnc.studies.tabular.sets import IN_90
from agop_dnc.studies.tabular.study import TabularSection


def timed(run: Callable[..., object], *arguments: Any) -> tuple[float, float]:
    """Return the wall time and the processor time of a call, in seconds."""
    began, used = time.perf_counter(), time.process_time()
    run(*arguments)
    return time.perf_counter() - began, time.process_time() - used


def tuned_and_tested(table: Table, most_updates: int) -> None:
    """Tune RFM by the published protocol, and fit it to every fold; without updates it is the Laplace kernel."""
    assert table.splits.tuning is not None
    tuned = published.tune(table, table.splits.tuning, most_updates)
    for fold in table.splits.folds:
        published.fold_accuracy(table, fold, tuned, within=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the UCI archive, as in config/tabular.yaml")
    parser.add_argument("--sets", nargs="+", default=list(IN_90))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings = TabularSection().model_dump()
    written = csv.writer(sys.stdout)
    written.writerow(["dataset", "rows", "columns", "protocol", "method", "seconds", "cpu_seconds"])
    with threadpool_limits(1):
        for name in chosen.sets:
            table = uci.read(name, chosen.folder)
            size = [name, *table.X.shape]
            for method, classifier in METHODS.items():
                times = timed(rows.clean_accuracy, table, table.splits.folds[0], classifier, 0, settings)
                written.writerow([*size, "clean", method, *(f"{value:.3f}" for value in times)])
            for method, most_updates in (("rfm", published.MOST_UPDATES), ("laplace", 0)):
                times = timed(tuned_and_tested, table, most_updates)
                written.writerow([*size, "published", method, *(f"{value:.3f}" for value in times)])
            sys.stdout.flush()
