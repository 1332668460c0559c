"""Build the documentation site's pages from what the repository holds: README, docs, notebooks and figures (`make site`).

MkDocs calls the functions whose names begin with `on_`. Nothing is loaded from another host when the site is built or read.
"""

from __future__ import annotations

import html
import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website.tutorials import execute_once, markdown_of

REPOSITORY = Path(__file__).resolve().parents[1]
# Files of the repository's root that are pages of the site.
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
NAMES = {page: source for source, page in PAGES.items()}
PICTURES = "figures/showcase"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
log = logging.getLogger("mkdocs.hooks.website")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from the repository's root, the showcase's pictures, and the tutorials, executed."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(REPOSITORY / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "style.css", abs_src_path=str(REPOSITORY / "website/style.css")))
    for picture in sorted((REPOSITORY / PICTURES).glob("*/*.png")):
        files.append(File.generated(config, picture.relative_to(REPOSITORY).as_posix(), abs_src_path=str(picture)))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(notebook)
        for name, content in _tutorial(notebook):
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to the repository's files into links of the site; a file that is no page is named and not linked."""
    source = _source(page.file.src_uri)

    def linked(found: re.Match[str]) -> str:
        image, text, link = found.groups()
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link) or not path:
            return found[0]
        file = os.path.normpath(source.parent / path)
        target = _target(file)
        if target is None:
            return f"`{text}`" if "/" in text or "." in text else f"{text} (`{file}`)"
        relative = os.path.relpath(target, PurePosixPath(page.file.src_uri).parent)
        return f"{image}[{text}]({relative}{'#' + anchor if anchor else ''})"

    return LINK.sub(linked, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Draw formulas as MathML, let every table scroll by itself, and link every picture to itself at full size."""
    content = re.sub(
        r'<(span|div) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>',
        lambda found: _formula(html.unescape(found[2]), block=found[1] == "div"),
        content,
        flags=re.DOTALL,
    )
    return re.sub(
        r"<table.*?</table>", lambda found: f'<div class="scrolls">{found[0]}</div>', content, flags=re.DOTALL
    )


def on_post_build(config: MkDocsConfig) -> None:
    """Log the site's size."""
    size = sum(path.stat().st_size for path in Path(config.site_dir).rglob("*") if path.is_file())
    log.info("site: %.1f MB in %s", size / 1e6, config.site_dir)


def _tutorial(file: File) -> Iterator[tuple[str, str | bytes]]:
    """Yield the page of a notebook and its pictures, each with its name in the site."""
    notebook, seconds = execute_once(Path(str(file.abs_src_path)), REPOSITORY)
    log.info("tutorial %s: %.0f s of processor time", file.src_uri, seconds)
    folder, name = PurePosixPath(file.src_uri).parent, PurePosixPath(file.src_uri).stem
    page, pictures = markdown_of(notebook, name)
    title, _, rest = page.partition("\n")
    note = f"This page is the notebook `docs/{file.src_uri}`, which took {max(1, round(seconds))} s of processor time when the site was built."
    yield str(folder / f"{name}.md"), f"{title}\n\n*{note}*\n{rest}"
    for picture, content in pictures.items():
        yield str(folder / picture), content


def _formula(latex: str, block: bool) -> str:
    drawn = str(convert(latex, display="block" if block else "inline"))
    return f'<div class="formula">{drawn}</div>' if block else drawn


def _source(page: str) -> PurePosixPath:
    """Return the path in the repository of what a page is made from."""
    return PurePosixPath(NAMES.get(page, f"docs/{page}"))


def _target(path: str) -> str | None:
    """Return the place in the site of a file of the repository, or None if it has none."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/").replace(".ipynb", ".md")
    return path if path.startswith(f"{PICTURES}/") else None


def on_pre_build(config: MkDocsConfig) -> None:
    """Begin with an empty folder, so that no page of an earlier build is left."""
    shutil.rmtree(config.site_dir, ignore_errors=True)


def on_config(config: MkDocsConfig) -> Any:
    """Show the version of the library."""
    from agop_dnc import __version__

    config.copyright = f"agop-dnc {__version__}"
    return config
