"""How the VGG's learning rate, scale and batch in config/small.yaml were chosen: by training accuracy alone, one thread.

`python benchmarks/sweep_small.py FOLDER > benchmarks/sweep_small.csv`, with the folder of prepared datasets (`results/small/data`), prints
a row a combination: the training accuracy, untrained first, after each epoch.
"""

import argparse
from pathlib import Path

import torch
from sweep_digits import reached

from agop_dnc import data, training

# Dataset, learning rate, initialisation scale, batch size, epochs, seed; momentum is the paper's.
TRIED = [
    ("cifar10", 0.02, 3.0, 128, 4, 0),
    ("cifar10", 0.01, 1.0, 128, 4, 0),
    ("cifar10", 0.005, 3.0, 128, 4, 0),
    ("cifar10", 0.003, 3.0, 32, 4, 0),
    ("cifar10", 0.003, 2.5, 32, 4, 0),
    ("cifar10", 0.003, 2.5, 32, 4, 1),
    ("mnist", 0.003, 2.5, 32, 4, 0),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="of prepared datasets")
    folder = Path(parser.parse_args().folder)
    torch.set_num_threads(1)
    print("dataset,learning_rate,init_scale,batch_size,epochs,seed,training_accuracies")
    for name, rate, scale, batch_size, epochs, seed in TRIED:
        arrays = data.load(folder / f"{name}.npz").arrays()
        settings = training.Settings(epochs, rate, 0.9, batch_size, measure_every=1)
        found = reached(arrays, "vgg11", scale, settings, seed)
        print(f"{name},{rate},{scale},{batch_size},{epochs},{seed},{found}", flush=True)


if __name__ == "__main__":
    main()
