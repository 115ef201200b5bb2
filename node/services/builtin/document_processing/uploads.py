"""Finds the document in a request: raw bodies, forms, and JSON with base64, text or HTML."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

import msgspec

from node.services.builtin.bodies import FormBody, JsonBody, Upload, filename_of
from node.services.builtin.document_processing.documents import Job, Kind
from node.wire.problems import Problem

PDF_TYPES = frozenset({"application/pdf", "application/x-pdf", "application/acrobat"})
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
UNNAMED_TYPES = frozenset({"application/octet-stream", "binary/octet-stream", ""})
BASE64_FIELDS = ("content", "data", "file", "pdf", "document", "base64")
DATA_URL = re.compile(r"^data:([a-zA-Z0-9.+/-]*)((?:;[a-zA-Z0-9=._-]+)*),")


@dataclass(frozen=True, slots=True)
class Submission:
    """A document to be read and the name that it came with."""

    job: Job
    filename: str | None = None


class ExtractRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body of POST /extract: one document in one of these fields."""

    content: str | None = None
    data: str | None = None
    file: str | None = None
    pdf: str | None = None
    document: str | None = None
    base64: str | None = None
    text: str | None = None
    html: str | None = None
    url: str | None = None
    filename: str | None = None
    name: str | None = None
    content_type: str | None = None
    mime_type: str | None = None


def find_document(payload: JsonBody | FormBody | Upload) -> Submission:
    """Return the one document of a request; raise a Problem that says what is taken."""
    if isinstance(payload, Upload):
        return from_upload(payload)
    if isinstance(payload, FormBody) and payload.files:
        if len(payload.files) > 1:
            raise Problem("invalid-body", f"The form has {len(payload.files)} files; send one file a request.")
        wished = filename_of(payload.fields.get("filename"))
        return from_upload(payload.files[0], wished)
    return from_fields(payload.parse(ExtractRequest))


def from_upload(upload: Upload, filename: str | None = None) -> Submission:
    kind = kind_of(upload.data, upload.content_type)
    return Submission(Job(kind, upload.data, upload.charset), filename or upload.filename)


def from_fields(request: ExtractRequest) -> Submission:
    filename = filename_of(request.filename or request.name)
    if request.text is not None:
        return Submission(Job("plain", request.text.encode("utf-8", "replace"), "utf-8"), filename)
    if request.html is not None:
        return Submission(Job("html", request.html.encode("utf-8", "replace"), "utf-8"), filename)
    for field in BASE64_FIELDS:
        value: str | None = getattr(request, field)
        if value is not None:
            data, said = decode_base64(value, field)
            declared = "application/pdf" if field == "pdf" else request.content_type or request.mime_type or said
            return Submission(Job(kind_of(data, declared or ""), data), filename)
    if request.url is not None:
        text = "This service fetches nothing from the network. Send the file itself."
        raise Problem("invalid-body", text, field="url")
    text = (
        "There is no document: send a PDF as base64 in `content`, or `text`, or `html`. "
        "GET /service/document-processing/ shows examples."
    )
    raise Problem("invalid-body", text, field="content")


def decode_base64(value: str, field: str) -> tuple[bytes, str]:
    """Return the bytes of base64 or of a data URL, and the content type that the latter says; raise a Problem."""
    said = ""
    match = DATA_URL.match(value[:256])
    if match is not None:
        said, parameters = match.group(1), match.group(2)
        if "base64" not in parameters:
            raise Problem("invalid-body", f"{field}: the data URL is not base64.", field=field)
        value = value[match.end() :]
    letters = re.sub(r"\s+", "", value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        data = base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError):
        text = f"{field}: this is not base64. Send plain text in the field `text`."
        raise Problem("invalid-body", text, field=field) from None
    return data, said


def kind_of(data: bytes, content_type: str) -> Kind:
    """Say how to read the bytes: by their type where one is given, else by how they begin; raise a 415 Problem."""
    declared = content_type.partition(";")[0].strip().lower()
    if declared in PDF_TYPES:
        return "pdf"
    if declared in HTML_TYPES:
        return "html"
    if declared.startswith("text/"):
        return "plain"
    if declared in UNNAMED_TYPES:
        return _guess(data)
    hint = " The service vision-ocr reads pictures." if declared.startswith("image/") else ""
    text = f"{declared} is not taken here; send application/pdf, text/plain, text/html or JSON.{hint}"
    raise Problem("unsupported-media-type", text)


def _guess(data: bytes) -> Kind:
    head = data[:1024]
    if b"%PDF-" in head or not data:
        return "pdf"
    if re.match(rb"\s*<(!doctype html|html|head|body)\b", head, re.IGNORECASE):
        return "html"
    return "pdf" if b"\0" in head or not _is_utf8(head) else "plain"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end == len(head) and len(head) == 1024  # the cut may have split the last letter
    return True
