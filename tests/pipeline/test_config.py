"""The configuration: layers, defaults, and a sentence for every mistake."""

import pytest
import yaml
from conftest import REPOSITORY, SCHEMA

from agop_dnc.errors import UserError
from agop_dnc.pipeline import config


@pytest.fixture
def load(tmp_path):
    def load(*contents, overrides=None):
        files = []
        for i, content in enumerate(contents):
            files.append(tmp_path / f"{i}.yaml")
            files[-1].write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return config.load(files, SCHEMA, overrides)

    return load


def test_an_empty_configuration_is_the_papers(load):
    paper = load({})
    assert list(paper["datasets"]) == ["mnist", "cifar10", "svhn"]
    assert paper["seeds"] == [0, 1, 2]
    assert paper["deep_rfm"]["depth"] == 20
    assert paper["deep_rfm"]["activations"]["cos"]["width"] == 4096
    assert config.model_settings(paper["deep_rfm"], "activation", "relu", "mnist")["kernel"] == "gaussian"
    assert config.model_settings(paper["deep_rfm"], "activation", "relu", "svhn")["kernel"] == "laplace"
    assert config.model_settings(paper["networks"], "architecture", "mlp", "mnist")["init_scale"] == 0.2
    assert config.model_settings(paper["networks"], "architecture", "vgg11", "svhn")["epochs"] == 600


@pytest.mark.parametrize(
    "file", ["config.yaml", *sorted(f"config/{p.name}" for p in (REPOSITORY / "config").iterdir())]
)
def test_every_configuration_of_the_repository_is_valid(file):
    config.load([REPOSITORY / file], SCHEMA)


def test_named_mappings_and_lists_replace_and_others_merge(load):
    below = {"datasets": {"a": {"source": "sklearn"}}, "seeds": [0, 1], "deep_rfm": {"depth": 3, "gram_layers": [1]}}
    above = {"datasets": {"b": {"source": "sklearn"}}, "seeds": [7], "deep_rfm": {"ridge": 0.5}}
    layered = load(below, above)
    assert list(layered["datasets"]) == ["b"]
    assert layered["seeds"] == [7]
    assert (layered["deep_rfm"]["depth"], layered["deep_rfm"]["ridge"]) == (3, 0.5)


def test_values_from_the_command_line_are_read_as_yaml_all_the_way_down(load):
    # This is how Snakemake hands over --config seeds=[4,5] deep_rfm='{depth: 2}'.
    layered = load({}, overrides={"seeds": ["4", "5"], "deep_rfm": {"depth": "2"}})
    assert layered["seeds"] == [4, 5]
    assert layered["deep_rfm"]["depth"] == 2


def test_defaults_are_not_shared_between_datasets(load):
    both = load({"datasets": {"a": {"source": "sklearn"}, "b": {"source": "sklearn"}}})["datasets"]
    assert both["a"]["studies"] is not both["b"]["studies"]


def test_defaults_that_name_what_is_not_there_are_passed_over(load):
    small = load({"datasets": {"digits": {"source": "sklearn"}}, "deep_rfm": {"depth": 5}})
    assert small["deep_rfm"]["overrides"] == []
    assert small["deep_rfm"]["gram_layers"] == [1, 3]


def test_later_overrides_win(load):
    overrides = [{"dataset": "a", "width": 5}, {"activation": "relu", "width": 6}]
    section = load({"datasets": {"a": {"source": "sklearn"}}, "deep_rfm": {"overrides": overrides}})["deep_rfm"]
    assert config.model_settings(section, "activation", "relu", "a")["width"] == 6
    assert config.model_settings(section, "activation", "cos", "a")["width"] == 5


DIGITS = {"source": "sklearn"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"deep_rfm": {"activations": {"relu": {"widht": 3}}}}, "unknown key 'widht' at deep_rfm.activations.relu; did you mean 'width'?"),
        ({"sedes": [1]}, "unknown key 'sedes'; did you mean 'seeds'?"),
        ({"seeds": "x"}, "seeds is 'x'; it must be a list"),
        ({"seeds": []}, "seeds is []; it must be at least this many long: 1"),
        ({"seeds": [1, 1]}, "seeds is [1, 1]; it must not repeat itself"),
        ({"deep_rfm": {"depth": 0}}, "deep_rfm.depth is 0; it must be at least 1"),
        ({"deep_rfm": {"depth": 2.5}}, "deep_rfm.depth is 2.5; it must be a whole number"),
        ({"deep_rfm": {"depth": 5, "gram_layers": [1, 6]}}, "gram_layers holds 6, beyond the depth 5"),
        ({"datasets": {"mnits": {"source": "torchvision"}}}, "torchvision's 'mnits' is not known here; did you mean 'mnist'?"),
        ({"datasets": {"a": {"source": "sklern"}}}, "datasets.a.source is 'sklern'; did you mean 'sklearn'?"),
        ({"datasets": {"a": {}}}, "datasets.a lacks the key 'source'"),
        ({"datasets": {"a": {"source": "npz"}}}, "datasets.a is of source npz and lacks the key 'path'"),
        ({"datasets": {"a": DIGITS | {"path": "x"}}}, "datasets.a.path goes with source npz, not sklearn"),
        ({"datasets": {"a/b": DIGITS}}, "'a/b'"),
        ({"datasets": {"a": DIGITS}, "deep_rfm": {"overrides": [{"dataset": "b", "width": 2}]}}, "names the dataset 'b', which is not there"),
        ({"datasets": {"apple": DIGITS}, "departures": {"datasets": ["appel"]}}, "departures.datasets names 'appel', which is not among the datasets; did you mean 'apple'?"),
        ({"datasets": {"a": DIGITS}, "deep_rfm": {"ridge": 0.001}, "departures": {"datasets": ["a"]}}, "ridge: 0.001; set it to 0.0"),
        ({"datasets": {"NA": DIGITS}}, "'NA'"),
        ({"datasets": {"mine_": DIGITS}}, "'mine_'"),
        ({"datasets": {"a": DIGITS | {"studies": ["mlp"]}}, "departures": {"datasets": ["a"]}}, "on which no Deep RFM is run"),
        ({"datasets": {"a": DIGITS | {"labels": "random"}}, "unconstrained_features": {"datasets": ["a"]}}, "whose labels are random"),
        ({"datasets": {"a": DIGITS}, "kernel_learning": {"datasets": ["b"]}}, "kernel_learning.datasets names 'b'"),
        ({"datasets": {"a": DIGITS}, "kernel_learning": {"step_length": 2}}, "must be at most 1"),
        ({"deep_rfm": {"activations": {"relu": {}}, "overrides": [{"activation": "cos", "width": 2}]}}, "names the activation 'cos'"),
        ("a: [1", "is not YAML at line"),
        ("- 1", "holds a list"),
    ],
)  # fmt: skip
def test_each_mistake_gets_one_sentence(load, content, message):
    with pytest.raises(UserError) as caught:
        load(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_gets_a_sentence():
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read"):
        config.load(["nowhere.yaml"], SCHEMA)


def test_the_documentation_page_is_made_from_the_schema():
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == config.markdown(SCHEMA)


def test_every_key_is_described():
    for line in config.markdown(SCHEMA).splitlines()[6:]:
        if "<name>" not in line.split("|")[1] or "<name>." in line:
            assert line.split("|")[-2].strip(), line
