"""The convolutional NTK: time per kernel entry next to neural-tangents, the share of the operations' floor, and memory.

Images of 28×28 pixels, q = 3, depth 3. With `--oracle PYTHON`, an interpreter that has neural-tangents 0.6.5 and jax 0.4.38,
it is timed in the same run. The floor is the counted operations at the machine's rate of matrix products, in either
precision; loops over single numbers have no fused multiply-adds for half of them, so that it is out of reach by 2.
"""

import argparse
import json
import subprocess
import sys

import torch
from machine import added_bytes, matrix_product_rate, seconds

from agop_dnc.kernels.ntk import ConvolutionalNTK
from agop_dnc.kernels.patches import Geometry

SIDE, FILTER, DEPTH = 28, 3, 3
ORACLE = """
import json, sys, time
import jax, numpy as np
from neural_tangents import stax
side, q, depth, n = map(int, sys.argv[1:])
layers = []
for _ in range(depth):
    layers += [stax.Conv(1, (q, q), padding="VALID", W_std=2**0.5), stax.Relu()]
kernel = jax.jit(lambda x, z: stax.serial(*layers, stax.Flatten(), stax.Dense(1))[2](x, z, "ntk"))
x, z = (np.random.default_rng(seed).random((n, side, side, 1), dtype=np.float32) for seed in (0, 1))
kernel(x, z).block_until_ready()
times = []
for _ in range(5):
    start = time.perf_counter()
    kernel(x, z).block_until_ready()
    times.append(time.perf_counter() - start)
print(json.dumps(min(times) / n**2))
"""


def operations(geometry: Geometry, rows: int, terms: int = 6) -> tuple[int, int]:
    """Operations of one entry in the images' precision and in float64; `rows` are multiplied in the first layer.

    Multiplications, additions, comparisons, square roots and quotients count as one each. They are those of the fused loop.
    """
    box, (length, *rest) = 2 * (geometry.filter_size - 1), geometry.lengths[1:]
    positions = length + sum(rest)
    # √, |S|, min, max, h + max, ÷, m², polynomial, 2mp, two reflections, R − Sθ, κ and Θ; then Box(Θ) + S.
    real = positions * (1 + 1 + 2 + 2 + 1 + 1 + 2 * (terms - 1) + 2 + 2 + 2 + 3) + sum(rest) * (box + 1)
    # √N√N′, their sum with S and difference, R², the test for parallel patches, A; Box(A); first products and their box; means.
    double = positions * (1 + 2 + 1 + 2 + 2) + sum(rest) * box + length * (2 * rows + box) + 3 * rest[-1]
    return real, double


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oracle", help="a Python with neural-tangents")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=int, help="measure memory for this many images, print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(0)
    kernel = ConvolutionalNTK(FILTER, DEPTH)
    if arguments.memory:
        X = torch.rand(arguments.memory, 1, SIDE, SIDE, generator=generator)
        kernel.matrix(X[:2], X[:2], torch.eye(9))
        extra = added_bytes(lambda: kernel.matrix(X, X, torch.eye(9))) - 4 * arguments.memory**2
        print(json.dumps(extra))
        return
    n = arguments.images
    X, Z = (torch.rand(n, 1, SIDE, SIDE, generator=generator) for _ in range(2))
    M, alpha, geometry = (
        torch.eye(FILTER**2),
        torch.randn(n, 10, generator=generator),
        Geometry(SIDE, SIDE, FILTER, DEPTH),
    )
    rates = {dtype: matrix_product_rate(dtype) for dtype in (torch.float32, torch.float64)}
    print(
        f"{n}×{n} pairs, {arguments.threads} threads; "
        + ", ".join(f"{d}: {r / 1e9:.0f} GFLOP/s" for d, r in rates.items())
    )
    print(f"{'backend':>8} {'precision':>14} {'M':>5} {'µs/entry':>9} {'floor':>6} {'share':>6}")
    ours = 0.0
    for backend in ("numba", "torch"):
        for dtype in rates:
            for given in (None, M):
                entry = ConvolutionalNTK(FILTER, DEPTH, backend)
                few = slice(None) if backend == "numba" else slice(60)
                x, z = X[few].to(dtype), Z[few].to(dtype)
                taken = seconds(lambda e=entry, x=x, z=z, m=given: e.matrix(x, z, m)) / len(x) / len(z)
                real, double = operations(
                    geometry, 1 if given is None else FILTER**2, 6 if dtype == torch.float32 else 11
                )
                floor = real / rates[dtype] + double / rates[torch.float64]
                given_or_not = "none" if given is None else "9×9"
                print(
                    f"{backend:>8} {dtype!s:>14} {given_or_not:>5} {1e6 * taken:9.2f} {1e6 * floor:6.2f} {floor / taken:6.0%}"
                )
                if (backend, dtype, given) == ("numba", torch.float32, None):
                    ours = taken
    if arguments.oracle:
        command = [arguments.oracle, "-c", ORACLE, *map(str, (SIDE, FILTER, DEPTH, 100))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
        print(f"neural-tangents, float32, no M: {1e6 * theirs:.2f} µs/entry, {theirs / ours:.1f} times ours")
    taken = seconds(lambda: kernel.patch_agop(X, alpha, Z[:20]))
    print(
        f"AGOP over patches, {n} centres, 20 images, 10 classes: {taken:.2f} s, {1e6 * taken / n / 20:.1f} µs per pair"
    )
    for count in (n, 2 * n, 4 * n):
        command = [sys.executable, __file__, "--memory", str(count), "--threads", str(arguments.threads)]
        extra = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"memory beyond the kernel matrix, n = {count}: {extra / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
