"""Typed settings: every mistake is one sentence with the remedy."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from agop_dnc.settings import Settings, overriding, sentence, with_default


class Inner(Settings):
    """Inside."""

    width: int = Field(3, ge=1, le=9, description="How wide.")
    rate: float = Field(0.5, gt=0, lt=1, description="How fast.")


class Outer(Settings):
    """Outside."""

    inner: Inner = Field(Inner())
    kind: Literal["laplace", "gaussian"] = "laplace"
    named: dict[str, Inner] = Field(default_factory=dict)
    several: list[Inner] = Field([], min_length=0)
    two: list[int] = Field([1, 2], min_length=2)
    whether: bool = True
    text: str = "a"
    needed: int


def said(**content):
    with pytest.raises(ValidationError) as caught:
        Outer(**({"needed": 1} | content))
    return sentence(caught.value, Outer)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"inner": {"widht": 3}}, "unknown key 'widht' at inner; did you mean 'width'?"),
        ({"named": {"a": {"widht": 3}}}, "unknown key 'widht' at named.a; did you mean 'width'?"),
        ({"several": [{"zzz": 3}]}, "unknown key 'zzz' at several.0; known are rate, width"),
        ({"knid": "laplace"}, "unknown key 'knid'; did you mean 'kind'?"),
        ({"kind": "gausian"}, "kind is 'gausian'; did you mean 'gaussian'?"),
        ({"inner": {"width": 0}}, "inner.width is 0; it must be at least 1"),
        ({"inner": {"width": 10}}, "inner.width is 10; it must be at most 9"),
        ({"inner": {"rate": 0.0}}, "inner.rate is 0.0; it must be more than 0.0"),
        ({"inner": {"rate": 1.0}}, "inner.rate is 1.0; it must be less than 1.0"),
        ({"inner": {"width": 2.5}}, "inner.width is 2.5; it must be a whole number"),
        ({"inner": {"width": True}}, "inner.width is True; it must be a whole number"),
        ({"inner": {"rate": "1e-2"}}, "inner.rate is '1e-2'; it must be a number (YAML reads 1e-2 as text: write 0.01)"),
        ({"inner": {"rate": "fast"}}, "inner.rate is 'fast'; it must be a number"),
        ({"inner": 3}, "inner is 3; it must be a mapping of keys to values"),
        ({"named": []}, "named is []; it must be a mapping of keys to values"),
        ({"two": [1]}, "two is [1]; it must be at least this many long: 2"),
        ({"two": 1}, "two is 1; it must be a list: write [1]"),
        ({"whether": "maybe"}, "whether is 'maybe'; it must be true or false"),
        ({"text": 3}, "text is 3; it must be text"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence_with_the_remedy(content, expected):
    assert said(**content) == expected


def test_missing_key_is_named():
    with pytest.raises(ValidationError) as caught:
        Outer()
    assert sentence(caught.value, Outer) == "the configuration lacks the key 'needed'; add it"


def test_outermost_mistake_comes_first():
    assert said(kind="gausian", inner={"width": 0}).startswith("kind is")


def test_settings_cannot_be_changed_and_replace_validates_again():
    with pytest.raises(ValidationError):
        Inner().width = 4
    assert Inner().replace(width=4) == Inner(width=4)
    with pytest.raises(ValidationError):
        Inner().replace(width=0)
    with pytest.raises(ValidationError):
        Inner().replace(wdith=4)


def test_another_default_keeps_bounds_and_description():
    class Wider(Inner):
        width: int = with_default(Inner, "width", 7)

    assert Wider().width == 7
    assert Wider.model_fields["width"].description == "How wide."
    with pytest.raises(ValidationError):
        Wider(width=10)


Override = overriding("Override", Inner, dataset=(str | None, Field(None, description="Which.")))


def test_override_has_every_field_and_none_by_default():
    assert Override().model_dump() == {"dataset": None, "width": None, "rate": None}
    assert Override(dataset="a", width=4).model_dump(exclude_none=True) == {"dataset": "a", "width": 4}


@given(st.integers() | st.none(), st.floats(allow_nan=False) | st.none())
def test_override_has_the_bounds_of_what_it_overrides(width, rate):
    """What an override accepts, the settings themselves accept, and the other way round."""
    values = {"width": width, "rate": rate}
    given_values = {key: value for key, value in values.items() if value is not None}

    def accepts(model):
        try:
            model(**given_values)
        except ValidationError:
            return False
        return True

    assert accepts(Override) == accepts(Inner)
