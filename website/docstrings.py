"""Prepare docstrings for the site: examples become code, and references to modules plain names."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|mod|meth|attr):`[~.]*([\w.]+)`")


class Docstrings(griffe.Extension):
    """Change the docstrings that Griffe has read, before Markdown is made of them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change one object's docstring."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring with doctests fenced, and with names in place of Sphinx's roles.

    >>> as_markdown("See :func:`.labels.encode`.")
    'See `encode`.'
    """
    lines: list[str] = []
    inside = False
    for line in _ROLE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", docstring).splitlines():
        if line.startswith(">>>") and not inside:
            lines += ["", "```pycon"]
            inside = True
        if inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line)
    return "\n".join([*lines, "```"] if inside else lines)
