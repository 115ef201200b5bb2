"""Reads what callers send: JSON, forms, uploads and raw bodies, as frontend developers write them.

A body is taken for what it is, not only for what its content type says: `fetch` sends JSON as text/plain and curl
sends it as a form unless told otherwise.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.multipart import parse_content_disposition

from node.program.web import parse_body, parse_fields
from node.wire.problems import Problem

T = TypeVar("T")
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
NAME_CHARACTERS = 200
MAX_FIELDS = 1000  # of a form
# Python's codecs for other things than text; the first two take time that grows with the square of the length.
NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A body that is, or says that it is, JSON."""

    data: bytes

    def parse(self, cls: type[T]) -> T:
        """Raise a 400 problem for broken JSON, a 422 with the field's path for a wrong type."""
        return parse_body(self.data.removeprefix(codecs.BOM_UTF8), cls)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file or raw body with what its sender said about it."""

    data: bytes
    content_type: str
    charset: str | None = None
    filename: str | None = None
    field: str = ""

    @property
    def text(self) -> str:
        return decode_text(self.data, self.charset)


@dataclass(frozen=True, slots=True)
class FormBody:
    """The fields and files of a form."""

    fields: Mapping[str, str]
    files: tuple[Upload, ...] = ()

    def parse(self, cls: type[T]) -> T:
        """Raise a 422 problem with the field's name for a wrong type."""
        return parse_fields(self.fields, cls)


async def read_payload(request: web.Request) -> JsonBody | FormBody | Upload:
    """Read the whole body, bounded by the application's size limit."""
    kind = request.content_type.lower()
    if kind == MULTIPART:
        return await _read_multipart(request)
    data = await request.read()
    if kind == "application/json" or kind.endswith("+json") or _is_json_object(data, kind):
        return JsonBody(data)
    if kind == FORM and _is_form(data):
        return FormBody(_form_fields(data, request.charset))
    if kind == FORM:
        kind = "application/octet-stream"
    return Upload(data, kind, request.charset, filename_of(_disposition_name(request)))


async def read_text_request(request: web.Request, cls: type[T], field: str) -> T:
    """Read a request whose main part is one text."""
    return text_request(await read_payload(request), cls, field)


def text_request(payload: JsonBody | FormBody | Upload, cls: type[T], field: str) -> T:
    """Take JSON, a form, an uploaded text file or a plain text body; raise a 415 Problem for anything else."""
    if isinstance(payload, JsonBody):
        return payload.parse(cls)
    if isinstance(payload, FormBody):
        fields = dict(payload.fields)
        if payload.files and _is_text(payload.files[0]):
            fields[field] = payload.files[0].text
        return FormBody(fields).parse(cls)
    if not _is_text(payload):
        text = f"{payload.content_type} is not taken; send JSON or text/plain. GET /service/NAME/ shows examples."
        raise Problem("unsupported-media-type", text)
    return parse_body(msgspec.json.encode({field: payload.text}), cls)


def decode_text(data: bytes, charset: str | None) -> str:
    """Decode text as its sender says, else by its byte order mark, else as UTF-8, else as Windows-1252."""
    for mark, name in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    for name in (usable_charset(charset), "utf-8"):
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")


def usable_charset(charset: str | None) -> str:
    """Return the charset that somebody named where it is one for text, else UTF-8."""
    try:
        return charset if charset and codecs.lookup(charset).name not in NO_CHARSETS else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def filename_of(name: str | None) -> str | None:
    """Keep the last part of a name, without anything that is not printable."""
    if not name:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_CHARACTERS] or None


def _form_fields(data: bytes, charset: str | None) -> dict[str, str]:
    text, name = decode_text(data, charset).rstrip(), usable_charset(charset)
    try:
        return dict(parse_qsl(text, keep_blank_values=True, encoding=name, max_num_fields=MAX_FIELDS))
    except (ValueError, LookupError) as error:
        raise Problem("invalid-request", f"The form cannot be read: {error}.") from None


async def _read_multipart(request: web.Request) -> FormBody:
    try:
        form = await request.post()
    except (ValueError, LookupError, RuntimeError, HttpProcessingError) as error:
        reason = " ".join(str(error).split()) or "it is cut off"
        raise Problem("invalid-request", f"The form cannot be read: {reason}.") from None
    fields: dict[str, str] = {}
    files: list[Upload] = []
    for name, value in form.items():
        if isinstance(value, web.FileField):
            with value.file as file:
                kind = (value.content_type or "application/octet-stream").lower()
                files.append(Upload(file.read(), kind, None, filename_of(value.filename), name))
        elif isinstance(value, str):
            fields[name] = value
        else:
            files.append(Upload(bytes(value), "application/octet-stream", None, None, name))
    return FormBody(fields, tuple(files))


def _is_json_object(data: bytes, kind: str) -> bool:
    if kind not in ("text/plain", FORM, "application/octet-stream") or data.lstrip()[:1] != b"{":
        return False
    try:
        msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return kind == FORM  # no form begins like this: whoever sends it should hear that the JSON is broken
    return True


def _is_form(data: bytes) -> bool:
    """Tell a form from a file that curl called one; `%PD` begins no form, since it is not a percent code."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return not data.startswith(b"%PDF-")


def _is_text(upload: Upload) -> bool:
    """Take text types, and unnamed types that do not look binary."""
    if upload.content_type.startswith("text/"):
        return True
    return upload.content_type == "application/octet-stream" and b"\0" not in upload.data


def _disposition_name(request: web.Request) -> str | None:
    header = request.headers.get("Content-Disposition")
    if header is None:
        return request.headers.get("X-Filename")
    _, parameters = parse_content_disposition(header)
    return parameters.get("filename*") or parameters.get("filename")
