"""Deep RFM: time a layer against n, the fitted exponent, peak memory, and the share of the machine's matrix-product rate.

Every size runs in a process of its own. Operations are counted from the algorithm: distances n²d, the Cholesky factor n³/3,
the AGOP by pairs or by outputs (whichever is less), the root of a d×d matrix 9d³ (an eigendecomposition and a product), the
features 2·n·d·(d + width); a layer from the second on has d = width.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import torch
from machine import matrix_product_rate, peak_bytes

from agop_dnc.data import datasets
from agop_dnc.models import deep_rfm
from agop_dnc.pipeline import forecasts
from agop_dnc.studies.deep_rfm import rows as deep_rfm_rows

WIDTH, CLASSES = 1024, 10


def operations(n: int, d: int) -> float:
    """Floating-point operations of one layer with n points in d dimensions."""
    by_outputs, by_pairs = 2 * CLASSES * n * d * (n + d), 2 * n * (n * n + n * d + d * d)
    return 2 * n * n * d + n**3 / 3 + min(by_outputs, by_pairs) + 9 * d**3 + 2 * n * d * (d + WIDTH)


def arrays(n: int, d: int) -> datasets.Arrays:
    """Clouds round the corners of a simplex, ordered by class: as collapsing data as images are."""
    y = torch.arange(CLASSES).repeat_interleave(math.ceil(n / CLASSES))[:n]
    X = torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    X[:, :CLASSES] += 4 * torch.nn.functional.one_hot(y)
    return datasets.Arrays(X, y, X[:0], y[:0], (1, 1, d))


def measure(n: int, d: int, precision: str, layers: int) -> dict[str, float]:
    """Seconds a layer (measurements of NC included, the final predictor left out), and the peak of memory above the start."""
    settings = deep_rfm.Settings(depth=layers, width=WIDTH, precision=precision)
    given = arrays(n, d)
    torch.linalg.eigh(torch.eye(64, dtype=torch.float64))  # loads what is loaded once
    before, start, times = peak_bytes(), time.perf_counter(), []
    for _ in deep_rfm_rows.measure(given, settings, seed=0):
        times.append(time.perf_counter() - start)
    counted = operations(n, d) + (layers - 1) * operations(n, WIDTH)
    return {
        "seconds_a_layer": times[layers - 1] / layers,
        "peak_bytes": peak_bytes() - before,
        "forecast_bytes": forecasts.deep_rfm_bytes(n, d, 0, settings.width, settings.precision),
        "rate": counted / times[layers - 1],
    }


def whole_process(path: str, precision: str, threads: int) -> None:
    """What the workflow's job does with a prepared dataset: 5 layers, Laplace kernel, ReLU, every layer measured."""
    torch.set_num_threads(threads)
    settings = deep_rfm.Settings(depth=5, width=WIDTH, precision=precision)
    for _ in deep_rfm_rows.measure(datasets.load(path).arrays(), settings, seed=0):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--one", nargs=4, metavar=("N", "D", "PRECISION", "THREADS"), help="measure one size, print JSON"
    )
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--whole", nargs=2, metavar=("NPZ", "PRECISION"), help="fit to a prepared dataset")
    arguments = parser.parse_args()
    if arguments.whole:
        whole_process(*arguments.whole, arguments.threads)
        return
    if arguments.one:
        n, d, precision, threads = arguments.one
        torch.set_num_threads(int(threads))
        print(json.dumps(measure(int(n), int(d), precision, arguments.layers)))
        return
    torch.set_num_threads(arguments.threads)
    for precision in ("float64", "float32"):
        rate = matrix_product_rate(deep_rfm.PRECISIONS[precision])
        print(f"\nDeep RFM, {precision}, {arguments.threads} threads; matrix products: {rate / 1e9:.0f} GFLOP/s")
        print(f"{'n':>6} {'d':>5} {'s/layer':>8} {'peak':>9} {'forecast':>9} {'share of rate':>14}")
        for d in (64, 784):
            seconds = []
            for n in arguments.points:
                command = [sys.executable, __file__, "--layers", str(arguments.layers)]
                command += ["--one", str(n), str(d), precision, str(arguments.threads)]
                one = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                seconds.append(one["seconds_a_layer"])
                peak, forecast = one["peak_bytes"] / 2**20, one["forecast_bytes"] / 2**20
                share = one["rate"] / rate
                print(f"{n:6} {d:5} {seconds[-1]:8.2f} {peak:5.0f} MiB {forecast:5.0f} MiB {share:13.0%}")
            print(f"d = {d}: time grows as n^{exponent(arguments.points, seconds):.2f}")
    if "AGOP_DNC_DATA" not in os.environ:
        print("\nMNIST left out: AGOP_DNC_DATA names no folder with torchvision's copy of it")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/mnist.npz"
        for n_test in (0, 2000):
            settings = {"source": "torchvision", "n": 2000, "n_test": n_test}
            datasets.save(datasets.prepare("mnist", settings, os.environ["AGOP_DNC_DATA"]), path)
            for precision in ("float64", "float32"):
                start = time.perf_counter()
                command = [sys.executable, __file__, "--whole", path, precision, "--threads", str(arguments.threads)]
                subprocess.run(command, check=True)
                took = time.perf_counter() - start
                print(f"MNIST, first 2,000, {n_test} test points, 5 layers, {precision}, whole process: {took:.1f} s")


def exponent(points: list[int], times: list[float]) -> float:
    """The slope of log time against log n, by least squares."""
    x, t = [math.log(n) for n in points], [math.log(s) for s in times]
    mean_x, mean_t = sum(x) / len(x), sum(t) / len(t)
    return sum((a - mean_x) * (b - mean_t) for a, b in zip(x, t, strict=True)) / sum((a - mean_x) ** 2 for a in x)


if __name__ == "__main__":
    main()
