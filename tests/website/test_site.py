"""The documentation site, as `make site` builds it, in a browser."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import REPOSITORY

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# What reaches beyond the right edge although nothing that scrolls by itself is around it.
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory, tutorials):
    """Return the site's folder: the one that AGOP_DNC_SITE names, or a new one."""
    if "AGOP_DNC_SITE" in os.environ:
        return REPOSITORY / os.environ["AGOP_DNC_SITE"]
    pytest.importorskip("mkdocs", reason="MkDocs is not installed: the site was not built")
    folder = tmp_path_factory.mktemp("site") / "site"
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'src'}", "NO_MKDOCS_2_WARNING": "1"}
    environment["AGOP_DNC_TUTORIALS"] = str(tutorials)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return sorted(path for path in site.rglob("*.html") if path.name != "404.html")


@pytest.fixture(scope="module")
def address(site):
    """Serve the site on this machine."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the site was not opened in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def test_site_has_a_page_for_every_source(site):
    sources = {
        path.relative_to(REPOSITORY / "docs").with_suffix(".html") for path in (REPOSITORY / "docs").rglob("*.md")
    }
    sources |= {
        path.relative_to(REPOSITORY / "docs").with_suffix(".html") for path in (REPOSITORY / "docs").rglob("*.ipynb")
    }
    sources |= {Path(name) for name in ("index.html", "contributing.html", "changelog.html")}
    assert {path for path in sources if not (site / path).is_file()} == set()


def test_every_link_and_picture_leads_to_something(site, pages):
    broken = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append((page.name, link))
            elif parts.fragment and target.suffix == ".html":
                wanted = re.escape(unquote(parts.fragment))
                if not re.search(rf'id="{wanted}"', target.read_text(encoding="utf-8")):
                    broken.append((page.name, link))
    assert broken == []


def test_nothing_is_fetched_from_another_host(pages):
    fetched = [
        (page.name, found)
        for page in pages
        for found in re.findall(
            r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text("utf-8")
        )
    ]
    assert fetched == []


def test_no_formula_and_no_role_is_left_as_source(pages):
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert 'class="arithmatex"' not in text, page.name
        assert not re.search(r":(?:func|class|mod):<code>", text), page.name
    mathematics = next(page for page in pages if page.name == "mathematics.html").read_text(encoding="utf-8")
    assert mathematics.count("<math") > 40


def test_every_public_name_has_its_entry(site):
    import agop_dnc

    text = (site / "api.html").read_text(encoding="utf-8")
    for name in set(agop_dnc.__all__) - {"__version__"}:
        assert re.search(rf'id="agop_dnc\.[\w.]*\b{name}"', text), name


@pytest.mark.parametrize("width", [1400, 420])
def test_pages_fit_the_screen_without_errors_or_requests_elsewhere(site, pages, address, chromium, width):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    errors, requests, wide = [], [], {}
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    for path in pages:
        name = path.relative_to(site).as_posix()
        page.goto(f"{address}/{name}", wait_until="networkidle")
        assert page.locator("h1").first.is_visible(), name
        if (overflow := page.evaluate(OVERFLOW)) > 0:
            wide[name] = overflow
        unseen = page.evaluate(
            "() => [...document.images].filter((i) => !(i.complete && i.naturalWidth)).map((i) => i.src)"
        )
        assert unseen == [], name
    page.close()
    assert wide == {}
    assert errors == []
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []


def test_search_finds_a_word(address, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(f"{address}/index.html", wait_until="networkidle")
    page.locator("input.md-search__input").click()
    page.keyboard.type("glossary")
    page.locator(".md-search-result__link", has_text="Glossary").first.wait_for(timeout=20000)
    page.close()


def test_docstrings_become_markdown():
    pytest.importorskip("griffe", reason="mkdocstrings is not installed")
    from website.docstrings import as_markdown

    found = as_markdown("See :class:`.a.B` of M^{1/2}, `M^{1/2}`.\n\n>>> 2**2\n4\n\nEnd.")
    assert found == "See `B` of M<sup>1/2</sup>, `M^{1/2}`.\n\n\n```pycon\n>>> 2**2\n4\n```\n\nEnd."
