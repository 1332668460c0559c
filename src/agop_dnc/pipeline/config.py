"""The configuration: files layered from left to right, checked, with every default filled in.

A mapping of named things (datasets, activations, architectures) or a list in a later file replaces the earlier one whole;
other mappings are merged key by key. What ``--config`` gives is merged into the files key by key throughout, so that it
changes only what it names. The typed models hold every default; nothing is defaulted elsewhere.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError, create_model, field_validator

from ..data.settings import DatasetSettings
from ..errors import UserError
from ..settings import Settings, sentence

# Mappings whose keys are names that the user chooses among or invents.
_NAMED = (("datasets",), ("deep_rfm", "activations"), ("networks", "architectures"))
# Names that a table's reader would take for missing values, and characters that reStructuredText reads as markup.
_DATASET_NAME = re.compile(r"(?!(NA|NaN|nan|null|NULL|None|none)$)[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$")

Config = dict[str, Any]


class DataSettings(Settings):
    """Where torchvision's datasets are."""

    root: str = Field("data", description="Folder of torchvision's datasets, relative to the working directory.")
    download: bool = Field(
        True,
        description="Whether a dataset that is missing or damaged is downloaded (with torchvision's checksums).",
    )


def _papers_datasets() -> dict[str, DatasetSettings]:
    return {name: DatasetSettings(source="torchvision") for name in ("mnist", "cifar10", "svhn")}


class Configuration(Settings):
    """A run's configuration; each study adds its section."""

    run: str = Field(
        "default",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the run. Results go to `results/<run>`, figures to `figures/<run>`.",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0, 1, 2],
        description="Seeds of everything random. Curves show the mean and one standard deviation over them; Gram matrices show "
        "the first.",
    )
    figures: list[str] = Field(
        [],
        description="The figures and notebooks to make, by name (`figure_03`, `claims`, …), with what they need; all, and every "
        "table, if none is named.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where models run. `auto` takes a GPU if there is one."
    )
    threads: int = Field(
        1,
        ge=1,
        description="Threads of each job on a CPU. Parallelism is across jobs; results depend on this number, not on `--cores`.",
    )
    instructions: Literal["native", "avx2"] = Field(
        "native",
        description="Vector instructions of jobs on a CPU. `native` uses what the processor has; `avx2` gives equal tables, byte "
        "by byte, with and without AVX-512 (docs/design.md says on which processors), and takes longer for convolutions.",
    )
    data: DataSettings = Field(DataSettings(), description="Where torchvision's datasets are.")
    datasets: Annotated[dict[str, DatasetSettings], Field(min_length=1)] = Field(
        default_factory=_papers_datasets, description="The datasets by name, in the order of the figures' rows."
    )

    @field_validator("run")
    @classmethod
    def _is_no_folder_of_the_repository(cls, run: str) -> str:
        if run == "showcase":
            raise ValueError("'showcase' names the committed runs in results/showcase; choose another name for yours")
        return run

    def has(self, study: str) -> bool:
        """Return whether a study runs: its section is present, and not switched off."""
        section = getattr(self, study, None)
        return section is not None and getattr(section, "enabled", True)

    def section(self, study: str) -> Settings:
        """Return a study's section."""
        found: Settings = getattr(self, study)
        return found

    def original(self, names: Sequence[str] | None = None) -> list[str]:
        """Return the datasets with their own labels, in the configuration's order; of the given ones if any are given."""
        return [name for name in self.chosen(names) if self.datasets[name].labels == "original"]

    def chosen(self, names: Sequence[str] | None) -> list[str]:
        """Return the datasets named, in the configuration's order; if names is None, all those with their own labels."""
        if names is None:
            return [name for name, settings in self.datasets.items() if settings.labels == "original"]
        return [name for name in self.datasets if name in names]

    def main(self, names: Sequence[str]) -> list[str]:
        """Return those of role `main`, or all if none is."""
        return [name for name in names if self.datasets[name].role == "main"] or list(names)


def model_of(sections: Mapping[str, type[Settings]], always: Sequence[str]) -> type[Configuration]:
    """Return the model of a configuration with these studies' sections.

    Args:
        sections: The settings of each study, by the name of its section.
        always: Studies that run with their defaults if their section is missing.
    """
    fields: dict[str, Any] = {}
    for name, model in sections.items():
        described = (model.__doc__ or "").strip().split("\n")[0]
        if name in always:
            fields[name] = (model, Field(default_factory=model, description=described))
        else:
            fields[name] = (model | None, Field(None, description=described))
    return create_model("Configuration", __base__=Configuration, **fields)


