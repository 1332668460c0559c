"""Tables: what is written comes back."""

import math
import struct
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agop_dnc.pipeline import tables

names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6).filter(lambda text: text not in ("nan", "null", "none", "inf"))  # fmt: skip
# Numbers in a table are float64; pandas reads an integer beyond 64 bits as text.
floats = st.floats(width=64)
columns = ["dataset", "seed", "value"]
rows = st.lists(
    st.fixed_dictionaries({"dataset": names, "seed": st.integers(0, 2**31), "value": floats}), min_size=1, max_size=8
)


def bits(value):
    """Return a float's bytes; all NaNs are one, and a table has no sign for them."""
    return b"nan" if math.isnan(value) else struct.pack("<d", value)


@given(rows)
def test_rows_come_back_bitwise(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        tables.write(content, columns, path)
        found = tables.read(path)
        first = path.read_bytes()
        tables.write(found, columns, path)
        assert path.read_bytes() == first  # a second writing changes no byte
    assert found.columns.tolist() == columns
    assert found.dataset.tolist() == [row["dataset"] for row in content]
    assert found.seed.tolist() == [row["seed"] for row in content]
    assert [bits(value) for value in found.value.astype(float)] == [bits(row["value"]) for row in content]


@given(rows, rows)
def test_several_files_are_read_one_after_another(one, other):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("a.csv", "b.csv")]
        for content, path in zip((one, other), paths, strict=True):
            tables.write(content, columns, path)
        assert tables.read(paths).dataset.tolist() == [row["dataset"] for row in one + other]


@given(rows)
def test_columns_are_written_in_the_declared_order(content):
    with tempfile.TemporaryDirectory() as folder:
        for order in (columns, columns[::-1]):
            tables.write(content, order, Path(folder, f"{order[0]}.csv"))
            assert Path(folder, f"{order[0]}.csv").read_text().splitlines()[0] == ",".join(order)


@pytest.mark.parametrize("row", [{"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_row_with_other_columns_is_refused_and_nothing_is_written(row, tmp_path):
    with pytest.raises(ValueError, match="rows have columns"):
        tables.write([row], ["a", "b"], tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []


def test_table_without_rows_has_its_columns(tmp_path):
    tables.write([], ["a", "b"], tmp_path / "t.csv")
    assert tables.read(tmp_path / "t.csv").columns.tolist() == ["a", "b"]


def test_summary_of_one_seed_has_no_spread():
    table = pd.DataFrame({"layer": [1, 2], "value": [3.0, 4.0]})
    assert tables.summary(table, ["layer"])["std"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("predicted", "measured", "kind", "error"),
    [(2.0, 1.5, "value", 0.25), (-2.0, -1.0, "value", 0.5), (0.0, 1.0, "value", None), (2.0, 1.5, "bound", None)],
)
def test_only_values_that_are_not_zero_have_a_relative_error(predicted, measured, kind, error):
    row = tables.prediction("q", predicted, measured, data="d", setting="s", kind=kind)
    assert math.isnan(row["relative_error"]) if error is None else row["relative_error"] == error
