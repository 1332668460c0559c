"""Follow the imports of a job's script.

To hash the code that it runs, so that an edit re-runs exactly the jobs that depend on it; and to import that code early.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

_PACKAGE = "agop_dnc"


def code_of(script: str | Path, source: str | Path) -> str:
    """Return a hash of a script and of all it imports of this library, without docstrings and comments.

    Imports are followed recursively, wherever in a file they stand. The package's own ``__init__.py`` is left out: it only
    says in which modules the public names are. Of a notebook, only what its code cells import is hashed, as the workflow
    treats the notebook itself as an input file.

    Args:
        script: A Python script or a Jupyter notebook.
        source: The folder that holds the package ``agop_dnc``.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.

    Raises:
        ValueError: If an import of this library names no module of it.
    """
    script, source = Path(script), Path(source)
    if script.suffix == ".ipynb":
        used, parts = _imports_of_notebook(script, source), []
    else:
        stripped, used = _parsed(script, source)
        parts = [stripped]
    found: dict[Path, str] = {}
    wanted = list(used)
    while wanted:
        path = wanted.pop()
        if path not in found:
            found[path], more = _parsed(path, source)
            wanted += more
    parts += [f"{path.relative_to(source).as_posix()}\n{found[path]}" for path in sorted(found)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def modules_of(script: str | Path, source: str | Path) -> set[str]:
    """Return the dotted names of the modules of this library that a script imports, directly or not."""
    source = Path(source)
    wanted, found = [Path(script)], set()
    while wanted:
        path = wanted.pop()
        if path not in found:
            found.add(path)
            wanted += _parsed(path, source)[1]
    inside = (path.relative_to(source) for path in found if path.is_relative_to(source))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in inside}


def preload(script: str | Path) -> None:
    """Import what a script imports, wherever in it the import stands, so that copies of this process need not.

    What cannot be parsed or imported is left out: the script itself will fail, and say why.
    """
    try:
        tree = ast.parse(Path(script).read_text(encoding="utf-8"))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                _import(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = _import(node.module)
            for alias in node.names:
                if hasattr(package, "__path__") and not hasattr(package, alias.name):
                    _import(f"{node.module}.{alias.name}")


def _import(name: str) -> ModuleType | None:
    with suppress(Exception, SystemExit):
        return importlib.import_module(name)
    return None


@cache
def _parsed(path: Path, source: Path) -> tuple[str, tuple[Path, ...]]:
    """Return a file's code without docstrings and comments, and the files of the package that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = tuple(_imported(tree, path, source))
    return ast.unparse(_WithoutDocstrings().visit(tree)), used


def _imports_of_notebook(path: Path, source: Path) -> tuple[Path, ...]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return tuple(_imported(ast.parse(code), path, source))


def _imported(tree: ast.AST, path: Path, source: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name.split("."), None, source)
        elif isinstance(node, ast.ImportFrom):
            start = _package_of(path, source)[: -node.level + 1 or None] if node.level else ()
            base = [*start, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield from _files(base, alias.name, source)


def _package_of(path: Path, source: Path) -> tuple[str, ...]:
    return path.parent.relative_to(source).parts if path.is_relative_to(source) else ()


def _files(base: list[str], name: str | None, source: Path) -> Iterator[Path]:
    """Yield the files that ``import base`` or ``from base import name`` runs, those of other packages left out."""
    if not base or base[0] != _PACKAGE:
        return
    for length in range(2, len(base) + 1):
        yield _module(source.joinpath(*base[:length]), ".".join(base))
    if name is not None:
        inner = source.joinpath(*base, name)
        if _exists(inner):
            yield _module(inner, f"{'.'.join(base)}.{name}")
        elif len(base) == 1:
            raise ValueError(f"'{name}' is no module of {_PACKAGE}; import it from the module that defines it")


def _exists(path: Path) -> bool:
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _module(path: Path, name: str) -> Path:
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    raise ValueError(f"there is no module '{name}'")


class _WithoutDocstrings(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
        return node
