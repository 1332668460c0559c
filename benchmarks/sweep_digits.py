"""How the default run's learning rates, scales and epochs were chosen: by training accuracy alone, one seed.

Prints a row a combination: the training accuracy after each of some epochs, and the seconds an epoch takes on one thread.
`python benchmarks/sweep_digits.py > benchmarks/sweep_digits.csv`
"""

import argparse
import itertools
import sys
import tempfile
import time

import torch

from agop_dnc import data, networks, training
from agop_dnc.deep_rfm import signed_one_hot
from agop_dnc.errors import UserError

GRID = {
    "mlp": {"learning_rate": [0.1, 0.2], "init_scale": [0.3, 0.5, 1.0], "momentum": [0.0], "epochs": [160]},
    "resnet18": {"learning_rate": [0.05, 0.1], "init_scale": [0.2, 0.5], "momentum": [0.0], "epochs": [20]},
    "vgg11": {"learning_rate": [0.01, 0.03], "init_scale": [0.3, 0.5], "momentum": [0.9], "epochs": [20]},
}
LOOKS = 4  # at the training accuracy, evenly spaced over the epochs


def accuracies(arrays: data.Arrays, architecture: str, init_scale: float, settings: training.Settings) -> list[float]:
    """Training accuracy at each snapshot, untrained first."""
    x = arrays.x_train.float().reshape(-1, *arrays.image_shape)
    network = networks.build(architecture, arrays.image_shape, 10, init_scale=init_scale)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        with torch.enable_grad():
            training.train(network, x, signed_one_hot(arrays.y_train).float(), settings, 0, folder)
        snapshots = training.snapshots(folder).values()
        trained = (training.load_snapshot(network, path) for path in snapshots)
        return [float((f(x).argmax(1) == arrays.y_train).double().mean()) for f in trained]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("architectures", nargs="*", default=list(GRID))
    torch.set_num_threads(1)
    arrays = data.prepare("digits", {"source": "sklearn", "n": 1500}).arrays()
    looks = ",".join(f"accuracy_{look}_of_{LOOKS}" for look in range(LOOKS + 1))
    print(f"architecture,learning_rate,init_scale,momentum,epochs,{looks},seconds_an_epoch")
    for architecture in parser.parse_args().architectures:
        for rate, scale, momentum, epochs in itertools.product(*GRID[architecture].values()):
            settings = training.Settings(epochs, rate, momentum, measure_every=epochs // LOOKS)
            start = time.perf_counter()
            try:
                reached = [f"{accuracy:.4f}" for accuracy in accuracies(arrays, architecture, scale, settings)]
            except UserError as error:
                print(error, file=sys.stderr)
                reached = ["diverged"] * (LOOKS + 1)
            took = (time.perf_counter() - start) / epochs
            print(f"{architecture},{rate},{scale},{momentum},{epochs},{','.join(reached)},{took:.3f}", flush=True)


if __name__ == "__main__":
    main()
