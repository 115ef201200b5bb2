"""The HTTP face of document-processing."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec
from aiohttp import web

from node.services.builtin.bodies import read_payload
from node.services.builtin.contract import BuiltinService, Context, Description, Endpoint, Example
from node.services.builtin.document_processing.documents import Document, DocumentError, NotReadError
from node.services.builtin.document_processing.readers import Readers
from node.services.builtin.document_processing.uploads import find_document
from node.wire.problems import Problem

MAX_READERS = 2
AGAIN = "5"  # seconds after which a busy machine may be asked again

DESCRIPTION = Description(
    service="document-processing",
    title="Document processing",
    summary="Reads PDF, HTML and plain text: text per page, page count and metadata. It keeps nothing.",
    endpoints=(
        Endpoint(
            method="POST",
            path="/extract",
            does="Return the text and metadata of one document.",
            takes=(
                Example(content_type="application/pdf", body="the PDF's bytes", note="or octet-stream"),
                Example(content_type="multipart/form-data", body="one file, any field", note="FormData"),
                Example(
                    content_type="application/json",
                    body={"content": "JVBERi0xLjQK…", "filename": "letter.pdf"},
                    note="base64 or a data: URL, in content, data, file, pdf, document or base64",
                ),
                Example(content_type="application/json", body={"text": "Dear Ms Hale, …"}),
                Example(content_type="application/json", body={"html": "<p>Dear Ms Hale, …</p>"}),
                Example(content_type="text/plain", body="Dear Ms Hale, …"),
                Example(content_type="text/html", body="<p>Dear Ms Hale, …</p>"),
            ),
            answers={
                "filename": "letter.pdf",
                "content_type": "application/pdf",
                "page_count": 1,
                "pages": [{"number": 1, "text": "Dear Ms Hale, …", "characters": 15}],
                "text": "Dear Ms Hale, …",
                "metadata": {"title": "Your account", "author": "Northmoor Finance", "created": "2025-03-12"},
                "warnings": ["No text on page 2: if it is a scan, the service vision-ocr can read it."],
            },
        ),
    ),
    notes=(
        "A document that is broken, cut off, encrypted, empty or too complex is 422 `unprocessable-document`; "
        "`reason` is one of broken, truncated, encrypted, empty, not-a-pdf, not-text, too-complex.",
        "Another content type is 415, a body that is too large 413.",
        "503 `overloaded` says nothing about the document: the machine did not come to read it in time.",
    ),
)


class DocumentProcessing(BuiltinService):
    """Hands each document to a helper process, so that none can harm this one."""

    description = DESCRIPTION

    def __init__(self, context: Context, readers: Readers) -> None:
        self._context = context
        self._readers = readers

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.post("/extract", self.extract)]

    async def start(self) -> None:
        await self._readers.start()

    async def stop(self) -> None:
        await self._readers.stop()

    async def extract(self, request: web.Request) -> web.Response:
        payload = await read_payload(request)
        submission = await self._context.in_thread(find_document, payload)
        try:
            document = await self._readers.read(submission.job)
        except DocumentError as error:
            raise Problem("unprocessable-document", error.reason, reason=error.code) from None
        except NotReadError as error:
            raise Problem("overloaded", str(error), headers={"Retry-After": AGAIN}) from None
        body = await self._context.in_thread(_encode, document, submission.filename)
        return web.Response(body=body, content_type="application/json")


def _encode(document: Document, filename: str | None) -> bytes:
    answer = {"filename": filename} if filename else {}
    return msgspec.json.encode({**answer, **msgspec.structs.asdict(document)})


def build(context: Context) -> DocumentProcessing:
    return DocumentProcessing(context, Readers(min(MAX_READERS, os.cpu_count() or 1)))
