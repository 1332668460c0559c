"""The base of all settings: typed, validated models whose errors are one sentence with the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from .errors import did_you_mean

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "model_attributes": "a mapping of keys to values",
}


# What some call a value.
_OTHER_NAMES = {"gpu": "cuda"}


class Settings(BaseModel):
    """Settings of one thing: types, bounds, defaults and descriptions in one place; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def replace(self, **changes: Any) -> Self:
        """Return these settings with some changed, validated again."""
        return type(self)(**(self.model_dump() | changes))


def with_default(model: type[Settings], key: str, value: Any) -> Any:
    """Return a field of a model, bounds and description included, with another default."""
    info = model.model_fields[key]
    field: Any = Field(value, description=info.description)
    field.metadata = info.metadata
    return field


def overriding(name: str, *models: type[Settings], without: Iterable[str] = (), **keys: Any) -> Any:
    """Return a model with every field of the given ones, each optional, to override settings of some datasets or models.

    Args:
        name: The class name.
        models: Settings whose fields may be overridden.
        without: Fields of them that may not.
        keys: Further fields as pydantic takes them, which say what is meant.
    """
    fields: dict[str, Any] = dict(keys)
    for model in models:
        for key, info in model.model_fields.items():
            if key in without:
                continue
            fields.setdefault(key, (info.annotation | None, with_default(model, key, None)))  # type: ignore[operator]
    return create_model(name, __base__=Settings, **fields)


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what is wrong with a user's settings: the outermost mistake, where it is, and the remedy."""
    first = min(error.errors(), key=lambda one: (len(one["loc"]), [str(part) for part in one["loc"]]))
    where = ".".join(str(part) for part in first["loc"])
    kind, value, context = first["type"], first["input"], first.get("ctx", {})
    if kind == "extra_forbidden":
        *path, unknown = first["loc"]
        known = _keys(model, path)
        at = ".".join(str(part) for part in path)
        return f"unknown key '{unknown}'{' at ' + at if at else ''}{did_you_mean(str(unknown), known)}"
    if kind == "missing":
        *path, key = first["loc"]
        return f"{'.'.join(map(str, path)) or 'the configuration'} lacks the key '{key}'; add it"
    if kind == "literal_error":
        wanted = [part.strip(" '") for part in context["expected"].replace(" or ", ", ").split(", ")]
        meant = _OTHER_NAMES.get(value, value) if isinstance(value, str) else str(value)
        return f"{where} is {value!r}{did_you_mean(meant, wanted)}"
    if kind in _LIMITS:
        words, bound = _LIMITS[kind]
        return f"{where} is {value!r}; it must be {words} {context[bound]}"
    if kind == "string_pattern_mismatch":
        return f"{where} is '{value}'; use letters, digits, '-', '_' and '.' only, a letter or digit first"
    if kind == "too_short":
        return f"{where} is {value!r}; it must be at least this many long: {context['min_length']}"
    if kind in ("value_error", "assertion_error"):
        said = str(context["error"])
        return f"{where}: {said}" if where else said
    for name, words in _TYPES.items():
        if kind in (f"{name}_type", f"{name}_from_float", f"{name}_parsing"):
            return f"{where or 'the whole'} is {value!r}; it must be {words}{_yaml_number(kind, value)}{_as_list(kind, value)}"
    return f"{where}: {first['msg']}"


def _yaml_number(kind: str, value: Any) -> str:
    """Return a hint if a number was written in a way that YAML reads as text, as 1e-2."""
    try:
        read = float(value) if kind == "float_type" and isinstance(value, str) else None
    except ValueError:
        return ""
    return "" if read is None else f" (YAML reads {value} as text: write {read!r})"


def _as_list(kind: str, value: Any) -> str:
    """Return how to write a list of one value, if there is the value alone."""
    return f": write [{value}]" if kind == "list_type" and isinstance(value, str | int) else ""


def _keys(model: type[BaseModel], path: Iterable[Any]) -> list[str]:
    """Return the known keys at a path into nested settings."""
    current: Any = model
    for part in path:
        info = getattr(current, "model_fields", {}).get(part)
        current = _model_within(info.annotation if info else current)
        if current is None:
            return []
    found: Any = _model_within(current)
    return list(found.model_fields) if found is not None else []


def _model_within(annotation: Any) -> Any:
    """Return the settings model inside an optional, a list or a mapping of it, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_within(inner)
        if found is not None:
            return found
    return None
