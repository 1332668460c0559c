"""The 121 UCI classification sets of Fernández-Delgado et al. (JMLR 15, 2014), with their authors' splits.

Two layouts are read. One npz per set, `<name>.npz`, next to an `index.csv`; and the authors' archive, a folder per set with
`<name>.txt` (sizes and file names), the data as `<name>_R.dat` or `<name>.arff` (`<name>_train…` and `<name>_test…` if the
set has a test part), `conxuntos.dat` (the tuning split) and `conxuntos_kfold.dat` (the four folds).

Row numbers count from 0. The four folds are separate draws of about three quarters against one quarter, and their test
parts overlap; the tuning split uses all rows, those of the folds' test parts included. If a set has a test part, folds and
tuning split are of the other rows only. See :func:`tabular.k_folds` and :func:`tabular.validation_split` for others.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, did_you_mean
from .tabular import Rows, Split, Splits, Table, classification_table

FOLDS = 4
MOST_ROWS = 5000  # of the 90 sets that are usually compared


def names(folder: str | Path, in_90: bool = False) -> list[str]:
    """Return the names of the sets in a folder, sorted.

    Args:
        folder: The folder, in either layout.
        in_90: Only those of at most 5,000 rows without a test part, of which the archive has 90.

    Raises:
        UserError: If the folder has no such sets.
    """
    folder = _existing(folder)
    if (folder / "index.csv").is_file():
        return sorted(name for name, small in _index(folder) if small or not in_90)
    found = sorted(path.name for path in folder.iterdir() if (path / f"{path.name}.txt").is_file())
    if not found:
        raise UserError(
            f"folder {folder} has no UCI sets: neither an index.csv nor a folder <name> with <name>.txt; correct its path"
        )
    return [name for name in found if not in_90 or _is_in_90(*_sizes(folder / name, name))]


def read(name: str, folder: str | Path) -> Table:
    """Return one of the sets, as its authors standardised and split it.

    Args:
        name: The set's name, such as `iris`.
        folder: The folder with the sets, in either layout.

    Raises:
        UserError: If the folder has no such set, or its files are damaged.
    """
    folder = _existing(folder)
    try:
        if (folder / f"{name}.npz").is_file():
            return _read_npz(name, folder / f"{name}.npz")
        if (folder / name / f"{name}.txt").is_file():
            return _read_archive(name, folder / name)
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        said = " ".join(str(error).split())
        raise UserError(f"table {name}: its files in {folder} are damaged ({said}); copy them again") from error
    raise UserError(f"table {name}: {folder} has no such set{did_you_mean(name, names(folder))}")


def in_90(table: Table) -> bool:
    """Return whether a set is one of the 90: at most 5,000 rows and no test part."""
    return _is_in_90(len(table.y), table.splits.test is not None)


def _existing(folder: str | Path) -> Path:
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise UserError(f"folder {folder} with the UCI sets was not found; correct its path")
    return folder


def _index(folder: Path) -> list[tuple[str, bool]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"name", "n", "has_test_split"} <= rows[0].keys():
        raise UserError(f"folder {folder}: its index.csv lacks the columns name, n, has_test_split; copy it again")
    return [(row["name"], _is_in_90(int(row["n"]), row["has_test_split"] == "True")) for row in rows]


def _is_in_90(rows: int, has_test_part: bool) -> bool:
    return rows <= MOST_ROWS and not has_test_part


def _read_npz(name: str, path: Path) -> Table:
    # Opened here, as numpy leaves a file open that turns out not to be an npz.
    with path.open("rb") as opened, np.load(opened) as file:
        X, y = file["X"], file["y"]
        folds = [(file[f"folds_train_{k}"], file[f"folds_test_{k}"]) for k in range(FOLDS)]
        tuning = file["tune_train"], file["tune_valid"]
        test_start = int(file["test_start"]) if "test_start" in file else None
    return _table(name, X, y, folds, tuning, test_start)


def _read_archive(name: str, folder: Path) -> Table:
    facts = _facts(folder, name)
    parts = [_read_part(folder, facts[key]) for key in ("fich1=", "fich2=") if key in facts]
    X, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    lines = [_row_numbers(folder / file) for file in ("conxuntos.dat", "conxuntos_kfold.dat")]
    folds = [(lines[1][2 * k], lines[1][2 * k + 1]) for k in range(FOLDS)]
    return _table(name, X, y, folds, lines[0][:2], len(parts[0][1]) if len(parts) == 2 else None)


def _table(
    name: str,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    folds: Sequence[Sequence[Rows]],
    tuning: Sequence[Rows],
    test_start: int | None,
) -> Table:
    rows = len(y) if test_start is None else test_start
    test = None if test_start is None else Split(np.arange(test_start), np.arange(test_start, len(y)))
    splits = Splits(tuple(_split(pair, rows) for pair in folds), _split(tuning, rows), test)
    return classification_table(name, X, y, splits)


def _split(pair: Sequence[Rows], rows: int) -> Split:
    train, test = (np.asarray(part).astype(np.int64) for part in pair)
    if not np.array_equal(np.sort(np.concatenate([train, test])), np.arange(rows)):
        raise ValueError(f"a split is not one of {rows} rows")
    return Split(train, test)


def _facts(folder: Path, name: str) -> dict[str, str]:
    words = (folder / f"{name}.txt").read_text(encoding="latin-1").split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _sizes(folder: Path, name: str) -> tuple[int, bool]:
    """Rows, and whether there is a test part."""
    facts = _facts(folder, name)
    return int(facts["n_patrons1="]) + int(facts.get("n_patrons2=", 0)), "n_patrons2=" in facts


def _read_part(folder: Path, file: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return features and classes of a data file: lines of number, features and class after a header, or an arff file if there is no other."""
    if (folder / file).is_file():
        lines = (folder / file).read_text(encoding="latin-1").splitlines()[1:]
        rows = [line.split()[1:] for line in lines if line.strip()]
    else:
        text = (folder / f"{file.removesuffix('_R.dat')}.arff").read_text(encoding="latin-1")
        rows = [line.split(",") for line in text.lower().partition("@data")[2].split()]
    numbers = np.array(rows, np.float64)
    return numbers[:, :-1], numbers[:, -1].astype(np.int64)


def _row_numbers(path: Path) -> list[Rows]:
    lines = path.read_text(encoding="latin-1").splitlines()
    return [np.array(line.split(), np.int64) for line in lines if line.strip()]
