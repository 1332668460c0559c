"""The UCI sets in both layouts, written here in small; and the real ones if AGOP_DNC_UCI names their folder."""

import os

import numpy as np
import pytest

from agop_dnc.data import uci
from agop_dnc.errors import UserError

REAL = os.environ.get("AGOP_DNC_UCI")


def arrays(rng, rows, test_rows=0, classes=3, d=4):
    """A set's arrays with six significant digits, as the authors' text has."""
    total = rows + test_rows
    X = np.array([[float(f"{entry:.6g}") for entry in row] for row in rng.normal(size=(total, d))])
    y = np.concatenate([np.sort(np.arange(part) % classes) for part in (rows, test_rows)])
    made = {"X": X.astype(np.float32), "y": y.astype(np.int16)}
    pairs = [("tune_train", "tune_valid")] + [(f"folds_train_{k}", f"folds_test_{k}") for k in range(4)]
    for train, test in pairs:
        order = rng.permutation(rows)
        cut = rows // (2 if train == "tune_train" else 4)
        made |= {train: np.sort(order[cut:]).astype(np.uint16), test: np.sort(order[:cut]).astype(np.uint16)}
    return made | ({"test_start": np.int32(rows)} if test_rows else {})


def write_npz(folder, sets):
    lines = ["name,n,d,classes,has_test_split,in_90,bytes"]
    for name, made in sets.items():
        np.savez(folder / f"{name}.npz", **made)
        lines.append(f"{name},{len(made['y'])},4,3,{'test_start' in made},{'test_start' not in made},1")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")


def write_archive(folder, sets, arff=False):
    """The layout of the authors' archive."""
    for name, made in sets.items():
        (folder / name).mkdir()
        start = int(made.get("test_start", len(made["y"])))
        parts = {"": slice(None)} if "test_start" not in made else {"_train": slice(start), "_test": slice(start, None)}
        facts = [f"n_entradas= {made['X'].shape[1]}", "n_clases= 3", f"n_arquivos= {len(parts)}"]
        for number, (part, rows) in enumerate(parts.items(), 1):
            X, y = made["X"][rows], made["y"][rows]
            facts += [f"fich{number}= {name}{part}_R.dat", f"n_patrons{number}= {len(y)}"]
            table = [[f"{entry:.6g}" for entry in row] + [str(label)] for row, label in zip(X, y, strict=True)]
            if arff:
                head = f"@relation {name}\n@attribute 'f1' real\n@attribute 'clase' {{0,1,2}}\n@data\n"
                (folder / name / f"{name}{part}.arff").write_text(head + "\n".join(map(",".join, table)) + "\n")
            else:
                lines = ["\tf1\tf2\tf3\tf4\tclase", *("\t".join([str(i), *row]) for i, row in enumerate(table, 1))]
                (folder / name / f"{name}{part}_R.dat").write_text("\n".join(lines) + "\n")
        (folder / name / f"{name}.txt").write_text("\n".join(facts) + "\nn_patrons_entrena= 1\nn_patrons_valida= 1\n")
        folds = [made[f"folds_{part}_{k}"] for k in range(4) for part in ("train", "test")]
        for file, lists in (("conxuntos", [made["tune_train"], made["tune_valid"]]), ("conxuntos_kfold", folds)):
            lines = [" ".join(map(str, rows)) + " " for rows in lists]
            (folder / name / f"{file}.dat").write_text("\n".join(lines) + "\n")


@pytest.fixture
def sets(rng):
    return {"plain": arrays(rng, 40), "tested": arrays(rng, 30, 12), "large": arrays(rng, 5001)}


