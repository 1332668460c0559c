"""Prepare docstrings for the site: examples become code, references plain names, powers superscripts."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|mod|meth|attr):`[~.]*([\w.]+)`")


_POWER = re.compile(r"`[^`]*`|\^\{([^}]*)\}")


class Docstrings(griffe.Extension):
    """Change the docstrings that Griffe has read, before Markdown is made of them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change one object's docstring."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring with doctests fenced, names in place of Sphinx's roles, and powers raised.

    >>> as_markdown("See :func:`.labels.encode` of X M^{1/2}.")
    'See `encode` of X M<sup>1/2</sup>.'
    """
    lines: list[str] = []
    inside = False
    for line in docstring.splitlines():
        if line.startswith(">>>") and not inside:
            lines += ["", "```pycon"]
            inside = True
        if inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line if inside else _prose(line))
    return "\n".join([*lines, "```"] if inside else lines)


def _prose(line: str) -> str:
    """Return a line with names in place of roles, and with powers raised outside code."""
    line = _ROLE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", line)
    return _POWER.sub(lambda found: found[0] if found[1] is None else f"<sup>{found[1]}</sup>", line)
