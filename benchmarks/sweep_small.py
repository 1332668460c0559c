"""How the learning rates, scales, batches and epochs of config/small.yaml were chosen: by training accuracy alone, one thread.

`python benchmarks/sweep_small.py FOLDER > benchmarks/sweep_small.csv`, with the folder of prepared datasets (`results/small/data`), prints
a row a combination: the training accuracy, untrained first, after each of some evenly spaced epochs. Architectures that are named
after the folder are done alone.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from agop_dnc.data import datasets
from agop_dnc.errors import UserError
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, training
from agop_dnc.models.settings import TrainingSettings

# Dataset, architecture, learning rate, initialisation scale, momentum, batch size, epochs, looks at the accuracy, seed.
TRIED = [
    ("cifar10", "mlp", 0.1, 0.5, 0.0, 128, 200, 10, 0),
    ("cifar10", "mlp", 0.1, 0.5, 0.0, 32, 100, 10, 0),
    ("cifar10", "mlp", 0.05, 0.5, 0.0, 32, 100, 10, 0),
    ("mnist", "mlp", 0.1, 0.5, 0.0, 32, 75, 3, 0),
    ("mnist", "resnet18", 0.1, 1.0, 0.0, 32, 8, 4, 0),
    ("cifar10", "resnet18", 0.1, 1.0, 0.0, 128, 10, 10, 0),
    ("cifar10", "resnet18", 0.1, 1.0, 0.0, 32, 24, 8, 0),
    ("cifar10", "resnet18", 0.05, 1.0, 0.0, 32, 10, 10, 0),
    ("cifar10", "resnet18", 0.02, 1.0, 0.0, 32, 10, 10, 0),
    ("cifar10", "vgg11", 0.02, 3.0, 0.9, 128, 4, 4, 0),
    ("cifar10", "vgg11", 0.01, 1.0, 0.9, 128, 4, 4, 0),
    ("cifar10", "vgg11", 0.005, 3.0, 0.9, 128, 4, 4, 0),
    ("cifar10", "vgg11", 0.003, 3.0, 0.9, 32, 4, 4, 0),
    ("cifar10", "vgg11", 0.003, 2.5, 0.9, 32, 4, 4, 0),
    ("cifar10", "vgg11", 0.003, 2.5, 0.9, 32, 4, 4, 1),
    ("mnist", "vgg11", 0.003, 2.5, 0.9, 32, 4, 4, 0),
]


@torch.no_grad()
def reached(
    arrays: datasets.Arrays, architecture: str, init_scale: float, settings: TrainingSettings, seed: int
) -> str:
    """Return the training accuracy at each snapshot, untrained first; what is wrong if the training diverges."""
    x, Y = arrays.x_train.float().reshape(-1, *arrays.image_shape), signed_one_hot(arrays.y_train).float()
    network = networks.build(architecture, arrays.image_shape, Y.shape[1], init_scale=init_scale, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with torch.enable_grad():
                training.train(network, x, Y, settings, seed, folder)
        except UserError:
            return "diverged"
        trained = (training.load_snapshot(network, path) for path in training.snapshots(folder).values())
        return " ".join(f"{float((f(x).argmax(1) == arrays.y_train).double().mean()):.4f}" for f in trained)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="of prepared datasets")
    parser.add_argument("architectures", nargs="*", default=networks.ARCHITECTURES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print("dataset,architecture,learning_rate,init_scale,momentum,batch_size,epochs,seed,training_accuracies")
    for name, architecture, rate, scale, momentum, batch_size, epochs, looks, seed in TRIED:
        if architecture not in asked.architectures:
            continue
        arrays = datasets.load(Path(asked.folder) / f"{name}.npz").arrays()
        settings = TrainingSettings(
            epochs=epochs, learning_rate=rate, momentum=momentum, batch_size=batch_size, measure_every=epochs // looks
        )
        found = reached(arrays, architecture, scale, settings, seed)
        print(f"{name},{architecture},{rate},{scale},{momentum},{batch_size},{epochs},{seed},{found}", flush=True)


if __name__ == "__main__":
    main()