LAYOUTS = {
    "npz": write_npz,
    "archive": write_archive,
    "arff": lambda folder, sets: write_archive(folder, sets, arff=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_set_is_what_was_written_in_every_layout(tmp_path, sets, layout):
    LAYOUTS[layout](tmp_path, sets)
    for name, made in sets.items():
        table = uci.read(name, tmp_path)
        assert (table.name, table.classes) == (name, ("0", "1", "2"))
        # The npz rounds the text to float32, which has 24 bits.
        np.testing.assert_allclose(table.X, made["X"], rtol=2**-23)
        assert table.X.dtype == np.float64
        assert table.y.tolist() == made["y"].tolist()
        assert len(table.splits.folds) == 4
        for k, fold in enumerate(table.splits.folds):
            assert fold.train.tolist() == made[f"folds_train_{k}"].tolist()
            assert fold.test.tolist() == made[f"folds_test_{k}"].tolist()
            assert fold.train.dtype == np.int64
        assert table.splits.tuning.train.tolist() == made["tune_train"].tolist()
        assert table.splits.tuning.test.tolist() == made["tune_valid"].tolist()
        if name == "tested":
            assert table.splits.test.train.tolist() == list(range(30))
            assert table.splits.test.test.tolist() == list(range(30, 42))
        else:
            assert table.splits.test is None
        assert uci.in_90(table) == (name == "plain")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_90_are_small_and_without_a_test_part(tmp_path, sets, layout):
    LAYOUTS[layout](tmp_path, sets)
    assert uci.names(tmp_path) == ["large", "plain", "tested"]
    assert uci.names(tmp_path, in_90=True) == ["plain"]
    with pytest.raises(UserError, match=r"table plan: .* has no such set; did you mean 'plain'\?"):
        uci.read("plan", tmp_path)


def test_folders_without_the_sets_get_a_sentence(tmp_path):
    with pytest.raises(UserError, match="nowhere with the UCI sets was not found; correct its path"):
        uci.read("iris", tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"has no UCI sets: neither an index\.csv nor a folder <name>"):
        uci.names(tmp_path)
    (tmp_path / "index.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"its index\.csv lacks the columns name, n, has_test_split"):
        uci.names(tmp_path)


def damage_npz(folder, made):
    write_npz(folder, {"plain": {key: value for key, value in made.items() if key != "folds_test_2"}})


def repeat_a_row(folder, made):
    repeated = made["tune_train"].copy()
    repeated[0] = repeated[1]
    write_npz(folder, {"plain": made | {"tune_train": repeated}})


def cut_short(folder, made):
    write_npz(folder, {"plain": made})
    (folder / "plain.npz").write_bytes((folder / "plain.npz").read_bytes()[:300])


def lose_the_folds(folder, made):
    write_archive(folder, {"plain": made})
    (folder / "plain" / "conxuntos_kfold.dat").write_text("1 2\n")


def lose_the_data(folder, made):
    write_archive(folder, {"plain": made})
    (folder / "plain" / "plain_R.dat").unlink()


def put_text_in_the_data(folder, made):
    write_archive(folder, {"plain": made})
    path = folder / "plain" / "plain_R.dat"
    path.write_text(path.read_text().replace(made["y"].astype(str)[0] + "\n", "a\n", 1))


@pytest.mark.parametrize(
    "damage", [damage_npz, repeat_a_row, cut_short, lose_the_folds, lose_the_data, put_text_in_the_data]
)
def test_damaged_sets_get_a_sentence(tmp_path, sets, damage):
    damage(tmp_path, sets["plain"])
    with pytest.raises(UserError, match=r"table plain: its files in .* are damaged \(.*\); copy them again") as caught:
        uci.read("plain", tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_values_and_a_single_class_get_a_sentence(tmp_path, sets):
    plain = sets["plain"]
    write_npz(tmp_path, {"plain": plain | {"X": np.full_like(plain["X"], np.nan)}})
    with pytest.raises(UserError, match="table plain: the features hold NaN"):
        uci.read("plain", tmp_path)
    write_npz(tmp_path, {"plain": plain | {"y": np.zeros_like(plain["y"])}})
    with pytest.raises(UserError, match="table plain: all 40 rows are of one class"):
        uci.read("plain", tmp_path)


@pytest.mark.skipif(REAL is None, reason="AGOP_DNC_UCI names no folder with the real UCI sets")
def test_the_real_sets():
    assert len(uci.names(REAL, in_90=True)) == 90
    for name in uci.names(REAL):
        table = uci.read(name, REAL)
        assert uci.in_90(table) == (name in uci.names(REAL, in_90=True))
        assert [int(label) for label in table.classes] == list(range(len(table.classes)))
    iris = uci.read("iris", REAL)
    assert iris.X[0].tolist() == pytest.approx([-0.897674, 1.02861, -1.33679, -1.30859], rel=1e-6)
    for fold in iris.splits.folds:  # three quarters of 50 plants of each kind, rounded
        assert all(count in (37, 38) for count in np.bincount(iris.y[fold.train]))
