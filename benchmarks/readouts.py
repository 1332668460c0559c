"""A training step with a readout that is fixed to a simplex, next to one that learns it: time per step of 64 points.

Both readouts of a pair are timed in turns, so that what else the machine does slows both.
"""

import argparse
from collections.abc import Callable

import torch
from machine import seconds

from agop_dnc.models.heads import with_features, with_fixed_simplex
from agop_dnc.models.networks import build
from agop_dnc.models.sgd import SQUARED_ERROR, Velocity, autograd_step

CLASSES, BATCH, STEPS = 10, 64, 50


def steps(width: int, d: int, fixed: bool) -> Callable[[], None]:
    """Return a function that makes some steps of an MLP with three hidden layers on images of 28×28 pixels."""
    network = with_features(build("mlp", (1, 28, 28), CLASSES, hidden_layers=3, width=width), d, 0)
    network = with_fixed_simplex(network, 0) if fixed else network
    x, y = torch.randn(BATCH, 1, 28, 28), torch.randn(BATCH, CLASSES)
    velocity = Velocity(network, 0.9)

    def run() -> None:
        for _ in range(STEPS):
            velocity.decay()
            autograd_step(network, velocity, x, y, 1e-3, SQUARED_ERROR)

    return run


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 512])
    torch.set_num_threads(1)
    for width in parser.parse_args().widths:
        for d in (CLASSES - 1, CLASSES, width):
            pair = steps(width, d, fixed=False), steps(width, d, fixed=True)
            turns = [[seconds(run, 1) for run in pair] for _ in range(5)]
            learned, fixed = (1e3 * min(times) / STEPS for times in zip(*turns, strict=True))
            print(
                f"width {width}, d {d}: learned {learned:.3f} ms, fixed {fixed:.3f} ms, ratio {fixed / learned:.2f}",
                flush=True,
            )
