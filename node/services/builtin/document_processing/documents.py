"""What a document is before and after it was read."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["pdf", "html", "plain"]

MAX_PAGES = 2_000
MAX_CHARACTERS = 20_000_000


class DocumentError(Exception):
    """Why a document cannot be read, in plain words for whoever sent it; `code` is stable."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class NotReadError(Exception):
    """Why a document was not read here and now, which is no fault of its own; in plain words."""


class Page(msgspec.Struct, frozen=True):
    """One page's text; `characters` counts it."""

    number: int
    text: str
    characters: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was read. `text` is all pages, with an empty line between them."""

    content_type: str
    page_count: int
    pages: tuple[Page, ...]
    text: str
    metadata: dict[str, str] = {}
    warnings: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """What a reader says in place of a document."""

    code: str
    reason: str


class Success(msgspec.Struct, frozen=True, tag="success"):
    """What a reader says when it could read."""

    document: Document


class Job(msgspec.Struct, frozen=True):
    """What a reader is asked to read."""

    kind: Kind
    data: bytes
    charset: str | None = None


def make_document(content_type: str, texts: list[str], metadata: dict[str, str], warnings: list[str]) -> Document:
    """Join numbered pages to a document; cut what is beyond all measure and say so."""
    pages: list[Page] = []
    room = MAX_CHARACTERS
    for number, text in enumerate(texts[:MAX_PAGES], 1):
        kept = text[:room]
        room -= len(kept)
        pages.append(Page(number, kept, len(kept)))
        if len(kept) < len(text):
            warnings.append(f"The text was cut after {MAX_CHARACTERS} characters, on page {number}.")
            break
    if len(texts) > MAX_PAGES:
        warnings.append(f"Only the first {MAX_PAGES} pages were read.")
    return Document(
        content_type=content_type,
        page_count=len(texts),
        pages=tuple(pages),
        text="\n\n".join(page.text for page in pages if page.text),
        metadata=metadata,
        warnings=tuple(warnings),
    )
