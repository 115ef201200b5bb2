"""Reads plain text; a form feed begins a new page."""

from __future__ import annotations

from node.services.builtin.bodies import decode_text
from node.services.builtin.document_processing.documents import Document, DocumentError, make_document
from node.services.builtin.document_processing.pdf import clean

CONTENT_TYPE = "text/plain"


def read_plain(data: bytes, charset: str | None) -> Document:
    """Return the text page by page; raise DocumentError for an empty or binary body."""
    if not data.strip():
        raise DocumentError("empty", "The document is empty: no text arrived.")
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")) and not _is_wide(charset):
        raise DocumentError("not-text", "This is not text: it has bytes that no text has.")
    pages = [clean(page) for page in decode_text(data, charset).split("\f")]
    return make_document(CONTENT_TYPE, pages, {}, [])


def _is_wide(charset: str | None) -> bool:
    return charset is not None and charset.lower().startswith(("utf-16", "utf-32", "utf16", "utf32"))