def load(
    files: Sequence[str | Path],
    model: type[Configuration],
    overrides: Mapping[str, Any] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> Configuration:
    """Return the checked configuration from YAML files, with `overrides` (what --config gave) on top.

    Args:
        files: YAML files, later ones layered over earlier ones.
        model: What :func:`model_of` returned.
        overrides: Values merged into the files key by key.
        replaced: Keys of earlier versions, as dotted patterns in which `*` stands for any name, with the end of a sentence
            that says what replaced them.

    Raises:
        UserError: If a file cannot be read or a setting is not valid; the message is one sentence.
    """
    given: Config = {}
    for file in files:
        given = _layered(given, _read(file), whole=True)
    given = _layered(given, _parsed(dict(overrides or {})), whole=False)
    given = {
        key: {} if value is None and key not in Configuration.model_fields else value for key, value in given.items()
    }
    _check_replaced(given, replaced or {})
    _check_names(given)
    try:
        config = model.model_validate(given)
    except ValidationError as error:
        raise UserError(f"configuration: {sentence(error, model)}") from None
    for name, dataset in config.datasets.items():
        if mistake := dataset.mistake(name):
            raise UserError(f"configuration: {mistake}")
    for where, values in (("seeds", config.seeds), ("figures", config.figures)):
        if len(set(values)) != len(values):
            raise UserError(f"configuration: {where} is {values!r}; it must not repeat itself")
    return config


def plain(config: BaseModel) -> Config:
    """Return settings as plain mappings and lists with sorted keys, as a params value that changed its order re-runs jobs."""
    return _sorted(config.model_dump(exclude_none=True))  # type: ignore[no-any-return]


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


class _UniqueKeys(yaml.SafeLoader):
    """Read YAML, and refuse a mapping that has a key twice (the last would win in silence)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                mark = key.start_mark
                raise UserError(
                    f"configuration: {mark.name} has the key '{key.value}' a second time at line {mark.line + 1}; remove one"
                )
            seen.add(key.value)
        return dict(super().construct_mapping(node, deep))


def _read(file: str | Path) -> Config:
    try:
        with open(file, encoding="utf-8") as stream:
            content = yaml.load(stream, _UniqueKeys)
    except OSError as error:
        raise UserError(f"configuration: {file} cannot be read ({error.strerror}); check --configfile") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UserError(f"configuration: {file} is not YAML{line}; correct it there") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"configuration: {file} holds a {type(content).__name__}; it must hold keys and values")
    return content


def _layered(below: Config, above: Mapping[str, Any], whole: bool, path: tuple[str, ...] = ()) -> Config:
    """Return one mapping over another; with `whole`, mappings of named things replace each other."""
    result = dict(below)
    for key, value in above.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(result.get(key), dict) and not (whole and here in _NAMED):
            result[key] = _layered(result[key], value, whole, here)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _parsed(value: Any) -> Any:
    """Return what --config gave with strings inside lists and mappings read as YAML, as those outside already are."""
    if isinstance(value, dict):
        return {key: _parsed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_parsed(item) for item in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


def _check_replaced(given: Config, replaced: Mapping[str, str]) -> None:
    for pattern, instead in replaced.items():
        for found in _matches(given, pattern.split("."), ()):
            raise UserError(f"configuration: the key '{'.'.join(found)}' is gone: {instead}")


def _matches(value: Any, pattern: list[str], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not pattern:
        yield path
    elif isinstance(value, dict):
        for key in value if pattern[0] == "*" else [pattern[0]] if pattern[0] in value else []:
            yield from _matches(value[key], pattern[1:], (*path, str(key)))


def _check_names(given: Config) -> None:
    for name in given["datasets"] if isinstance(given.get("datasets"), dict) else []:
        if not _DATASET_NAME.match(str(name)):
            raise UserError(
                f"configuration: the dataset's name '{name}' cannot be used; use letters, digits, '-' and '_' only, a letter first"
            )


# The documentation page


def markdown(model: type[Configuration]) -> str:
    """Return the configuration's documentation page, made from the typed models."""
    lines = [
        "# Configuration",
        "",
        "Made by `make docs` from the typed settings in `src/agop_dnc`; every default is the paper's setting.",
        "",
        "A file given with `--configfile` stands alone: what it leaves out takes the default. Several files are layered from left to "
        "right: a list, and the mappings `datasets`, `deep_rfm.activations` and `networks.architectures`, replace the earlier ones "
        'whole; other mappings are merged key by key. `--config \'networks={"architectures": {"mlp": {"epochs": 4}}}\'` changes what '
        "it names and nothing else. A study runs if its section is present (`{}` for its defaults); `deep_rfm` and `networks` run "
        "unless `enabled: false`.",
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| `{key}` | {kind} | {default} | {meaning} |" for key, kind, default, meaning in entries(model)]
    return "\n".join(lines) + "\n"


def entries(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield key, type, default and meaning of every key of a model."""
    for key, info in model.model_fields.items():
        inner, inside = _within(info.annotation)
        simple = inner is None or inside == "[]."
        default = ""
        if not info.is_required() and info.default is not None and simple and info.default_factory is None:
            default = f"`{json.dumps(_jsonable(info.default), ensure_ascii=False)}`"
        meaning = " ".join((info.description or (inner.__doc__ if inner else "") or "").split())
        yield f"{prefix}{key}", _type_name(info.annotation), default, meaning
        if inner is not None:
            yield from entries(inner, f"{prefix}{key}{inside}")


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    return [_jsonable(item) for item in value] if isinstance(value, list) else value


def _within(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """Return the model inside an annotation, and how a key leads to it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, "."
    origin, inner = get_origin(annotation), [arg for arg in get_args(annotation) if arg is not type(None)]
    if origin is Annotated:
        return _within(inner[0])
    if origin is dict:
        return _within(inner[1])[0], ".<name>."
    if origin is list:
        return _within(inner[0])[0], "[]."
    for arg in inner if origin is not Literal else []:
        found = _within(arg)
        if found[0] is not None:
            return found
    return None, ""


def _type_name(annotation: Any) -> str:
    origin, inner = get_origin(annotation), [arg for arg in get_args(annotation) if arg is not type(None)]
    if origin is Literal:
        return "one of " + ", ".join(f"`{item}`" for item in inner)
    if origin is Annotated or (origin not in (dict, list, None) and inner):
        return _type_name(inner[0])
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(annotation) or ("a list" if origin is list else "a mapping of keys to values")
