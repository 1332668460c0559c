"""The comparison of two runs' tables by the declared tolerances."""

import shutil

import pandas as pd
import pytest
from conftest import REPOSITORY

from agop_dnc.__main__ import main
from agop_dnc.pipeline import comparison
from agop_dnc.pipeline.tolerances import ALL_ROWS, Tolerance
from agop_dnc.studies import all as studies
from agop_dnc.studies.declaration import Table

SHOWCASE = REPOSITORY / "results" / "showcase" / "default"


@pytest.fixture
def copied(tmp_path):
    """The showcase's tables to spoil, where a run has them."""
    shutil.copytree(SHOWCASE / "tables", tmp_path / "tables")
    return tmp_path


def compared(folder):
    return {result.table: result.outside for result in comparison.compare(SHOWCASE, folder, studies.tables())}


def test_tables_agree_with_themselves_cell_by_cell(copied, capsys):
    results = list(comparison.compare(SHOWCASE, copied, studies.tables()))
    assert {result.table for result in results} >= {"deep_rfm.csv", "claims.csv", "departures.csv", "nfa_summary.csv"}
    assert all(result.cells and result.outside.empty for result in results)
    assert main(["compare", str(SHOWCASE), str(copied)]) == 0
    assert "0 rows outside" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("where", "factor", "rows"),
    [
        ("activation == 'relu' and metric == 'nc1' and layer == 3 and dataset == 'digits'", 1.1, 0),
        # Five seeds and three components.
        ("activation == 'relu' and metric == 'nc1' and layer == 3 and dataset == 'digits'", 1.4, 15),
        ("activation == 'cos' and metric == 'nc1' and layer == 3 and dataset == 'digits'", 1.1, 15),
        ("metric == 'interpolation_error'", 1.4, 0),
    ],
)
def test_cells_beyond_their_tolerance_are_found(where, factor, rows, copied):
    path = copied / "tables/deep_rfm.csv"
    table = pd.read_csv(path, float_precision="round_trip")
    chosen = table.query(where).index
    assert len(chosen) > 0
    table.loc[chosen, "value"] *= factor
    table.to_csv(path, index=False)
    results = compared(copied)
    assert len(results["deep_rfm.csv"]) == rows
    assert results["departures.csv"].empty


def test_missing_rows_verdicts_and_tables_are_found(copied, tmp_path, capsys):
    tables = copied / "tables"
    summary = pd.read_csv(tables / "nfa_summary.csv")
    summary.iloc[:-1].to_csv(tables / "nfa_summary.csv", index=False)
    claims = (tables / "claims.csv").read_text()
    (tables / "claims.csv").write_text(claims.replace(",reproduced,", ",not tested,", 1))
    (tables / "departures.csv").unlink()
    results = compared(copied)
    assert [len(results[f"{name}.csv"]) for name in ("nfa_summary", "claims", "departures")] == [1, 1, 1]
    assert main(["compare", str(SHOWCASE), str(copied)]) == 1
    assert main(["compare", str(SHOWCASE), str(tmp_path / "nowhere")]) == 2
    assert "holds no tables" in capsys.readouterr().err


TABLE = Table(
    name="t",
    rows="",
    columns=("kind", "value", "note"),
    tolerances=(Tolerance("kind == 'loose'", 2.0, 0.0, "a test"), Tolerance(ALL_ROWS, 1.01, 1e-3, "a test")),
    derived=("note",),
)


def outside(ours, theirs, table=TABLE, kind="tight"):
    one, other = (
        pd.DataFrame({"kind": kind, "value": value, "note": note}, index=[0])
        for value, note in ((ours, "a"), (theirs, "b"))
    )
    return len(comparison.compare_tables(table, one, other).outside)


