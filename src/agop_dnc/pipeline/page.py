"""Frame the HTML pages of a run: one short stylesheet, no network, readable on a screen of 420 pixels."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping

# A table or a figure at full size scrolls sideways; a shadow at its edge shows that there is more.
STYLE = """
body { font: 16px/1.5 system-ui, "Liberation Sans", sans-serif; color: #222; max-width: 72rem; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2rem; }
a { color: #0b5c94; } .anchor-link { visibility: hidden; } :hover > .anchor-link { visibility: visible; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; padding: .8rem 0; border-bottom: 1px solid #ddd; font-size: 90%; }
.wide { overflow-x: auto; background: linear-gradient(90deg, #fff 2rem, #fff0) local, linear-gradient(270deg, #fff 2rem, #fff0) right local,
  linear-gradient(90deg, #0003, #0000 .7rem), linear-gradient(270deg, #0003, #0000 .7rem) right; background-repeat: no-repeat;
  background-size: 3rem 100%, 3rem 100%, .7rem 100%, .7rem 100%; margin: .8rem 0; }
table { border-collapse: collapse; font-size: 82%; }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
pre { overflow-x: auto; font-size: 80%; background: #f6f6f6; padding: .6rem; }
math[display="block"] { overflow-x: auto; overflow-y: hidden; margin: .6rem 0; }
details.code > summary { color: #777; font-size: 80%; cursor: pointer; }
.picture { cursor: zoom-in; } .picture input { position: absolute; opacity: 0; } .picture img { max-width: 100%; height: auto; display: block; }
.picture input:checked + img { max-width: none; cursor: zoom-out; } .picture input:focus-visible + img { outline: 2px solid #0b5c94; }
.picture .hint { display: none; color: #777; font-size: 80%; } @media (max-width: 60rem) { .picture .hint { display: inline; } }
.reproduced { background: #bfe3c0; } .not-reproduced { background: #f4b9a7; } .undecided { background: #fbe8b8; } .not-tested { background: #e6e6e6; }
.verdict { display: inline-block; padding: 0 .5rem; margin: .1rem; border-radius: .3rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }
.card { border: 1px solid #ddd; padding: .6rem; text-decoration: none; color: inherit; display: flex; flex-direction: column; }
.card img { width: 100%; height: 10rem; object-fit: contain; }
"""
# The pages of a run lie in one folder with pages.js, which knows them all and puts links above each. In the report, where each page is
# by itself, the file is missing and there are no links.
_LINKS = """
const here = decodeURIComponent(location.pathname.split("/").pop());
const at = PAGES.findIndex(([file]) => file === here);
const nav = document.createElement("nav");
const link = (file, text) => { const a = document.createElement("a"); a.href = file; a.textContent = text; nav.append(a); };
link("index.html", "All figures");
if (at > 0) link(PAGES[at - 1][0], "← " + PAGES[at - 1][1]);
if (at >= 0 && at + 1 < PAGES.length) link(PAGES[at + 1][0], PAGES[at + 1][1] + " →");
link(here.replace(/html$/, "ipynb"), "Notebook (ipynb)");
document.body.prepend(nav);
"""


def head(title: str) -> str:
    """Return the beginning of a page, up to and including the opening tag of its body."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )


def links(pages: Mapping[str, str]) -> str:
    """Return the script pages.js, which puts links to the index, the neighbouring pages and the notebook above a page.

    Args:
        pages: Each page's short title by its file name, in their order.
    """
    return f"const PAGES = {json.dumps(list(pages.items()), ensure_ascii=False)};\n{_LINKS.lstrip()}"
