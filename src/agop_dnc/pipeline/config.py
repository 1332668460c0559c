"""The configuration: files layered from left to right, checked against the schema, its defaults filled in.

A mapping of named things (datasets, activations, architectures) or a list that a file gives replaces the one before it
whole; other mappings are merged key by key. The schema holds every default; nothing is defaulted elsewhere.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..errors import UserError, did_you_mean

Config = dict[str, Any]
# Mappings whose keys are names that the user chooses among or invents.
_NAMED = (("datasets",), ("deep_rfm", "activations"), ("networks", "architectures"))


def load(files: Sequence[str | Path], schema: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """The checked configuration from YAML files, with `overrides` (what --config gave) as the last layer.

    Raises UserError, with one sentence, for a file that cannot be read and for whatever in it cannot be meant.
    """
    rules = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
    given: Config = {}
    for file in files:
        given = _layered(given, _read(file))
    given = _layered(given, _parsed(dict(overrides or {})))
    _check_schema(given, rules)
    config: Config = _filled(copy.deepcopy(given), rules)
    _check_datasets(config)
    _settle_gram_layers(config, given)
    _settle_overrides(config, given, "deep_rfm", "activation", "activations")
    _settle_overrides(config, given, "networks", "architecture", "architectures")
    for section in ("departures", "collapse_iteration", "kernel_learning", "unconstrained_features"):
        _check_named(config, section)
    for section in ("departures", "collapse_iteration", "kernel_learning"):
        _check_deep_rfm(config, section)
    _check_departures(config)
    return config


def model_settings(section: Mapping[str, Any], kind: str, name: str, dataset: str) -> Config:
    """Settings of one model on one dataset: the section's own, those under its name, then the overrides that fit.

    section: `config["deep_rfm"]` or `config["networks"]`; kind: `activation` or `architecture`.

    >>> section = {"depth": 3, "activations": {"relu": {"width": 8}}, "overrides": [{"dataset": "a", "width": 9}]}
    >>> model_settings(section, "activation", "relu", "a"), model_settings(section, "activation", "relu", "b")
    ({'depth': 3, 'width': 9}, {'depth': 3, 'width': 8})
    """
    named = section[f"{kind}s"]
    settings = {key: value for key, value in section.items() if not isinstance(value, dict | list)} | dict(named[name])
    for entry in section["overrides"]:
        if entry.get(kind, name) == name and entry.get("dataset", dataset) == dataset:
            settings |= {key: value for key, value in entry.items() if key not in (kind, "dataset")}
    return settings


def markdown(schema: str | Path) -> str:
    """The configuration's documentation page, made from the schema."""
    rules = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
    lines = [
        "# Configuration",
        "",
        "Made from `workflow/schemas/config.schema.yaml` by `make docs`; every default is the paper's setting.",
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| `{key}` | {kind} | {default} | {meaning} |" for key, kind, default, meaning in _entries(rules, "")]
    return "\n".join(lines) + "\n"


def _read(file: str | Path) -> Config:
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"configuration: {file} cannot be read ({error.strerror}); check --configfile") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UserError(f"configuration: {file} is not YAML{line}; mend it there") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"configuration: {file} holds a {type(content).__name__}; it must hold keys and values")
    return content


def _layered(below: Config, above: Mapping[str, Any], path: tuple[str, ...] = ()) -> Config:
    result = dict(below)
    for key, value in above.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(result.get(key), dict) and here not in _NAMED:
            result[key] = _layered(result[key], value, here)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _parsed(value: Any) -> Any:
    """What --config handed over: strings inside lists and mappings are read as YAML, as those outside already are."""
    if isinstance(value, dict):
        return {key: _parsed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_parsed(item) for item in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


def _check_schema(given: Config, rules: Config) -> None:
    # The outermost trouble first, so that the message is about what the user wrote.
    errors = sorted(
        jsonschema.Draft202012Validator(rules).iter_errors(given), key=lambda e: (len(e.path), str(list(e.path)))
    )
    if errors:
        raise UserError(f"configuration: {_sentence(errors[0])}")


def _sentence(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    rule, value, wanted = error.validator, error.instance, error.validator_value
    if rule == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in value if key not in known)
        return f"unknown key '{unknown}'{' at ' + where if where else ''}{did_you_mean(str(unknown), known)}"
    if rule == "required":
        missing = next(key for key in wanted if key not in value)
        return f"{where} lacks the key '{missing}'; add it"
    if rule == "enum":
        return f"{where} is {value!r}{did_you_mean(str(value), [str(item) for item in wanted])}"
    if rule == "type":
        return f"{where or 'the whole'} is {value!r}; it must be {_TYPES.get(wanted, wanted)}"
    if rule == "pattern":
        return f"{where or 'a name'} is '{value}'; use letters, digits, '-' and '_' only, a letter or digit first"
    limits = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
        "maximum": "at most",
        "minItems": "at least this many long:",
        "minProperties": "at least this many keys long:",
    }
    if rule in limits:
        return f"{where} is {value!r}; it must be {limits[rule]} {wanted}"
    if rule == "uniqueItems":
        return f"{where} is {value!r}; it must not repeat itself"
    return f"{where}: {error.message}"


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
}


