"""A training job killed at random moments, and started again each time, ends with the same bytes."""

import subprocess
import sys

from conftest import REPOSITORY

# One process imports PyTorch, and its forks train and are killed.
SCRIPT = """
import os, random, signal, sys, time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import torch
from agop_dnc.collapse.network import COLUMNS, measure
from agop_dnc.models import networks
from agop_dnc.models import training
from agop_dnc.models.settings import TrainingSettings
from agop_dnc.pipeline import tables
from agop_dnc.labels import signed_one_hot

torch.set_num_threads(1)
folder, epochs = Path(sys.argv[2]), 400
x = torch.randn(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
y = torch.arange(300) % 3
settings = TrainingSettings(epochs=epochs, learning_rate=0.05, momentum=0.9, batch_size=32, measure_every=5)


def build():
    return networks.build("mlp", (1, 8, 8), 3, hidden_layers=2, width=128)


def train(name):
    child = os.fork()
    if child == 0:
        losses = training.train(build(), x, signed_one_hot(y).float(), settings, 0, folder / name)
        tables.write([{"loss": loss} for loss in losses], ["loss"], folder / f"{name}_losses.csv")
        os._exit(0)
    return child


began = time.perf_counter()
assert os.waitpid(train("whole"), 0)[1] == 0
took = time.perf_counter() - began

moments, kills = random.Random(0), 0
while kills < 20:
    child = train("killed")
    time.sleep(moments.uniform(0, took / 6))
    ended, _ = os.waitpid(child, os.WNOHANG)
    if ended:  # at its end before twenty kills: throw away the last half and go on from there
        for path in list(training.snapshots(folder / "killed").values())[30:]:
            path.unlink()
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
assert os.waitpid(train("killed"), 0)[1] == 0

for name in ("whole", "killed"):
    measured = []
    for epoch, path in training.snapshots(folder / name).items():
        if epoch % 100 == 0:
            table = measure(training.load_snapshot(build(), path), x, y, ["head.0", "head.2"]).table
            measured += [{"epoch": epoch} | row for row in table.to_dict("records")]
    tables.write(measured, ["epoch", *COLUMNS], folder / f"{name}.csv")
print(kills)
"""


def test_training_killed_twenty_times_ends_with_the_same_bytes(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(REPOSITORY / "src"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert done.stdout == "20\n", done.stderr

    def contents(folder):
        return {path.name: path.read_bytes() for path in (tmp_path / folder).glob("*.safetensors")}

    assert len(contents("whole")) == 81
    assert contents("killed") == contents("whole")
    for table in ("{}.csv", "{}_losses.csv"):
        assert (tmp_path / table.format("killed")).read_bytes() == (tmp_path / table.format("whole")).read_bytes()
