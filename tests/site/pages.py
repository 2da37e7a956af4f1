"""Faults that can be found in the text of HTML pages: dead links, and maths not rendered."""

import os
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SILENT = {"script", "style", "code", "pre", "textarea", "annotation"}  # may hold a raw $
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
ADDRESSES = {"href", "src", "poster", "data"}
LOADED = {"img", "script", "link", "iframe", "source", "video", "audio", "object"}
RAW = re.compile(
    r"\$|\\[(\[]|\\(?:begin|frac|sum|partial|mathrm|sqrt|text|hat|left)\b|:(?:math|func|class|ref):`"
)


class Page(HTMLParser):
    """One page, parsed.

    Attributes
    ----------
    ids : set of str
        Ids and names that an anchor can lead to.
    links : list of (str, str)
        Tag and address of everything that the page links to or loads.
    prose : list of str
        The texts that are neither code nor the source of a formula.
    errors : int
        Formulas that KaTeX could not read.
    """

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.prose, self.errors = set(), [], [], 0
        self._open, self._silent = [], 0  # tags, and how many of them are silent
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get(key) for key in ("id", "name")} - {None}
        self.links += [(tag, attributes[key]) for key in ADDRESSES & set(attributes)]
        self.errors += "katex-error" in (attributes.get("class") or "").split()
        if tag not in VOID:
            self._open.append(tag)
            self._silent += tag in SILENT

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        while tag in self._open:
            closed = self._open.pop()  # tags that were left open end here too
            self._silent -= closed in SILENT
            if closed == tag:
                break

    def handle_data(self, text):
        if not self._silent:
            self.prose.append(text)


def read_all(folder):
    """Every page of a site, by its path."""
    files = sorted(Path(folder).resolve().rglob("*.html"))
    return {file: Page(file.read_text("utf-8")) for file in files}


def unrendered(page):
    """Texts of a page in which a formula, or a role of reStructuredText, is not rendered."""
    found = [text.strip()[:120] for text in page.prose if RAW.search(text)]
    return found + ["a formula that KaTeX could not read"] * page.errors


@cache
def target_of(folder, address):
    """The file that a relative address leads to."""
    return Path(os.path.normpath(folder / unquote(address)))


def dead_links(pages, root):
    """Links that lead to a missing file or anchor, or out of the site's folder.

    Addresses with a scheme lead to other sites. Links to them are allowed, but a page must not load
    anything from them.

    Returns
    -------
    list of str
    """
    root, found = Path(root).resolve(), []
    for path, page in pages.items():
        for tag, link in dict.fromkeys(page.links):
            if fault := _fault(pages, root, path, tag, link):
                found.append(f"{path.relative_to(root)}: {link} {fault}")
    return found


def _fault(pages, root, path, tag, link):
    """What is wrong with one link, or an empty text."""
    parts = urlsplit(link)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "would be loaded from elsewhere" if tag in LOADED else ""
    if parts.path.startswith("/"):
        return "is not a relative path, so it does not work from a disk"
    target = target_of(path.parent, parts.path) if parts.path else path
    if not target.is_relative_to(root):
        return "leads out of the site"
    if target not in pages and not target.is_file():
        return "does not exist"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].ids:
        return "names an anchor that its page does not have"
    return ""


def unreached(pages, start):
    """Names of the pages that no chain of links reaches from the first page."""
    left, waiting = set(pages) - {start}, [start]
    while waiting:
        path = waiting.pop()
        addresses = {urlsplit(link) for _, link in pages[path].links}
        linked = {target_of(path.parent, a.path) for a in addresses if not a.scheme}
        waiting += linked & left
        left -= linked
    return sorted(path.name for path in left)
