"""`agop-dnc measure` on a user's own files."""

import argparse

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from agop_dnc.collapse.network import measure
from agop_dnc.commands import measure as command
from agop_dnc.errors import UserError

MODULE = """
from torch import nn
def build():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
def convolve():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 3))
def number():
    return 3
def needs(x):
    return x
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users_model.py").write_text(MODULE)
    (tmp_path / "broken_model.py").write_text("import no_such_package")
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    torch.save(network.state_dict(), "weights.pt")
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, "nested.pt")
    torch.save(nn.Linear(2, 2).state_dict(), "other.pt")
    (tmp_path / "damaged.pt").write_bytes(b"not a checkpoint")
    x, y = np.random.default_rng(0).normal(size=(30, 4)), np.array(["a", "b", "c"])[np.arange(30) % 3]
    np.savez("data.npz", x=x, y=y)
    np.savez("short.npz", x=x, y=y[:5])
    np.savez("wide.npz", x=np.ones((30, 7)), y=y)
    np.savez("nothing.npz", z=x)
    np.savez("many.npz", x=x, y=np.arange(30) % 5)
    np.savez("images.npz", x=np.ones((30, 1, 2, 2)), y=y)
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 3)).state_dict(), "small.pt")
    np.save("array.npy", x)
    return tmp_path, network, x, y


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


@pytest.mark.parametrize("checkpoint", ["weights.pt", "nested.pt"])
def test_the_command_writes_the_table_and_the_page(folder, checkpoint, capsys):
    path, network, x, y = folder
    assert run(checkpoint, "--model", "users_model:build", "--data", "data.npz", "--output", "out/mine") == 0
    expected = measure(network, x, y)
    table = pd.read_csv(path / "out" / "mine.csv", keep_default_na=False, na_values=["nan"])
    pd.testing.assert_frame_equal(table, expected.table, check_dtype=False, rtol=1e-12)
    assert "Neural collapse by layer" in (path / "out" / "mine.html").read_text()
    assert "30 points in 3 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("checkpoint", "model", "data", "message"),
    [
        ("weights.pt", "build", "data.npz", "write MODULE:FACTORY"),
        ("weights.pt", "no_such_model:build", "data.npz", "'no_such_model' of --model cannot be imported"),
        ("weights.pt", "broken_model:build", "data.npz", "No module named 'no_such_package'"),
        ("weights.pt", "users_model:bild", "data.npz", "has no function 'bild'"),
        ("weights.pt", "users_model:needs", "data.npz", "must need no arguments"),
        ("weights.pt", "users_model:number", "data.npz", "returned a int; it must return a torch.nn.Module"),
        ("none.pt", "users_model:build", "data.npz", "there is no checkpoint none.pt"),
        ("damaged.pt", "users_model:build", "data.npz", "damaged.pt cannot be read as a checkpoint"),
        ("other.pt", "users_model:build", "data.npz", "other.pt does not fit the network: Missing key"),
        ("weights.pt", "users_model:build", "none.npz", "there is no file none.npz"),
        ("weights.pt", "users_model:build", "array.npy", "array.npy is no .npz file"),
        ("weights.pt", "users_model:build", "nothing.npz", "has z but no inputs; name them x"),
        ("weights.pt", "users_model:build", "short.npz", "30 points but 5 labels"),
        ("weights.pt", "users_model:build", "many.npz", "3 outputs but the labels name"),
        ("small.pt", "users_model:convolve", "images.npz", r"does not take inputs of shape \(3, 1, 2, 2\)"),
        ("weights.pt", "users_model:build", "wide.npz", r"does not take inputs of shape \(3, 7\)"),
    ],
)
def test_what_does_not_fit_is_one_sentence(folder, checkpoint, model, data, message):
    with pytest.raises(UserError, match=message) as caught:
        run(checkpoint, "--model", model, "--data", data)
    assert "\n" not in str(caught.value)
