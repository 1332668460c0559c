"""The configuration: layers, defaults, and one sentence for every mistake."""

import re

import pytest
import yaml
from conftest import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st

from agop_dnc.errors import UserError
from agop_dnc.pipeline import config
from agop_dnc.studies import all as studies
from agop_dnc.studies.deep_rfm import study as deep_rfm
from agop_dnc.studies.networks import study as networks

DIGITS = {"source": "sklearn"}


def test_empty_configuration_is_the_papers(load):
    paper = load({})
    assert list(paper.datasets) == ["mnist", "cifar10", "svhn"]
    assert paper.seeds == [0, 1, 2]
    assert paper.deep_rfm.depth == 20
    assert paper.deep_rfm.activations.cos.width == 4096
    assert deep_rfm.model_settings(paper, "relu", "mnist").kernel == "gaussian"
    assert deep_rfm.model_settings(paper, "relu", "svhn").kernel == "laplace"
    assert networks.network_settings(paper, "mlp", "mnist")["init_scale"] == 0.2
    assert networks.training_settings(paper, "vgg11", "svhn")["epochs"] == 600


@pytest.mark.parametrize(
    "file",
    ["config.yaml", *sorted(f"{folder}/{p.name}" for folder in ("config", "examples") for p in (REPOSITORY / folder).glob("*.yaml"))],
)  # fmt: skip
def test_every_configuration_of_the_repository_is_valid(file, tmp_path, monkeypatch):
    (tmp_path / "data" / "uci121").mkdir(parents=True)  # of config/tabular.yaml
    monkeypatch.chdir(tmp_path)
    studies.load([REPOSITORY / file])


def test_named_mappings_and_lists_replace_and_others_merge(load):
    below = {"datasets": {"a": DIGITS}, "seeds": [0, 1], "deep_rfm": {"depth": 3, "gram_layers": [1]}}
    above = {"datasets": {"b": DIGITS}, "seeds": [7], "deep_rfm": {"ridge": 0.5}}
    layered = load(below, above)
    assert list(layered.datasets) == ["b"]
    assert layered.seeds == [7]
    assert (layered.deep_rfm.depth, layered.deep_rfm.ridge) == (3, 0.5)


def test_values_from_the_command_line_are_read_as_yaml_all_the_way_down(load):
    # This is how Snakemake hands over --config seeds=[4,5] deep_rfm='{depth: 2}'.
    layered = load({}, overrides={"seeds": ["4", "5"], "deep_rfm": {"depth": "2"}})
    assert layered.seeds == [4, 5]
    assert layered.deep_rfm.depth == 2


def test_command_line_changes_only_what_it_names(load):
    below = {"networks": {"architectures": {"mlp": {"learning_rate": 0.2, "epochs": 9}, "vgg11": {"epochs": 7}}}}
    merged = load(below, overrides={"networks": {"architectures": {"mlp": {"epochs": "4"}}}}).networks.architectures
    assert (merged.mlp.epochs, merged.mlp.learning_rate) == (4, 0.2)
    assert merged.vgg11.epochs == 7
    assert merged.resnet18 is None
    datasets = load({"datasets": {"a": DIGITS}}, overrides={"datasets": {"b": {"source": "sklearn"}}}).datasets
    assert list(datasets) == ["a", "b"]


def test_default_overrides_of_absent_datasets_and_layers_beyond_depth_are_ignored(load):
    small = load({"datasets": {"digits": DIGITS}, "deep_rfm": {"depth": 5}})
    assert deep_rfm.model_settings(small, "relu", "digits").kernel == "laplace"
    assert deep_rfm.gram_layers(small) == [1, 3]


