"""Follow the imports of a job's script.

To hash the code that it runs, so that an edit re-runs exactly the jobs that depend on it; and to import that code early.
"""

from __future__ import annotations

import ast
import atexit
import hashlib
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from ..files import locked, write_text

_PACKAGE = "agop_dnc"

# An import: the dots before it, the module, and the name that is taken from it, if any.
_Import = tuple[int, str, str | None]
# What is extracted from code: its hash, and its imports.
_Read = tuple[str, list[_Import]]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# The version of the code that extracts.
_READER = _digest(sys.version + Path(__file__).read_text(encoding="utf-8"))


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
        digest, used = _parsed(script, source)
        parts = [digest]
    found: dict[Path, str] = {}
    wanted = list(used)
    while wanted:
        path = wanted.pop()
        if path not in found:
            found[path], more = _parsed(path, source)
            wanted += more
    parts += [f"{path.relative_to(source).as_posix()} {found[path]}" for path in sorted(found)]
    return _digest("\n".join(parts))[:16]


def remember(file: str | Path) -> None:
    """Keep in a file what is extracted from Python code, so that the next process parses only what was edited.

    Parsing the whole library takes a second, and Snakemake reads the rules each time it starts. What was extracted is
    found again by the hash of a file's text, and counts only for this version of this module and of Python. A file that is
    damaged or cannot be written is ignored.
    """
    file = Path(file)
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["reader"] == _READER:
            _KEPT.update(kept["code"])
    old = set(_KEPT)

    def save() -> None:
        if _USED.keys() - old:
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                with locked(file.with_name(f"{file.name}.lock")):
                    write_text(file, json.dumps({"reader": _READER, "code": _USED}))

    atexit.register(save)


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


# What was extracted from code, by the hash of its text: in an earlier process, and in this one.
_KEPT: dict[str, _Read] = {}
_USED: dict[str, _Read] = {}


@cache
def _parsed(path: Path, source: Path) -> tuple[str, tuple[Path, ...]]:
    """Return the hash of a file's code without docstrings and comments, and the files of the package that it imports."""
    digest, imports = _read(path.read_text(encoding="utf-8"))
    return digest, tuple(_imported(imports, path, source))


def _read(text: str) -> _Read:
    """Return what was extracted from code before, or extract it."""
    key = _digest(text)
    if key not in _USED:
        _USED[key] = _KEPT[key] if key in _KEPT else _extract(text)
    return _USED[key]


def _extract(text: str) -> _Read:
    """Parse code, and return its hash and its imports."""
    tree = ast.parse(text)
    imports = list(_imports(tree))
    return _digest(ast.unparse(_WithoutDocstrings().visit(tree))), imports


def _imports_of_notebook(path: Path, source: Path) -> tuple[Path, ...]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return tuple(_imported(_read(code)[1], path, source))


def _imports(tree: ast.AST) -> Iterator[_Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.level, node.module or "", alias.name


def _imported(imports: list[_Import], path: Path, source: Path) -> Iterator[Path]:
    for level, module, name in imports:
        start = _package_of(path, source)[: -level + 1 or None] if level else ()
        yield from _files([*start, *filter(None, module.split("."))], name, source)


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
        if _file(inner) is not None:
            yield _module(inner, f"{'.'.join(base)}.{name}")
        elif len(base) == 1:
            raise ValueError(f"'{name}' is no module of {_PACKAGE}; import it from the module that defines it")


def _module(path: Path, name: str) -> Path:
    file = _file(path)
    if file is None:
        raise ValueError(f"there is no module '{name}'")
    return file


@cache
def _file(path: Path) -> Path | None:
    """Return the file of a module or package, if there is one."""
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


class _WithoutDocstrings(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
        return node