@pytest.mark.parametrize(
    ("ours", "theirs", "kind", "agree"),
    [
        (1.0, 1.009, "tight", True),  # within the factor
        (1.0, 1.02, "tight", False),
        (1.0, 1.9, "loose", True),  # the first tolerance that fits counts
        (1.9, 1.0, "loose", True),  # from either side
        (1.0, 2.1, "loose", False),
        (1e-4, 9e-4, "tight", True),  # differ by less than `below`
        (1e-9, -1e-9, "loose", False),  # a factor never joins two signs
        (float("inf"), float("inf"), "tight", True),
        (float("nan"), float("nan"), "tight", True),
        (float("nan"), 1.0, "tight", False),
    ],
)
def test_cells_agree_within_the_first_tolerance_that_fits(ours, theirs, kind, agree):
    assert outside(ours, theirs, kind=kind) == (0 if agree else 1)


SAMPLED = Table(
    name="t",
    rows="",
    columns=("layer", "seed", "value"),
    tolerances=(
        Tolerance("layer > 8", 1.5, 0.0, "as another seed", as_samples=True),
        Tolerance(ALL_ROWS, 1.5, 0.0, "rounding"),
    ),
)


@pytest.mark.parametrize(
    ("layer", "seeds", "factor", "agree"),
    [
        (9, 5, 1.0, True),  # the same values, of other seeds
        (9, 5, 1.6, True),  # a shift that five seeds do not tell from chance
        (9, 5, 100.0, False),
        (9, 1, 1.6, False),  # one seed is no sample
        (1, 5, 1.0, False),  # where another draw is not the reason
    ],
)
def test_what_is_another_draw_is_compared_over_seeds(layer, seeds, factor, agree):
    ours = [1.0, 2.0, 4.0, 5.0, 3.0][:seeds]
    rows = {"layer": layer, "seed": range(seeds)}
    one, other = (pd.DataFrame(rows | {"value": values}) for values in (ours, [factor * v for v in reversed(ours)]))
    outside = comparison.compare_tables(SAMPLED, one, other).outside
    # The middle seed's value is the same in both, and a factor of 1.6 is more than 1.5.
    assert outside.empty if agree else len(outside) >= min(seeds, 2)


def test_row_without_a_tolerance_must_agree_to_a_millionth():
    bare = Table(name="t", rows="", columns=TABLE.columns, derived=TABLE.derived)
    assert outside(1.0, 1.0 + 5e-7, bare) == 0
    assert outside(1.0, 1.0 + 5e-6, bare) == 1


def test_tables_of_other_columns_are_found():
    result = comparison.compare_tables(TABLE, pd.DataFrame({"kind": ["a"]}), pd.DataFrame({"value": [1.0]}))
    assert result.cells == 0
    assert result.outside.columns.tolist() == ["columns"]


def test_rows_meet_whatever_the_last_digits_of_a_bound_among_their_keys():
    """A bound that was computed, as the 5th percentile of draws, is rounded differently on another processor."""
    table = Table(name="t", rows="", columns=("claim", "at_most", "value"))
    one, other, third = (
        pd.DataFrame({"claim": ["a", "b"], "at_most": [bound, float("inf")], "value": [1.0, 2.0]})
        for bound in (0.1 + 0.2, 0.3, 0.3000001)
    )
    assert comparison.compare_tables(table, one, other).outside.empty
    assert len(comparison.compare_tables(table, one, third).outside) == 2  # a row on each side


def test_infinities_and_missing_numbers_agree_with_themselves(tmp_path):
    about = {"dataset": "a", "architecture": "mlp", "seed": [0, 1], "epoch": 1, "metric": "nc1"}
    rows = pd.DataFrame(about | {"value": [float("inf"), None]})
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rows.to_csv(tmp_path / name / "training.csv", index=False)
    (result,) = comparison.compare(tmp_path / "one", tmp_path / "two", studies.tables())
    assert result.outside.empty


def test_every_tolerance_is_a_query_over_the_columns_of_its_table():
    for table in studies.tables().values():
        row = pd.DataFrame({column: pd.Series(dtype="object") for column in table.columns})
        for tolerance in table.tolerances:
            row.query(tolerance.query)
            assert tolerance.why
