"""`agop-dnc measure`: neural collapse and the Neural Feature Ansatz in the layers of a trained network, as table and page."""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

from ..errors import UserError

_INPUTS, _LABELS = ("x", "X", "x_train", "inputs"), ("y", "Y", "y_train", "labels")
_NESTED = ("state_dict", "model_state_dict", "model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("checkpoint", help="the network's weights: a state dict (.pt, .pth) or .safetensors")
    parser.add_argument("--model", required=True, metavar="MODULE:FACTORY", help="a function that returns the network")
    parser.add_argument("--data", required=True, metavar="FILE.npz", help="inputs x, and labels y if there are classes")
    parser.add_argument("--layers", nargs="+", help="names of the layers to measure; all but the readout if not given")
    parser.add_argument("--ranks", nargs="+", type=int, default=[], help="ranks of the truncated ablation")
    parser.add_argument(
        "--positions", choices=("flatten", "mean"), default="flatten", help="what to do with tokens and pixels"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the nulls' random rotations")
    parser.add_argument("--output", default="measurement", help="where to write: OUTPUT.csv and OUTPUT.html")


def run(arguments: argparse.Namespace) -> int:
    """Measure a network, write its table and page, and print the summary; return the exit code, 0.

    Raises:
        UserError: if the factory, the checkpoint or the data cannot be read or do not fit each other.
    """
    from ..collapse.network import measure

    network = _load(_made(arguments.model), Path(arguments.checkpoint))
    X, y = _data(Path(arguments.data))
    try:
        result = measure(
            network,
            X,
            y,
            arguments.layers,
            arguments.ranks,
            arguments.seed,
            positions=arguments.positions,
            progress=True,
        )
    except ValueError as error:
        raise UserError(f"{arguments.data} and {arguments.model} cannot be measured: {error}") from error
    table, page = (Path(f"{arguments.output}.{kind}") for kind in ("csv", "html"))
    table.parent.mkdir(parents=True, exist_ok=True)
    result.table.to_csv(table, index=False)
    page.write_text(result.to_html(), encoding="utf-8")
    print(result.summary())
    print(f"\nwritten: {table} and {page}")
    return 0


def _made(name: str) -> Any:
    """Return the network that `module:factory` makes; modules of the working directory can be named."""
    from torch import nn

    module_name, colon, factory_name = name.partition(":")
    if not (module_name and colon and factory_name):
        raise UserError(f"--model is '{name}'; write MODULE:FACTORY, such as my_model:build")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UserError(f"the module '{module_name}' of --model cannot be imported: {_line(error)}") from error
    finally:
        sys.path.remove(os.getcwd())
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise UserError(
            f"the module '{module_name}' has no function '{factory_name}'; name one that returns the network"
        )
    try:
        network = factory()
    except Exception as error:
        raise UserError(f"{name}() failed; it must need no arguments: {_line(error)}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{name}() returned a {type(network).__name__}; it must return a torch.nn.Module")
    return network


def _load(network: Any, path: Path) -> Any:
    """Return the network with the checkpoint's weights."""
    import torch

    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}; give the path of a file with the network's state dict")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as a checkpoint; save network.state_dict() with torch.save: {_line(error)}"
        ) from error
    except Exception as error:  # safetensors has an error of its own
        raise UserError(f"{path} cannot be read as a checkpoint: {_line(error)}") from error
    state = next((state[key] for key in _NESTED if isinstance(state, dict) and isinstance(state.get(key), dict)), state)
    if not isinstance(state, dict):
        raise UserError(f"{path} holds a {type(state).__name__} and no state dict; save network.state_dict()")
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        problems = "; ".join(line.strip().rstrip(".") for line in str(error).splitlines()[1:3])
        raise UserError(f"{path} does not fit the network: {problems}") from error
    return network


def _data(path: Path) -> tuple[Any, Any]:
    """Return a file's inputs, and labels if it has them."""
    import numpy as np

    if not path.is_file():
        raise UserError(f"there is no file {path}; give --data an .npz with inputs x and labels y")
    try:
        with np.load(path) as arrays:
            x = next((arrays[name] for name in _INPUTS if name in arrays), None)
            y = next((arrays[name] for name in _LABELS if name in arrays), None)
            names = list(arrays)
    except (ValueError, OSError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no .npz file; write one with numpy.savez('{path.stem}.npz', x=…, y=…)") from error
    if x is None:
        raise UserError(f"{path} has {', '.join(names) or 'nothing'} but no inputs; name them x, and labels y")
    return x, y


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
