"""The hash of the code that a job runs: it follows imports of every kind, and ignores what runs nothing."""

import ast
import json

import pytest
from conftest import REPOSITORY

from agop_dnc.pipeline import code

MODULES = {
    "__init__": '"""Says where public names are."""\nPUBLIC = 1\n',
    "a": '"""A."""\nfrom .inner import b\n\nCONSTANT = 1  # a comment\n\n\ndef f():\n    """Return 2."""\n    return 2\n',
    "inner.__init__": "",
    "inner.b": "from ..c import (\n    g,\n    h,\n)\n",
    "inner.d": "def late():\n    from .. import e\n    import agop_dnc.f\n\n    return e, agop_dnc.f\n",
    "c": "def g(): ...\n\n\ndef h(): ...\n",
    "e": "E = 1\n",
    "f": "F = 1\n",
    "unused": "U = 1\n",
}


def forget():
    """Forget all that was read, as a new process has."""
    code._parsed.cache_clear()
    code._file.cache_clear()
    code._KEPT.clear()
    code._USED.clear()


@pytest.fixture(autouse=True)
def _fresh():
    forget()
    yield
    forget()


@pytest.fixture
def tree(tmp_path):
    """A package of some modules and a script that uses them; `hash(**edits)` is that of the script after edits."""
    script, source = tmp_path / "script.py", tmp_path / "src"
    script.write_text(
        "from job import job\n\nwith job(snakemake):\n    from agop_dnc import a\n    from agop_dnc.inner import d\n"
    )
    contents = dict(MODULES)

    def hashed(**edits):
        if "script" in edits:
            script.write_text(edits.pop("script"))
        contents.update({name.replace("__", "."): text for name, text in edits.items()})
        for name, text in contents.items():
            path = source / "agop_dnc" / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        code._parsed.cache_clear()
        code._file.cache_clear()
        return code.code_of(script, source)

    hashed.script, hashed.source = script, source
    return hashed


def test_imports_are_followed_wherever_they_stand(tree):
    tree()
    assert code.modules_of(tree.script, tree.source) == {
        f"agop_dnc.{name}" for name in ("a", "inner", "inner.b", "inner.d", "c", "e", "f")
    }


@pytest.mark.parametrize("module", ["a", "inner__b", "inner__d", "c", "e", "f"])
def test_edit_of_whatever_is_imported_changes_the_hash(tree, module):
    """Absolutely or relatively, inside a function, several names over lines, directly or not."""
    before = tree()
    assert tree(**{module: MODULES[module.replace("__", ".")] + "\nNEW = 1\n"}) != before


def test_edit_of_what_is_not_imported_changes_nothing(tree):
    before = tree()
    assert tree(unused="U = 2\n") == before
    assert code.code_of(tree.script, tree.source) == before


def test_packages_own_init_is_ignored(tree):
    before = tree()
    (tree.source / "agop_dnc" / "__init__.py").write_text("PUBLIC = 2\n")
    code._parsed.cache_clear()
    assert code.code_of(tree.script, tree.source) == before


def test_edited_docstring_or_comment_changes_nothing(tree):
    before = tree()
    edited = (
        MODULES["a"].replace('"""A."""', '"""Another."""').replace("a comment", "another").replace("Return 2.", "Two.")
    )
    assert edited != MODULES["a"]
    assert tree(a=edited) == before
    assert tree(script=f'"""Now with a docstring."""\n# and a comment\n{tree.script.read_text()}') == before


@pytest.mark.parametrize(("old", "new"), [("CONSTANT = 1", "CONSTANT = 2"), ("return 2", "return 3")])
def test_edited_constant_changes_the_hash(tree, old, new):
    before = tree()
    assert tree(a=MODULES["a"].replace(old, new)) != before


def test_text_that_is_no_docstring_is_code(tree):
    before = tree(a='"""A."""\nX = """text"""\n')
    assert tree(a='"""A."""\nX = """other"""\n') != before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from agop_dnc import nothing", "'nothing' is no module of agop_dnc"),
        ("import agop_dnc.nothing", "there is no module 'agop_dnc.nothing'"),
        ("from agop_dnc.nothing import x", "there is no module 'agop_dnc.nothing'"),
    ],
)
def test_import_of_no_module_is_an_error(tree, line, said):
    with pytest.raises(ValueError, match=said):
        tree(script=f"{line}\n")


def test_relative_import_of_no_module_is_an_error(tree):
    with pytest.raises(ValueError, match=r"there is no module 'agop_dnc\.gone'"):
        tree(a="from .gone import x\n")


