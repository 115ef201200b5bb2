"""Reads HTML: its visible text with line breaks where a browser makes them, and its metadata."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

from node.services.builtin.document_processing.documents import Document, DocumentError, make_document
from node.services.builtin.document_processing.pdf import clean

CONTENT_TYPE = "text/html"
HIDDEN = ["script", "style", "template", "noscript", "head", "iframe", "object", "svg"]
BLOCKS = [
    "address", "article", "aside", "blockquote", "caption", "dd", "div", "dl", "dt", "fieldset", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
    "table", "tr", "ul",
]  # fmt: skip
CELLS = ["td", "th"]
METADATA = {"author": "author", "description": "subject", "keywords": "keywords", "generator": "creator"}


def read_html(data: bytes, charset: str | None) -> Document:
    """Return the visible text as one page; raise DocumentError for an empty body."""
    if not data.strip():
        raise DocumentError("empty", "The document is empty: no bytes arrived.")
    soup = BeautifulSoup(data, "html.parser", from_encoding=charset)
    metadata = _metadata(soup)
    for tag in soup.find_all(HIDDEN):
        tag.extract()
    for tag in soup.find_all("br"):
        tag.replace_with("\n")
    _set_apart(soup, BLOCKS, "\n")
    _set_apart(soup, CELLS, "\t")
    warnings = [] if soup.get_text(strip=True) else ["The page has no visible text."]
    return make_document(CONTENT_TYPE, [_tidy(soup.get_text())], metadata, warnings)


def _set_apart(soup: BeautifulSoup, names: list[str], separator: str) -> None:
    for tag in soup.find_all(names):
        tag.insert_before(separator)
        tag.insert_after(separator)


def _tidy(text: str) -> str:
    lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in clean(text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _metadata(soup: BeautifulSoup) -> dict[str, str]:
    found: dict[str, str] = {}
    if soup.title is not None and soup.title.get_text(strip=True):
        found["title"] = _tidy(soup.title.get_text())[:1000]
    for tag in soup.find_all("meta"):
        name = METADATA.get(_attribute(tag, "name").lower())
        content = _tidy(_attribute(tag, "content"))[:1000]
        if name and content:
            found.setdefault(name, content)
    return found


def _attribute(tag: Tag, name: str) -> str:
    value = tag.get(name)
    return value if isinstance(value, str) else ""