def test_later_overrides_win(load):
    overrides = [{"dataset": "a", "width": 5}, {"activation": "relu", "width": 6}]
    content = load({"datasets": {"a": DIGITS}, "deep_rfm": {"overrides": overrides}})
    assert deep_rfm.model_settings(content, "relu", "a").width == 6
    assert deep_rfm.model_settings(content, "cos", "a").width == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"deep_rfm": {"activations": {"relu": {"widht": 3}}}}, "unknown key 'widht' at deep_rfm.activations.relu; did you mean 'width'?"),
        ({"sedes": [1]}, "unknown key 'sedes'; did you mean 'seeds'?"),
        ({"seeds": "x"}, "seeds is 'x'; it must be a list: write [x]"),
        ({"device": "gpu"}, "device is 'gpu'; did you mean 'cuda'?"),
        ({"datasets": {"a": DIGITS | {"n": 1798}}}, "datasets.a.n is 1798, but there are 1,797 points; choose at most that many"),
        ({"datasets": {"mnist": {"source": "torchvision", "n": 60_001}}}, "but there are 60,000 points"),
        ({"datasets": {"a": {"source": "torchvision", "dataset": "svhn", "n": 80_000}}}, "but there are 73,257 points"),
        ({"departures": {"datasets": ["a"]}}, "(the paper's, as the configuration has no `datasets`)"),
        ("run: a\nseeds: [0]\nrun: b\n", "has the key 'run' a second time at line 3; remove one"),
        ("deep_rfm: {depth: 3, depth: 4}", "has the key 'depth' a second time at line 1; remove one"),
        ({"seeds": []}, "seeds is []; it must be at least this many long: 1"),
        ({"seeds": [1, 1]}, "seeds is [1, 1]; it must not repeat itself"),
        ({"deep_rfm": {"depth": 0}}, "deep_rfm.depth is 0; it must be at least 1"),
        ({"deep_rfm": {"depth": 2.5}}, "deep_rfm.depth is 2.5; it must be a whole number"),
        ({"deep_rfm": {"depth": 5, "gram_layers": [1, 6]}}, "gram_layers holds 6, beyond the depth 5"),
        ({"datasets": {"mnits": {"source": "torchvision"}}}, "torchvision's 'mnits' is not known here; did you mean 'mnist'?"),
        ({"datasets": {"a": {"source": "sklern"}}}, "datasets.a.source is 'sklern'; did you mean 'sklearn'?"),
        ({"datasets": {"a": {}}}, "datasets.a lacks the key 'source'"),
        ({"datasets": {"a": {"source": "npz"}}}, "datasets.a is of source npz and lacks the key 'path'"),
        ({"datasets": {"a": DIGITS | {"path": "x"}}}, "not sklearn; remove it"),
        ({"datasets": {"a/b": DIGITS}}, "'a/b'"),
        ({"datasets": {"a": DIGITS}, "deep_rfm": {"overrides": [{"dataset": "b", "width": 2}]}}, "names the dataset 'b', which is not there"),
        ({"datasets": {"apple": DIGITS}, "departures": {"datasets": ["appel"]}}, "departures.datasets names 'appel', which is not among the datasets; did you mean 'apple'?"),
        ({"datasets": {"a": DIGITS}, "deep_rfm": {"ridge": 0.001}, "departures": {"datasets": ["a"]}}, "ridge: 0.001; set it to 0.0"),
        ({"datasets": {"NA": DIGITS}}, "'NA'"),
        ({"datasets": {"mine_": DIGITS}}, "'mine_'"),
        ({"datasets": {"a": DIGITS}, "deep_rfm": {"datasets": []}, "departures": {"datasets": ["a"]}}, "on which no Deep RFM is run"),
        ({"datasets": {"a": DIGITS | {"labels": "random"}}, "unconstrained_features": {"datasets": ["a"]}}, "whose labels are random"),
        ({"datasets": {"a": DIGITS}, "kernel_trace": {"datasets": ["b"]}}, "kernel_trace.datasets names 'b'"),
        ({"datasets": {"a": DIGITS}, "kernel_learning": {"step_length": 2}}, "must be at most 1"),
        ({"deep_rfm": {"activations": {"relu": {}}, "overrides": [{"activation": "cos", "width": 2}]}}, "names the activation 'cos'"),
        ({"run": "showcase"}, "choose another name for yours"),
        ({"figures": ["figure_3"]}, "figures names 'figure_3', which this configuration does not make; did you mean 'figure_03'?"),
        ("a: [1", "is not YAML at line"),
        ("- 1", "holds a list"),
    ],
)  # fmt: skip
def test_each_mistake_gets_one_sentence(load, content, message):
    with pytest.raises(UserError) as caught:
        load(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "key", "remedy"),
    [
        ({"datasets": {"a": DIGITS | {"studies": ["mlp"]}}}, "datasets.a.studies", "networks.architectures.mlp.datasets"),
        ({"claims": {"enabled": False}}, "claims", "verdicts"),
        ({"collapse_iteration": {"enabled": True}}, "collapse_iteration.enabled", "remove the section"),
        ({"unconstrained_features": {"enabled": False}}, "unconstrained_features.enabled", "remove the section"),
        ({"kernel_learning": {"enabled": False}}, "kernel_learning.enabled", "remove the section"),
        ({"kernel_learning": {"datasets": ["a"]}}, "kernel_learning.datasets", "use kernel_trace.datasets"),
        ({"kernel_learning": {"mu": 2.0}}, "kernel_learning.mu", "use kernel_trace.mu"),
    ],
)  # fmt: skip
def test_key_of_an_earlier_version_gets_a_sentence_that_says_what_replaced_it(load, content, key, remedy):
    with pytest.raises(UserError) as caught:
        load({"datasets": {"a": DIGITS}} | content)
    assert f"the key '{key}' is gone" in str(caught.value)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_replaced_key_is_gone(load):
    for pattern in studies.REPLACED:
        keys = [f"`{re.sub(r'[.][*][.]', '.<name>.', pattern)}`"]
        assert not any(f"| {key} |" in config.markdown(studies.model()) for key in keys), pattern