def test_other_packages_are_ignored(tree):
    before = tree()
    script = tree.script.read_text()
    assert tree(script=script + "import numpy.linalg\n") != before  # the script itself is another
    assert code.modules_of(tree.script, tree.source) == {
        f"agop_dnc.{name}" for name in ("a", "inner", "inner.b", "inner.d", "c", "e", "f")
    }


def test_notebook_counts_by_what_its_code_cells_import(tree, tmp_path):
    tree()

    def hashed(*cells):
        cells = [{"cell_type": kind, "source": source.splitlines(keepends=True)} for kind, source in cells]
        (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
        code._parsed.cache_clear()
        return code.code_of(tmp_path / "n.ipynb", tree.source)

    one = hashed(("markdown", "from agop_dnc import unused"), ("code", "from agop_dnc import e\nprint(1)"))
    # The notebook itself is an input file of its rule.
    assert hashed(("code", "from agop_dnc import e\nprint(2)")) == one
    assert hashed(("code", "from agop_dnc import e, f\n")) != one
    (tree.source / "agop_dnc" / "e.py").write_text("E = 2\n")
    assert hashed(("code", "from agop_dnc import e\nprint(1)")) != one


@pytest.fixture
def process(tree, tmp_path, monkeypatch):
    """Hash the script as a new process that remembers: its hash, and how many texts it parsed."""

    def start(**edits):
        ends, parsed = [], []
        monkeypatch.setattr(code.atexit, "register", ends.append)
        monkeypatch.setattr(code.ast, "parse", lambda text, parse=ast.parse: parsed.append(text) or parse(text))
        forget()
        code.remember(tmp_path / "kept" / "code")
        hashed = tree(**edits)
        for end in ends:
            end()
        monkeypatch.undo()
        return hashed, len(parsed)

    return start


def test_only_what_was_edited_is_parsed_by_the_next_process(process):
    first, parsed = process()
    assert parsed == 8  # the script, and the seven modules that it uses
    assert process() == (first, 0)
    edited, parsed = process(e="E = 2\n")
    assert edited != first
    assert parsed == 1
    assert process() == (edited, 0)
    again, parsed = process(e="E = 1\n")
    assert (again, parsed) == (first, 1)  # what is no longer used is no longer kept


def test_imports_that_were_kept_are_followed_again(process, tree):
    """What a name stands for depends on which files there are."""
    first, _ = process(script="from agop_dnc.inner import d, new\n")
    second, parsed = process(**{"inner__new": "NEW = 1\n"})
    assert second != first
    assert parsed == 1


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "null", '{"code": {}}', '{"reader": "another", "code": {"a": 1}}'],
)
def test_what_another_version_kept_or_is_damaged_is_ignored(process, tmp_path, damage):
    first, _ = process()
    (tmp_path / "kept" / "code").write_text(damage)
    assert process() == (first, 8)
    assert process() == (first, 0)


def test_what_cannot_be_kept_is_parsed_again(process, tmp_path):
    (tmp_path / "kept").write_text("a file where the folder would be")
    first = process()
    assert process() == first


SCRIPTS = sorted(path for path in (REPOSITORY / "workflow" / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_script_depends_on_a_declaration(script):
    """So that an edited caption or tolerance re-runs no job."""
    used = code.modules_of(script, REPOSITORY / "src")
    assert not {
        name for name in used if name.startswith("agop_dnc.studies.") and name.endswith((".study", ".checks"))
    } - {
        "agop_dnc.studies.feature_kernel.claims"  # of numbers
    }
    assert not {"agop_dnc.studies.declaration", "agop_dnc.studies.all"} & used


@pytest.mark.parametrize("notebook", sorted((REPOSITORY / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_notebook_depends_on_a_declaration(notebook):
    wanted = list(code._imports_of_notebook(notebook, REPOSITORY / "src"))
    used = set()
    while wanted:
        path = wanted.pop()
        if path not in used:
            used.add(path)
            wanted += code._parsed(path, REPOSITORY / "src")[1]
    assert not {path.name for path in used} & {"study.py", "declaration.py", "all.py"}


def test_all_scripts_parse_each_file_once():
    for script in SCRIPTS:
        code.code_of(script, REPOSITORY / "src")
    parsed = code._parsed.cache_info()
    files = len(list((REPOSITORY / "src").rglob("*.py"))) + len(SCRIPTS)
    assert parsed.misses <= files
    assert parsed.hits > 0


def test_what_cannot_be_parsed_or_imported_is_left_to_the_script_itself(tmp_path):
    script = tmp_path / "script.py"
    for text in ("def broken(:", "import no_such_module\nfrom os import no_such_name"):
        script.write_text(text)
        code.preload(script)