def _filled(value: Any, rules: Config) -> Any:
    """The value with the schema's defaults, each a copy, wherever it says nothing."""
    if not isinstance(value, dict):
        return value
    properties = rules.get("properties", {})
    for key, rule in properties.items():
        if key not in value and "default" in rule:
            value[key] = copy.deepcopy(rule["default"])
    others = rules.get("additionalProperties")
    for key in value:
        rule = properties.get(key) or (others if isinstance(others, dict) else {})
        value[key] = _filled(value[key], rule)
    return value


def _check_datasets(config: Config) -> None:
    for name, settings in config["datasets"].items():
        source = settings["source"]
        if source == "npz" and "path" not in settings:
            raise UserError(f"configuration: datasets.{name} is of source npz and lacks the key 'path'; add it")
        for key, belongs in (("path", "npz"), ("dataset", "torchvision")):
            if key in settings and source != belongs:
                raise UserError(
                    f"configuration: datasets.{name}.{key} goes with source {belongs}, not {source}; remove it"
                )
        known = ["cifar10", "mnist", "svhn"]
        if source == "torchvision" and "dataset" not in settings and name not in known:
            hint = did_you_mean(name, known)
            raise UserError(
                f"configuration: datasets.{name}: torchvision's '{name}' is not known here{hint}"
                f"{'' if hint.endswith('?') else ';'} a name of one's own needs the key 'dataset'"
            )


def _settle_gram_layers(config: Config, given: Config) -> None:
    section = config["deep_rfm"]
    beyond = [layer for layer in section["gram_layers"] if layer > section["depth"]]
    if beyond and "gram_layers" in given.get("deep_rfm", {}):
        raise UserError(
            f"configuration: deep_rfm.gram_layers holds {beyond[0]}, beyond the depth {section['depth']}; remove it or raise deep_rfm.depth"
        )
    section["gram_layers"] = [layer for layer in section["gram_layers"] if layer not in beyond]


def _settle_overrides(config: Config, given: Config, name: str, kind: str, kinds: str) -> None:
    """Check that the overrides name what is there; drop default ones that do not."""
    section, kept = config[name], []
    known = {"dataset": config["datasets"], kind: section[kinds]}
    for index, entry in enumerate(section["overrides"]):
        missing = [key for key in known if key in entry and entry[key] not in known[key]]
        if missing and "overrides" in given.get(name, {}):
            key = missing[0]
            raise UserError(
                f"configuration: {name}.overrides.{index} names the {key} '{entry[key]}', which is not there{did_you_mean(entry[key], known[key])}"
            )
        if not missing:
            kept.append(entry)
    section["overrides"] = kept


def _check_named(config: Config, section: str) -> None:
    """The datasets that a section names must be there, with labels of their own."""
    for name in config[section]["datasets"]:
        if name not in config["datasets"]:
            hint = did_you_mean(name, config["datasets"])
            raise UserError(f"configuration: {section}.datasets names '{name}', which is not among the datasets{hint}")
        if config["datasets"][name]["labels"] == "random":
            raise UserError(
                f"configuration: {section}.datasets names '{name}', whose labels are random; remove it there"
            )


def _check_deep_rfm(config: Config, section: str) -> None:
    """A Deep RFM must be run on the datasets that a section names."""
    for name in config[section]["datasets"]:
        if not config["deep_rfm"]["enabled"] or "deep_rfm" not in config["datasets"][name]["studies"]:
            raise UserError(
                f"configuration: {section}.datasets names '{name}', on which no Deep RFM is run; "
                "add deep_rfm to its studies, or remove it there"
            )


def _check_departures(config: Config) -> None:
    """Departures are compared with what the paper's definitions give on a dataset."""
    for name in config["departures"]["datasets"]:
        for activation in config["deep_rfm"]["activations"]:
            used = model_settings(config["deep_rfm"], "activation", activation, name)
            for key, papers in (("ridge", 0.0), ("precision", "float64"), ("agop_scale", "mean")):
                if used[key] != papers:
                    raise UserError(
                        f"configuration: departures are compared with the paper's definitions, and on '{name}' {activation} has "
                        f"{key}: {used[key]}; set it to {papers}, or take {name} out of departures.datasets"
                    )


def _entries(rules: Config, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Key, type, default and meaning of every key below a rule."""
    children = [(f"{prefix}{key}", rule) for key, rule in rules.get("properties", {}).items()]
    if isinstance(rules.get("additionalProperties"), dict):
        children.append((f"{prefix}<name>", rules["additionalProperties"]))
    for key, rule in children:
        simple = "properties" not in rule and not isinstance(rule.get("additionalProperties"), dict)
        default = f"`{json.dumps(rule['default'])}`" if simple and "default" in rule else ""
        kind = "one of " + ", ".join(f"`{item}`" for item in rule["enum"]) if "enum" in rule else _TYPES[rule["type"]]
        yield key, kind, default, " ".join(str(rule.get("description", "")).split())
        yield from _entries(rule, f"{key}.")
        if isinstance(rule.get("items"), dict) and "properties" in rule["items"]:
            yield from _entries(rule["items"], f"{key}[].")
