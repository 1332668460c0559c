"""Declarations that do not fit together stop with one sentence that names what is wrong."""

import pytest
from conftest import REPOSITORY

from agop_dnc.errors import UserError
from agop_dnc.pipeline.config import model_of
from agop_dnc.pipeline.tolerances import ALL_ROWS, Tolerance
from agop_dnc.settings import Settings
from agop_dnc.studies import all as studies
from agop_dnc.studies.declaration import BEYOND, Figure, Study, Table, predictions_table


class ToySection(Settings):
    """A toy."""


def figure(**changes):
    settings = {
        "name": "figure_x1",
        "label": "Figure X1",
        "notebook": "toy",
        "title": "A toy",
        "look_for": "Look.",
        "section": BEYOND,
        "tables": ("toy",),
    }
    return Figure(**(settings | changes))


def study(name="toy", table="toy", parts=None, **changes):
    settings = {
        "name": name,
        "settings": ToySection,
        "tables": (Table(table, "A row is a number.", ("x", "value")),),
        "parts": lambda config: {table: [f"{name}/part.csv"]} if parts is None else parts,
    }
    return Study(**(settings | changes))


@pytest.fixture
def check(monkeypatch, tmp_path):
    """Check declarations of studies, with a rules file and a notebook for each of these names."""

    def checked(*declared, rules=("toy", "other"), notebooks=("toy",)):
        monkeypatch.setattr(studies, "studies", lambda: declared)
        sections = {one.name: one.settings for one in declared}
        config = model_of(sections, list(sections))()
        for folder, names, ending in (("rules", rules, "smk"), ("notebooks", notebooks, "ipynb")):
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / f"{name}.{ending}").touch()
        studies.check_declarations(config, tmp_path / "rules", tmp_path / "notebooks")

    return checked


def test_declarations_that_fit_together_are_accepted(check):
    check(study(figures=lambda config: [figure()]), study("other", "others"))


def test_declarations_of_the_repository_fit_together():
    for file in ("config.yaml", "config/test.yaml", "config/paper.yaml", "examples/own_data.yaml"):
        config = studies.load([REPOSITORY / file])
        studies.check_declarations(config, REPOSITORY / "workflow" / "rules", REPOSITORY / "notebooks")


WRONG = {
    "two studies with one table": (
        [study(), study("other", "toy")],
        "studies toy and other both declare the table 'toy'; rename one",
    ),
    "a table with the shared one's name": (
        [study(table="predictions")],
        "studies all studies and toy both declare the table 'predictions'; rename one",
    ),
    "parts of no table": (
        [study(parts={"tyo": ["a.csv"]})],
        "study toy: it has parts of 'tyo', which is no declared table; did you mean 'toy'?",
    ),
    "two studies with one figure": (
        [
            study(figures=lambda config: [figure()]),
            study("other", "others", figures=lambda config: [figure(tables=("others",))]),
        ],
        "studies toy and other both declare figure_x1; rename one",
    ),
    "a figure of no section": (
        [study(figures=lambda config: [figure(section="Verdict")])],
        "study toy: figure_x1 is in the section 'Verdict'; did you mean 'Verdicts'?",
    ),
    "a figure that reads an undeclared table": (
        [study(figures=lambda config: [figure(tables=("tyo",))])],
        "study toy: figure_x1 reads 'tyo', which no study declares; did you mean 'toy'?",
    ),
    "a figure that reads a table without parts": (
        [study(figures=lambda config: [figure()], parts={})],
        "study toy: figure_x1 reads 'toy', which this configuration does not make",
    ),
}


@pytest.mark.parametrize("declared_and_said", WRONG.values(), ids=WRONG)
def test_wrong_declaration_stops_with_one_sentence(check, declared_and_said):
    declared, said = declared_and_said
    with pytest.raises(UserError) as caught:
        check(*declared)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_rules_file_is_named(check):
    with pytest.raises(UserError, match=r"there is no rules file workflow/rules/toy\.smk; add it"):
        check(study(), rules=())


def test_missing_notebook_is_named(check):
    with pytest.raises(UserError, match=r"figure_x1 has no notebook notebooks/toy\.ipynb; add it"):
        check(study(figures=lambda config: [figure()]), notebooks=())


def test_predictions_are_compared_by_their_own_studys_tolerances():
    mine = Tolerance("quantity == 'loss'", 2.0, 0.0, "mine")
    yours = Tolerance(ALL_ROWS, 3.0, 0.0, "yours")
    table = predictions_table([study(predictions=(mine,)), study("other", "others", predictions=(yours,))])
    assert [tolerance.query for tolerance in table.tolerances] == [
        "(study == 'toy') and (quantity == 'loss')",
        f"(study == 'other') and ({ALL_ROWS})",
    ]


def test_figures_are_sorted_by_section_and_number(load):
    config = load("{datasets: {digits: {source: sklearn}}, verdicts: {}, feature_kernel: {}, kernel_learning: {}}")
    names = list(studies.figures(config))
    assert names[0] == "claims"
    assert names[1:3] == ["figure_01", "figure_02"]
    assert names.index("figure_09") < names.index("figure_10") < names.index("figure_s3") < names.index("figure_t2")


def test_chosen_figures_are_the_only_ones(load):
    config = load("{datasets: {digits: {source: sklearn}}, figures: [figure_03]}")
    assert list(studies.figures(config)) == ["figure_03"]
