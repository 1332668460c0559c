"""What holds of every study, in the manner of scikit-learn's check_estimator: a small run of each, and its declaration.

A new study is covered if config/test.yaml has its section, or `tests/tiny/<study>.yaml` a section that is as small as it can be.
"""

import pytest
import yaml
from conftest import TEST_CONFIG, TINY

from agop_dnc.pipeline import comparison, tables
from agop_dnc.settings import Settings
from agop_dnc.studies import all as studies

STUDIES = {study.name: study for study in studies.studies()}
FILES = {"finished": [TEST_CONFIG], "tiny": TINY}


def run_of(name):
    """Return which of the shared runs a study runs in, and that run's configuration."""
    for run, files in FILES.items():
        config = studies.load(files)
        if config.has(name):
            return run, config
    raise AssertionError(f"study {name} has no section in config/test.yaml, nor a file tests/tiny/{name}.yaml; add one")


@pytest.fixture(params=studies.NAMES)
def study(request):
    return STUDIES[request.param]


@pytest.fixture
def results(study, request):
    """The study's configuration and the folder of a run in which it has ended."""
    run, config = run_of(study.name)
    return config, request.getfixturevalue(run)


def test_every_declared_table_has_its_columns_and_rows(study, results):
    config, folder = results
    planned = studies.parts(config)
    for table in study.tables:
        assert table.name in planned, f"no part of {table.name} in this run"
        found = tables.read(folder / f"results/{config.run}/tables/{table.name}.csv")
        assert found.columns.tolist() == list(table.columns)
        assert len(found)


def test_predictions_are_the_studys_own_and_complete(study, results):
    config, folder = results
    if "predictions" not in study.parts(config):
        return
    found = tables.read(folder / f"results/{config.run}/tables/predictions.csv")
    assert found.columns.tolist() == list(studies.tables()["predictions"].columns)
    own = found[found.study == study.name]
    assert len(own)
    assert set(own.kind) <= {"value", "bound"}
    assert study.predictions, "its rows have no tolerances of their own"


def test_every_declared_figure_is_drawn(study, results):
    config, folder = results
    made = studies.figures(config)
    for figure in study.figures(config):
        if figure.name in made:
            for kind in ("png", "pdf"):
                assert (folder / f"figures/{config.run}/{figure.name}.{kind}").stat().st_size > 5000
            page = (folder / f"results/{config.run}/notebooks/{figure.name}.html").read_text(encoding="utf-8")
            assert figure.title in page
            assert (folder / f"results/{config.run}/notebooks/{figure.name}.ipynb").exists()


def test_one_figure_at_least_per_notebook_is_drawn(study, results):
    config, _ = results
    made = studies.figures(config)
    assert {figure.notebook for figure in study.figures(config)} == {
        figure.notebook for figure in study.figures(config) if figure.name in made
    }


def test_its_tables_compare_equal_with_themselves(study, results):
    config, folder = results
    for table in study.tables:
        found = tables.read(folder / f"results/{config.run}/tables/{table.name}.csv")
        result = comparison.compare_tables(table, found, found.copy())
        assert result.outside.empty
        assert result.cells == len(table.values) * len(found)


def test_another_number_in_its_tables_is_found(study, results):
    """Tolerances that let everything pass would compare nothing: of each table some number must matter."""
    config, folder = results
    for table in study.tables:
        found = tables.read(folder / f"results/{config.run}/tables/{table.name}.csv")
        other = found.copy()
        for column in table.values:
            numbers = other[column].dtype.kind in "if"
            other[column] = other[column] * 10 + 10 if numbers else "something else"
        assert len(comparison.compare_tables(table, found, other).outside), table.name


def without(name):
    """Return the configuration of a study's run without the study; others keep no dataset that they would share with it."""
    run, _ = run_of(name)
    content = {}
    for file in FILES[run]:
        content |= yaml.safe_load(file.read_text(encoding="utf-8"))
    content.pop("figures", None)
    content.pop(name, None)
    if STUDIES[name].always:
        content[name] = {"enabled": False}
    for section in set(content) & set(STUDIES):
        content[section].pop("datasets", None)
        content[section].pop("hard", None)  # pairs of datasets of the phenomena
    return content


def test_nothing_of_it_is_planned_without_its_section(study, results, load):
    config, _ = results
    left = load(without(study.name))
    assert study not in studies.running(left)
    assert not {table.name for table in study.tables} & set(studies.parts(left))
    own = {part for parts in study.parts(config).values() for part in parts}
    assert not own & {part for parts in studies.parts(left).values() for part in parts}
    whole = yaml.safe_load("figures: []")
    with_all = load(*[yaml.safe_load(file.read_text()) for file in FILES[run_of(study.name)[0]]], whole)
    assert not {figure.name for figure in study.figures(with_all)} & set(studies.figures(left))


def test_its_settings_are_typed_and_have_defaults(study):
    assert issubclass(study.settings, Settings)
    assert study.settings.__doc__
    study.settings()


def test_its_tables_say_what_they_hold(study):
    for table in study.tables:
        assert len(set(table.columns)) == len(table.columns)
        assert {*table.values, *table.derived} <= set(table.columns)
        assert not set(table.values) & set(table.derived)
        assert table.rows.startswith("A row is ")
        assert table.rows.endswith(".")


def test_its_figures_say_what_they_show(study, results):
    config, _ = results
    for figure in study.figures(config):
        assert figure.title
        assert figure.look_for.endswith(".")
        assert figure.label


def test_its_parts_belong_to_one_table(study, results):
    config, _ = results
    parts = [part for files in studies.parts(config).values() for part in files]
    assert len(set(parts)) == len(parts)
