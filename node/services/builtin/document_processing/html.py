"""Reads HTML: its visible text with line breaks where a browser makes them, and its metadata."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from node.services.builtin.bodies import decode_text
from node.services.builtin.document_processing.documents import Document, DocumentError, make_document
from node.services.builtin.document_processing.pdf import clean

CONTENT_TYPE = "text/html"
HIDDEN = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "title"})
BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
        "section", "table", "tr", "ul",
    }
)  # fmt: skip
CELLS = frozenset({"td", "th"})
METADATA = {"author": "author", "description": "subject", "keywords": "keywords", "generator": "creator"}
CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
WHITE_SPACE = re.compile(r"[ \t\r\n\f]+")
HEAD = 2048  # bytes in which a page may name its charset


def read_html(data: bytes, charset: str | None) -> Document:
    """Return the visible text as one page; raise DocumentError for an empty body."""
    if not data.strip():
        raise DocumentError("empty", "The document is empty: no bytes arrived.")
    parser = VisibleText()
    parser.feed(decode_text(data, charset or _named_charset(data)))
    parser.close()
    text = tidy("".join(parser.visible))
    metadata = dict(parser.metadata)
    title = tidy("".join(parser.title))[:1000]
    if title:
        metadata["title"] = title
    return make_document(CONTENT_TYPE, [text], metadata, [] if text else ["The page has no visible text."])


class VisibleText(HTMLParser):
    """Collects what a reader of the page would see, in one pass however deep its elements nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.visible: list[str] = []
        self.title: list[str] = []
        self.metadata: dict[str, str] = {}
        self._hidden_in = ""
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            self._take_metadata({name: value or "" for name, value in attrs})
        elif tag in HIDDEN and not self._hidden_in:
            self._hidden_in = tag
        self._preformatted += tag == "pre"
        self._separate(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden_in:
            self._hidden_in = ""
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        if self._hidden_in == "title":
            self.title.append(data)
        elif not self._hidden_in:
            self.visible.append(data if self._preformatted else WHITE_SPACE.sub(" ", data))

    def _separate(self, tag: str) -> None:
        if tag in BLOCKS:
            self.visible.append("\n")
        elif tag in CELLS:
            self.visible.append("\t")

    def _take_metadata(self, attributes: dict[str, str]) -> None:
        name = METADATA.get(attributes.get("name", "").lower())
        content = tidy(attributes.get("content", ""))[:1000]
        if name and content:
            self.metadata.setdefault(name, content)


def tidy(text: str) -> str:
    """Collapse white space as a browser does, and empty lines to one."""
    lines = [" ".join(line.replace("\xa0", " ").split()) for line in clean(text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _named_charset(data: bytes) -> str | None:
    match = CHARSET.search(data[:HEAD])
    return match.group(1).decode("ascii") if match else None
