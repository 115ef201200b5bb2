"""What callers of rag-embeddings send, under the names that they use for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from node.services.builtin.rag_embeddings.library import Entry
from node.wire.problems import Problem

DEFAULT_COLLECTION = "default"
DEFAULT_COUNT = 5
MAX_COUNT = 100
MAX_BATCH = 10_000
MAX_TEXT = 1_000_000  # characters of one document
MAX_ID = 200

Collection = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNT)]
Question = Annotated[str, msgspec.Meta(max_length=10_000)]


class DocumentIn(msgspec.Struct, frozen=True, kw_only=True):
    """One document; without an id it gets one that is made from its text."""

    id: str | int | None = None
    text: str | None = None
    content: str | None = None  # other names for text
    page_content: str | None = None
    metadata: dict[str, Any] | None = None


Documents = Annotated[tuple[DocumentIn | str, ...], msgspec.Meta(max_length=MAX_BATCH)]


class IndexRequest(DocumentIn, frozen=True, kw_only=True):
    """POST /index: several documents, several texts, or one document."""

    documents: Documents | None = None
    texts: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_BATCH)] | None = None
    namespace: Collection | None = None
    collection: Collection | None = None


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /query; with `documents` or `texts` only those are ranked, and nothing is stored."""

    query: Question | None = None
    question: Question | None = None
    q: Question | None = None
    text: Question | None = None
    top_k: Count | None = None
    k: Count | None = None
    limit: Count | None = None
    namespace: Collection | None = None
    collection: Collection | None = None
    documents: Documents | None = None
    texts: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_BATCH)] | None = None

    @property
    def count(self) -> int:
        return self.top_k or self.k or self.limit or DEFAULT_COUNT


def collection_of(request: IndexRequest | QueryRequest) -> str:
    return request.collection or request.namespace or DEFAULT_COLLECTION


def question_of(request: QueryRequest) -> str:
    """Return the question; raise a 422 Problem where there is none."""
    asked = (request.query, request.question, request.q, request.text)
    question = next((text for text in asked if text is not None), None)
    if question is None:
        detail = "query: this field is missing. GET /service/rag-embeddings/ shows examples."
        raise Problem("invalid-body", detail, field="query")
    return question


def entries_of(request: IndexRequest | QueryRequest) -> list[Entry]:
    """Return all documents of a request; raise a 422 Problem that names the one that cannot be taken."""
    documents: Sequence[DocumentIn | str] = request.documents or ()
    entries = [_entry(document, f"documents[{place}]") for place, document in enumerate(documents)]
    entries += [_entry(text, f"texts[{place}]") for place, text in enumerate(request.texts or ())]
    if isinstance(request, IndexRequest) and _text(request) is not None:
        entries.append(_entry(request, ""))
    return entries


def _entry(document: DocumentIn | str, path: str) -> Entry:
    if isinstance(document, str):
        document = DocumentIn(text=document)
    field = f"{path}.text".lstrip(".")
    text = _text(document)
    if text is None or not text.strip():
        raise Problem("invalid-body", f"{field}: a document needs a text that is not empty.", field=field)
    if len(text) > MAX_TEXT:
        detail = f"{field}: a document has {len(text)} characters; {MAX_TEXT} are taken. Send it in parts."
        raise Problem("payload-too-large", detail, field=field)
    document_id = str(document.id) if document.id is not None else _made_id(text)
    if not 0 < len(document_id) <= MAX_ID:
        field = f"{path}.id".lstrip(".")
        raise Problem("invalid-body", f"{field}: an id has 1 to {MAX_ID} characters.", field=field)
    return Entry(document_id, text, _storable(document.metadata or {}, f"{path}.metadata".lstrip(".")))


def _storable(metadata: dict[str, Any], field: str) -> dict[str, Any]:
    """Refuse what JSON can say and the library cannot keep: whole numbers of more than 64 bits."""
    try:
        msgspec.msgpack.encode(metadata)
    except OverflowError:
        raise Problem("invalid-body", f"{field}: a number in it is too large.", field=field) from None
    return metadata


def _text(document: DocumentIn) -> str | None:
    texts = (document.text, document.content, document.page_content)
    return next((text for text in texts if text is not None), None)


def _made_id(text: str) -> str:
    """Make the same id for the same text, so that sending it again does not double it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
