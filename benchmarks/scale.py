"""Measure what the paper's models cost on a CPU at a few thousand points, against the least that their operations take there.

Deep RFM on MNIST, the MLP on MNIST, ResNet-18 and VGG-11 on CIFAR-10, each in a process of its own; and how a Deep RFM's time and memory grow
with n. The floor is the operations counted, divided by the rate of the machine's own matrix products, or, for convolutions, by the rate
that the network's convolutions reach one by one, forward and backward. Deep RFMs are counted as in deep_rfm.py; a training step is three
times its forward pass less the first layer's gradient at its input, which nobody wants.

AGOP_DNC_DATA names a folder with torchvision's copy of MNIST, and --cifar an npz with x_train and y_train.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from deep_rfm import exponent, operations
from machine import matrix_product_rate, seconds
from torch import nn

from agop_dnc.data import datasets
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import deep_rfm, networks, training
from agop_dnc.models.settings import TrainingSettings
from agop_dnc.pipeline import costs
from agop_dnc.studies.deep_rfm import rows as deep_rfm_rows

POINTS = {"deep_rfm": 5000, "mlp": 5000, "resnet18": 2000, "vgg11": 2000}
GROWTH = [1000, 2000, 4000, 8000]
BATCH = 128


def fitted(n: int, layers: int, whole: bool) -> dict[str, float]:
    """A Deep RFM on MNIST's first n: seconds, megabytes above those of the process with its data, seconds of the floor.

    whole: every layer measured, as a job does; otherwise the time is that of the layers alone, in which alone n³ is.
    """
    arrays = datasets.prepare(
        "mnist", {"source": "torchvision", "n": n, "n_test": 0}, os.environ["AGOP_DNC_DATA"]
    ).arrays()
    settings = deep_rfm.Settings(depth=layers)
    rate = matrix_product_rate(torch.float64)
    d = arrays.x_train.shape[1]
    before, start = costs.memory()["peak_memory_mb"], time.perf_counter()
    if whole:
        for _ in deep_rfm_rows.measure(arrays, settings, 0):
            pass
    else:
        for _ in deep_rfm.layers(arrays.x_train, signed_one_hot(arrays.y_train), settings):
            pass
    took = time.perf_counter() - start
    counted = operations(n, d) + (layers - 1) * operations(n, settings.width)
    if whole:  # the final predictor: distances, factor
        counted += 2 * n * n * settings.width + n**3 / 3
    return {"seconds": took, "megabytes": costs.memory()["peak_memory_mb"] - before, "floor": counted / rate}


def trained(architecture: str, n: int, epochs: int, cifar: str) -> dict[str, float]:
    """Seconds an epoch of n points, after one to warm up, and the floor."""
    settings = {"source": "torchvision", "n": n, "n_test": 0}
    if architecture == "mlp":
        prepared = datasets.prepare("mnist", settings, os.environ["AGOP_DNC_DATA"])
    else:
        prepared = datasets.prepare("cifar10", settings | {"source": "npz", "path": cifar})
    arrays = prepared.arrays(torch.float32)
    x, Y = arrays.x_train.reshape(-1, *arrays.image_shape), signed_one_hot(arrays.y_train).float()
    network = networks.build(architecture, arrays.image_shape, Y.shape[1])
    floor = epoch_floor(network, x[:BATCH], n)
    marks = [time.perf_counter()]
    with tempfile.TemporaryDirectory() as folder:
        momentum = 0.9 if architecture == "vgg11" else 0.0
        schedule = TrainingSettings(
            epochs=epochs + 1, learning_rate=0.01, momentum=momentum, batch_size=BATCH, measure_every=epochs + 1
        )
        training.train(network, x, Y, schedule, 0, folder, lambda epoch, loss: marks.append(time.perf_counter()))
    return {"seconds": (marks[-1] - marks[1]) / epochs, "megabytes": costs.memory()["peak_memory_mb"], "floor": floor}


def epoch_floor(network: networks.Network, x: torch.Tensor, n: int) -> float:
    """Seconds of an epoch of n points in which nothing but convolutions and the head's matrix products ran."""
    linear = sum(layer.weight.numel() for layer in network.head if isinstance(layer, nn.Linear))
    first = network.head[0].weight.numel() if isinstance(network.backbone, nn.Flatten) else 0
    total = n * (6 * linear - 2 * first) / matrix_product_rate(torch.float32)
    inputs: dict[nn.Conv2d, torch.Tensor] = {}
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    hooks = [
        part.register_forward_hook(lambda module, given, _: inputs.update({module: given[0].detach()}))
        for part in layers
    ]
    with torch.no_grad():
        network(x)
    for hook in hooks:
        hook.remove()
    return total + sum(_convolution(layer, inputs[layer], layer is not layers[0]) for layer in layers) * n / len(x)


def _convolution(layer: nn.Conv2d, x: torch.Tensor, inner: bool) -> float:
    """Seconds of one convolution, forward and backward, by itself; a network's first needs no gradient at its input."""
    x = x.clone().requires_grad_(inner)
    wanted = [*layer.parameters(), *([x] if inner else [])]
    gradient = torch.randn_like(layer(x))
    return seconds(lambda: torch.autograd.grad(layer(x), wanted, gradient), 3)


def line(name: str, one: dict[str, float], unit: str) -> str:
    return f"{name:34} {one['seconds']:8.2f} s{unit:8} {one['megabytes']:7.0f} MB {one['floor']:8.2f} s {one['floor'] / one['seconds']:6.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", help="an npz with CIFAR-10's first 2,000 points")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.one:
        kind, *numbers = json.loads(chosen.one)
        found = fitted(*numbers) if kind == "deep_rfm" else trained(kind, *numbers, chosen.cifar)
        print(json.dumps(found))
        return

    def alone(*what: object) -> dict[str, float]:
        command = [sys.executable, __file__, "--threads", str(chosen.threads), "--one", json.dumps(what)]
        command += ["--cifar", str(Path(chosen.cifar).resolve())] if chosen.cifar else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result: dict[str, float] = json.loads(done.stdout)
        return result

    if "AGOP_DNC_DATA" not in os.environ:
        sys.exit("Error: AGOP_DNC_DATA names no folder with torchvision's copy of MNIST; set it and start again")
    print(f"\nThe paper's models on a CPU, {chosen.threads} threads: time, peak of memory, floor, share of the floor")
    print(line("Deep RFM, MNIST 5,000, 10 layers", alone("deep_rfm", POINTS["deep_rfm"], 10, True), ""))
    print(line("MLP, MNIST 5,000", alone("mlp", POINTS["mlp"], 20), "/epoch"))
    for architecture in ("resnet18", "vgg11") if chosen.cifar else ():
        print(line(f"{architecture}, CIFAR-10 2,000", alone(architecture, POINTS[architecture], 4), "/epoch"))
    grown = [alone("deep_rfm", n, 3, False) for n in GROWTH]
    for n, one in zip(GROWTH, grown, strict=True):
        print(line(f"Deep RFM, MNIST {n:,}, 3 layers", one, ""))
    for what in ("seconds", "megabytes"):
        print(f"{what} grow as n^{exponent(GROWTH, [one[what] for one in grown]):.2f}")


if __name__ == "__main__":
    main()
