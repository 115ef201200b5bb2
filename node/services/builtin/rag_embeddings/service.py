"""The HTTP face of rag-embeddings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from node.program.errors import UserFacingError
from node.program.web import json_response, parse_fields
from node.services.builtin.bodies import FormBody, JsonBody, read_payload, read_text_request, text_request
from node.services.builtin.contract import BuiltinService, Context, Description, Endpoint, Example
from node.services.builtin.rag_embeddings.library import Library, LibraryFull
from node.services.builtin.rag_embeddings.ranking import Index
from node.services.builtin.rag_embeddings.requests import (
    DEFAULT_COLLECTION,
    Collection,
    Documents,
    IndexRequest,
    QueryRequest,
    collection_of,
    entries_of,
    question_of,
)
from node.services.builtin.rag_embeddings.searcher import Found, Searcher
from node.wire.problems import Problem

QUESTION = "Who can apply for a debt relief order?"
DOCUMENT = {
    "id": "dro-1",
    "text": "A debt relief order suits people with little income and few assets.",
    "metadata": {"source": "handbook.pdf", "page": 12},
}

DESCRIPTION = Description(
    service="rag-embeddings",
    title="Retrieval",
    summary="Keeps a library of texts and finds those that fit a question, with BM25. The library stays on this "
    "worker's disk.",
    endpoints=(
        Endpoint(
            method="POST",
            path="/index",
            does="Store documents; one with a known id replaces it.",
            takes=(
                Example(content_type="application/json", body={"documents": [DOCUMENT]}),
                Example(content_type="application/json", body={"texts": ["A first text.", "A second text."]}),
                Example(content_type="application/json", body=DOCUMENT, note="one document"),
                Example(content_type="text/plain", body="One text."),
            ),
            answers={"indexed": 1, "replaced": 0, "ids": ["dro-1"], "collection": "default"},
        ),
        Endpoint(
            method="POST",
            path="/query",
            does="Find the documents that fit a question; GET /query?q=… does the same.",
            takes=(
                Example(content_type="application/json", body={"query": QUESTION, "top_k": 3}),
                Example(
                    content_type="application/json",
                    body={"question": QUESTION, "k": 3, "collection": "handbook"},
                    note="question or q is query, k or limit is top_k, namespace is collection",
                ),
                Example(
                    content_type="application/json",
                    body={"query": QUESTION, "documents": [DOCUMENT]},
                    note="rank these documents only; the library is neither read nor changed",
                ),
                Example(content_type="text/plain", body=QUESTION),
            ),
            answers={
                "query": QUESTION,
                "results": [{**DOCUMENT, "score": 1.23}],
                "count": 1,
                "collection": "default",
                "documents_searched": 1,
            },
        ),
        Endpoint(method="GET", path="/stats", does="Say what the library holds; POST works too."),
        Endpoint(method="GET", path="/documents/{id}", does="Return one document; ?collection= chooses where."),
        Endpoint(method="DELETE", path="/documents/{id}", does="Delete one document; ?collection= chooses where."),
        Endpoint(
            method="POST",
            path="/embed",
            does="Answer 501 `not-configured`: dense vectors need a model, and none is configured on this worker.",
        ),
    ),
    notes=("A question is compared word by word. An empty library answers an empty result.",),
)


class QueryHit(msgspec.Struct, frozen=True):
    """One result of a query."""

    id: str
    score: float
    text: str
    metadata: dict[str, Any]


class RagEmbeddings(BuiltinService):
    """Holds the library and its indexes; all work on them is done in threads."""

    description = DESCRIPTION

    def __init__(self, context: Context, library: Library) -> None:
        self._context = context
        self._library = library
        self._searcher = Searcher(library)

    def routes(self) -> Iterable[web.RouteDef]:
        document = "/documents/{id:.+}"
        return [
            web.post("/index", self.index),
            web.post("/query", self.query),
            web.get("/query", self.query_by_url),
            web.get("/stats", self.stats),
            web.post("/stats", self.stats),
            web.get(document, self.document),
            web.delete(document, self.delete),
            web.post("/embed", self.embed),
        ]

    async def stop(self) -> None:
        self._library.close()

    async def index(self, request: web.Request) -> web.Response:
        asked = await read_index_request(request)
        entries = await self._context.in_thread(entries_of, asked)
        if not entries and asked.documents is None and asked.texts is None:
            detail = "documents: this field is missing. GET /service/rag-embeddings/ shows examples."
            raise Problem("invalid-body", detail, field="documents")
        collection = collection_of(asked)
        try:
            replaced = await self._context.in_thread(self._library.put, collection, entries)
        except LibraryFull as error:
            raise Problem("payload-too-large", str(error)) from None
        ids = [entry.id for entry in entries]
        return json_response({"indexed": len(ids), "replaced": replaced, "ids": ids, "collection": collection})

    async def query(self, request: web.Request) -> web.Response:
        return await self._answer(await read_text_request(request, QueryRequest, "query"))

    async def query_by_url(self, request: web.Request) -> web.Response:
        if not request.query:
            return json_response(self.description)
        return await self._answer(parse_fields(request.query, QueryRequest))

    async def stats(self, _: web.Request) -> web.Response:
        collections = await self._context.in_thread(self._library.stats)
        return json_response(
            {
                "documents": sum(one.documents for one in collections),
                "characters": sum(one.characters for one in collections),
                "collections": collections,
                "method": "bm25",
                "dense_model": None,
            }
        )

    async def document(self, request: web.Request) -> web.Response:
        collection, document_id = _place(request)
        entries = await self._context.in_thread(self._library.get, collection, [document_id])
        if not entries:
            raise Problem("not-found", f"There is no document {document_id!r} in the collection {collection!r}.")
        return json_response(entries[0])

    async def delete(self, request: web.Request) -> web.Response:
        collection, document_id = _place(request)
        if not await self._context.in_thread(self._library.delete, collection, document_id):
            raise Problem("not-found", f"There is no document {document_id!r} in the collection {collection!r}.")
        return json_response({"deleted": document_id, "collection": collection})

    async def embed(self, _: web.Request) -> web.Response:
        text = "No dense model is configured on this worker, so it makes no vectors. /index and /query need none."
        raise Problem("not-configured", text)

    async def _answer(self, asked: QueryRequest) -> web.Response:
        question, collection = question_of(asked), collection_of(asked)
        if asked.documents is not None or asked.texts is not None:
            found, searched = await self._context.in_thread(_rank, asked, question)
        else:
            found, searched = await self._context.in_thread(
                self._searcher.search, collection, question, asked.count
            )
        results = [QueryHit(one.entry.id, one.score, one.entry.text, one.entry.metadata) for one in found]
        return json_response(
            {
                "query": question,
                "results": results,
                "count": len(results),
                "collection": collection,
                "documents_searched": searched,
            }
        )


def _rank(asked: QueryRequest, question: str) -> tuple[list[Found], int]:
    entries = entries_of(asked)
    hits = Index([entry.text for entry in entries]).rank(question, asked.count)
    return [Found(entries[hit.place], hit.score) for hit in hits], len(entries)


async def read_index_request(request: web.Request) -> IndexRequest:
    """Read JSON (an object, or a list of documents), a form, or one text."""
    payload = await read_payload(request)
    if isinstance(payload, JsonBody) and payload.data.lstrip()[:1] == b"[":
        return IndexRequest(documents=payload.parse(Documents))
    if isinstance(payload, JsonBody):
        return payload.parse(IndexRequest)
    upload = next(iter(payload.files), None) if isinstance(payload, FormBody) else payload
    asked = text_request(payload, IndexRequest, "text")
    if upload is not None and upload.filename:
        return msgspec.structs.replace(asked, metadata={"filename": upload.filename})
    return asked


def _place(request: web.Request) -> tuple[str, str]:
    wished = request.query.get("collection") or request.query.get("namespace") or DEFAULT_COLLECTION
    try:
        return msgspec.convert(wished, Collection), request.match_info["id"]
    except msgspec.ValidationError as error:
        raise Problem("invalid-request", f"collection: {error}") from None


def build(context: Context) -> RagEmbeddings:
    """Open the library; raise UserFacingError where it is damaged."""
    path = context.data_dir / "library.db"
    try:
        return RagEmbeddings(context, Library(path))
    except sqlite3.Error as error:
        raise UserFacingError(
            f"The library {path} cannot be opened.",
            f"SQLite says: {error}.",
            "Put a copy in its place, or move it away to begin an empty one.",
        ) from None
