"""RFM against the package xRFM: accuracy, time and peak memory, on the same data with the same kernel, ridge, precision and threads.

x ~ N(0, I_d); one output, x₁ + x₂ + x₁x₂, or more, tanh(wᵀx) with each w ~ N(0, I) in the first ten coordinates. There are half as many
validation and half as many test points as points to fit to. Both make five updates of M (six
solves), with the Laplace kernel, bandwidth 10 and M divided by its largest entry, predict the validation points at every iterate and keep the
best. Every fit runs in a process of its own; the two take turns, and the shortest time of several counts. On a machine with other work the
ratio of processor times, with one thread, is the steadier one.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product

import torch
from machine import added_bytes

from agop_dnc.models import rfm
from agop_dnc.randomness import generator

SIZES = [2000, 5000, 10_000]
DIMENSIONS = [50, 784]
BANDWIDTH, RIDGE, ITERATIONS = 10.0, 1e-3, 5

OUTPUTS = [1, 10]

Points = tuple[torch.Tensor, torch.Tensor]
Predictor = Callable[[torch.Tensor], torch.Tensor]


def draw(n: int, d: int, outputs: int, precision: str) -> tuple[Points, Points, Points]:
    """Return points to fit to, to validate on and to test on."""
    draws = generator(0, "benchmark", "rfm", n, d)
    X = torch.randn(2 * n, d, dtype=torch.float64, generator=draws)
    if outputs == 1:
        y = X[:, :1] + X[:, 1:2] + X[:, :1] * X[:, 1:2]
    else:
        y = (X[:, :10] @ torch.randn(10, outputs, dtype=torch.float64, generator=draws)).tanh()
    X, y = X.to(rfm.PRECISIONS[precision]), y.to(rfm.PRECISIONS[precision])
    first, second = n, n + n // 2
    return (X[:first], y[:first]), (X[first:second], y[first:second]), (X[second:], y[second:])


def r_squared(predict: Predictor, points: Points) -> float:
    """Return 1 − Σ(f − y)² / Σ(y − ȳ)², over all outputs."""
    X, y = points
    return 1 - float((predict(X).view_as(y) - y).square().sum() / (y - y.mean(0)).square().sum())


def fit_ours(train: Points, validation: Points, precision: str) -> Predictor:
    """Fit our RFM, its iterate chosen by the squared error on the validation points."""
    settings = rfm.Settings(
        bandwidth=BANDWIDTH, ridge=RIDGE, iterations=ITERATIONS, agop_scale="max", precision=precision
    )

    def score(iterate: rfm.Iterate) -> float:
        return -float((iterate(validation[0]) - validation[1]).square().mean())

    return rfm.RFM(settings).fit(*train, score, early_stopping=None).predict


def fit_xrfm(train: Points, validation: Points, precision: str) -> Predictor:
    """Fit xRFM's, likewise."""
    from xrfm.rfm_src import RFM

    model = RFM("laplace", bandwidth=BANDWIDTH, device="cpu", verbose=False, tuning_metric="mse")
    model.fit(train, validation, iters=ITERATIONS, reg=RIDGE, early_stop_rfm=False, verbose=False)
    return model.predict  # type: ignore[no-any-return]


FITS = {"ours": fit_ours, "xrfm": fit_xrfm}


def measure(name: str, n: int, d: int, outputs: int, precision: str) -> dict[str, float]:
    """Return the seconds of a fit by the clock and of processor time, its peak memory above the data, and its test R²."""
    fit = FITS[name]
    small = draw(60, 12, outputs, precision)
    fit(small[0], small[1], precision)  # loads what is loaded once
    train, validation, test = draw(n, d, outputs, precision)
    fitted: list[Predictor] = []

    def run() -> None:
        fitted.append(fit(train, validation, precision))

    start, busy = time.perf_counter(), time.process_time()
    peak = added_bytes(run)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - busy
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": peak, "r_squared": r_squared(fitted[0], test)}


def alone(name: str, n: int, d: int, outputs: int, precision: str, threads: int) -> dict[str, float]:
    """Return what a process of its own measures."""
    command = [
        sys.executable,
        __file__,
        "--threads",
        str(threads),
        "--one",
        name,
        str(n),
        str(d),
        str(outputs),
        precision,
    ]
    found: dict[str, float] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--points", type=int, nargs="+", default=SIZES)
    parser.add_argument("--dimensions", type=int, nargs="+", default=DIMENSIONS)
    parser.add_argument("--outputs", type=int, nargs="+", default=OUTPUTS)
    parser.add_argument("--precisions", nargs="+", default=list(rfm.PRECISIONS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--one", nargs=5, metavar=("WHICH", "N", "D", "OUTPUTS", "PRECISION"), help="measure one fit, print JSON"
    )
    chosen = parser.parse_args()
    if chosen.one:
        torch.set_num_threads(chosen.threads)
        name, n, d, outputs, precision = chosen.one
        print(json.dumps(measure(name, int(n), int(d), int(outputs), precision)))
        return
    print(f"\nRFM against xRFM, {chosen.threads} threads, {ITERATIONS} updates of M, shortest of {chosen.repeats}")
    print(
        f"{'precision':9} {'n':>6} {'d':>4} {'K':>3} {'ours':>9} {'xRFM':>9} {'ratio':>6} {'of CPU':>6} {'ours':>10} {'xRFM':>10} {'R² ours':>8} {'xRFM':>7}"
    )
    for precision, n, d, outputs in product(chosen.precisions, chosen.points, chosen.dimensions, chosen.outputs):
        runs = [
            {name: alone(name, n, d, outputs, precision, chosen.threads) for name in FITS}
            for _ in range(chosen.repeats)
        ]
        ours, theirs = (min((run[name] for run in runs), key=lambda one: one["seconds"]) for name in FITS)
        print(
            f"{precision:9} {n:6} {d:4} {outputs:3} {ours['seconds']:7.2f} s {theirs['seconds']:7.2f} s "
            f"{theirs['seconds'] / ours['seconds']:6.2f} {theirs['cpu_seconds'] / ours['cpu_seconds']:6.2f} {ours['peak_bytes'] / 2**20:6.0f} MiB "
            f"{theirs['peak_bytes'] / 2**20:6.0f} MiB {ours['r_squared']:8.4f} {theirs['r_squared']:7.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
