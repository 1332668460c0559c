"""How the default run's learning rates, scales and epochs were chosen: by training accuracy alone, one seed, one thread.

`python benchmarks/sweep_digits.py > benchmarks/sweep_digits.csv` prints a row a combination: the training accuracy, untrained
first, after each of some evenly spaced epochs. `python benchmarks/sweep_digits.py mlp` does one architecture's alone.
"""

import argparse
import sys
import tempfile
from typing import Any

import torch

from agop_dnc.data import datasets
from agop_dnc.errors import UserError
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, training

# Architecture, learning rate, initialisation scale, momentum, batch size, epochs, looks at the accuracy.
# The paper's small scales start with a plateau that outlasts the few steps which 1,500 points give.
TRIED = [
    ("mlp", 0.1, 0.5, 0.0, 128, 160, 4),
    ("mlp", 0.1, 1.0, 0.0, 128, 100, 4),
    ("mlp", 0.2, 0.5, 0.0, 128, 160, 4),
    ("resnet18", 0.05, 0.2, 0.0, 128, 20, 4),
    ("resnet18", 0.05, 0.5, 0.0, 128, 20, 4),
    ("resnet18", 0.05, 1.0, 0.0, 128, 16, 4),
    ("resnet18", 0.1, 0.5, 0.0, 128, 16, 4),
    ("resnet18", 0.1, 1.0, 0.0, 128, 16, 4),
    ("vgg11", 0.02, 3.0, 0.9, 128, 24, 4),
    ("vgg11", 0.01, 0.3, 0.9, 128, 20, 4),
    ("vgg11", 0.01, 1.0, 0.9, 128, 16, 4),
    ("vgg11", 0.01, 1.5, 0.9, 128, 12, 4),
    ("vgg11", 0.01, 2.0, 0.9, 128, 12, 4),
    ("vgg11", 0.01, 4.0, 0.9, 128, 12, 6),
    ("vgg11", 0.03, 0.5, 0.9, 128, 16, 4),
    ("vgg11", 0.03, 1.0, 0.9, 128, 16, 4),
    ("vgg11", 0.03, 1.0, 0.9, 32, 8, 8),
    ("vgg11", 0.03, 2.0, 0.9, 128, 12, 4),
    ("vgg11", 0.03, 2.0, 0.9, 128, 32, 8),
    ("vgg11", 0.03, 2.0, 0.9, 32, 8, 8),
    ("vgg11", 0.03, 3.0, 0.9, 128, 12, 6),
    ("vgg11", 0.05, 2.0, 0.9, 128, 12, 4),
    ("vgg11", 0.06, 2.0, 0.9, 128, 32, 8),
    ("vgg11", 0.1, 2.0, 0.9, 128, 8, 4),
]


@torch.no_grad()
def accuracies(
    arrays: datasets.Arrays, architecture: str, init_scale: float, settings: training.Settings, seed: int = 0
) -> list[float]:
    """Training accuracy at each snapshot, untrained first."""
    x = arrays.x_train.float().reshape(-1, *arrays.image_shape)
    network = networks.build(architecture, arrays.image_shape, 10, init_scale=init_scale, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        with torch.enable_grad():
            training.train(network, x, signed_one_hot(arrays.y_train).float(), settings, seed, folder)
        trained = (training.load_snapshot(network, path) for path in training.snapshots(folder).values())
        return [float((f(x).argmax(1) == arrays.y_train).double().mean()) for f in trained]


def reached(*tried: Any) -> str:
    """The same, as a field of the table; a training that diverges is one that was tried, too."""
    try:
        return " ".join(f"{accuracy:.4f}" for accuracy in accuracies(*tried))
    except UserError as error:
        print(error, file=sys.stderr)
        return "diverged"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("architectures", nargs="*", default=networks.ARCHITECTURES)
    wanted = parser.parse_args().architectures
    torch.set_num_threads(1)
    arrays = datasets.prepare("digits", {"source": "sklearn", "n": 1500}).arrays()
    print("architecture,learning_rate,init_scale,momentum,batch_size,epochs,training_accuracies")
    for architecture, rate, scale, momentum, batch_size, epochs, looks in TRIED:
        if architecture not in wanted:
            continue
        settings = training.Settings(epochs, rate, momentum, batch_size, measure_every=epochs // looks)
        found = reached(arrays, architecture, scale, settings)
        print(f"{architecture},{rate},{scale},{momentum},{batch_size},{epochs},{found}", flush=True)


if __name__ == "__main__":
    main()