def test_missing_file_gets_a_sentence():
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read"):
        studies.load(["nowhere.yaml"])


def test_documentation_page_is_made_from_the_settings():
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == config.markdown(studies.model())


def test_every_key_is_described():
    rows = list(config.entries(studies.model()))
    assert len(rows) > 80
    assert [key for key, _, _, meaning in rows if not meaning] == []


def test_study_runs_if_its_section_is_present(load):
    assert not load({"datasets": {"a": DIGITS}}).has("kernel_learning")
    assert load({"datasets": {"a": DIGITS}, "kernel_learning": {}}).has("kernel_learning")
    assert load("{datasets: {a: {source: sklearn}}, kernel_learning: }").has("kernel_learning")
    assert load({"datasets": {"a": DIGITS}}).has("deep_rfm")
    assert not load({"datasets": {"a": DIGITS}, "deep_rfm": {"enabled": False}}).has("deep_rfm")


# Properties of layering, for mappings of any shape.

keys = st.sampled_from(["datasets", "deep_rfm", "networks", "activations", "architectures", "seeds", "x"])
leaves = st.integers() | st.text("ab1", max_size=3) | st.lists(st.integers(), max_size=3) | st.none()
# A key holds either mappings or other values, as a typed configuration's does: what replaces a mapping by a number is an error there.
inner = st.dictionaries(st.sampled_from(["x", "y"]), leaves, max_size=2)
middle = st.fixed_dictionaries(
    {}, optional={"activations": inner, "architectures": inner, "overrides": st.lists(inner, max_size=2), "x": leaves}
)
layers = st.fixed_dictionaries(
    {}, optional={"datasets": inner, "deep_rfm": middle, "networks": middle, "seeds": st.lists(st.integers(), max_size=3), "x": leaves}
)  # fmt: skip
NAMED = (("datasets",), ("deep_rfm", "activations"), ("networks", "architectures"))


def at(content, path):
    for part in path:
        content = content.get(part, {}) if isinstance(content, dict) else {}
    return content


@given(layers, layers, layers, st.booleans())
def test_layering_is_associative(a, b, c, whole):
    def layered(below, above):
        return config._layered(below, above, whole=whole)

    assert layered(layered(a, b), c) == layered(a, layered(b, c))


@given(layers, layers)
def test_empty_layer_is_neutral_and_layers_are_left_alone(a, b):
    before = yaml.safe_dump([a, b])
    assert config._layered(a, {}, whole=True) == a == config._layered({}, a, whole=True)
    config._layered(a, b, whole=True)
    assert yaml.safe_dump([a, b]) == before


@given(layers, layers)
def test_named_mappings_of_a_later_file_replace_and_of_the_command_line_merge(a, b):
    whole, merged = (config._layered(a, b, whole=kind) for kind in (True, False))
    for path in NAMED:
        below, above = at(a, path), at(b, path)
        given_there = path[-1] in at(b, path[:-1])
        assert at(whole, path) == (above if given_there else below)
        assert at(merged, path) == below | above
