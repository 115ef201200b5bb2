"""The document is found in whatever way it is sent."""

import base64

import msgspec
import pytest

from node.services.builtin.bodies import FormBody, JsonBody, Upload
from node.services.builtin.document_processing.documents import Kind
from node.services.builtin.document_processing.uploads import find_document, kind_of
from node.wire.problems import Problem

PDF = b"%PDF-1.4 ..."
ENCODED = base64.b64encode(PDF).decode()


def json_body(**fields: object) -> JsonBody:
    return JsonBody(msgspec.json.encode(fields))


@pytest.mark.parametrize("field", ["content", "data", "file", "pdf", "document", "base64"])
@pytest.mark.parametrize(
    "value",
    [
        ENCODED,
        ENCODED.rstrip("="),
        base64.urlsafe_b64encode(PDF).decode(),
        ENCODED[:8] + "\n" + ENCODED[8:],
        "data:application/pdf;base64," + ENCODED,
        "data:application/pdf;name=letter.pdf;base64," + ENCODED,
    ],
)
def test_base64_in_any_field_and_manner(field: str, value: str) -> None:
    found = find_document(json_body(**{field: value, "filename": "a/b/letter.pdf"}))
    assert (found.job.kind, found.job.data, found.filename) == ("pdf", PDF, "letter.pdf")


def test_text_and_html_need_no_base64() -> None:
    assert find_document(json_body(text="£5")).job.kind == "plain"
    assert find_document(json_body(html="<p>£5")).job.kind == "html"


def test_a_form_has_a_file_or_fields() -> None:
    file = Upload(PDF, "application/pdf", filename="letter.pdf", field="anything")
    assert find_document(FormBody({}, (file,))).filename == "letter.pdf"
    assert find_document(FormBody({"filename": "b.pdf"}, (file,))).filename == "b.pdf"
    assert find_document(FormBody({"text": "hello"})).job.kind == "plain"


@pytest.mark.parametrize(
    ("data", "declared", "kind"),
    [
        (PDF, "application/pdf", "pdf"),
        (b"broken", "application/pdf", "pdf"),
        (PDF, "application/octet-stream", "pdf"),
        (b"\n\n" + PDF, "", "pdf"),
        (b"<!DOCTYPE html><p>", "application/octet-stream", "html"),
        (b"hello", "application/octet-stream", "plain"),
        ("é".encode() * 600, "", "plain"),
        (b"\x00\x01", "application/octet-stream", "pdf"),
        (b"hello", "text/markdown", "plain"),
        (b"<p>", "text/html; charset=utf-8", "html"),
    ],
)
def test_the_kind_is_declared_or_guessed(data: bytes, declared: str, kind: Kind) -> None:
    assert kind_of(data, declared) == kind


def test_other_types_are_refused_with_advice() -> None:
    with pytest.raises(Problem, match="vision-ocr") as caught:
        kind_of(b"\x89PNG", "image/png")
    assert caught.value.status == 415
    with pytest.raises(Problem, match="application/zip is not taken"):
        kind_of(b"PK", "application/zip")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (json_body(), "content"),
        (json_body(content="not base64!"), "content"),
        (json_body(pdf="data:application/pdf,plain"), "pdf"),
        (json_body(url="http://169.254.169.254/"), "url"),
        (json_body(content=5), "content"),
    ],
)
def test_refuses_with_the_field(body: JsonBody, field: str) -> None:
    with pytest.raises(Problem) as caught:
        find_document(body)
    assert (caught.value.status, caught.value.extra["field"]) == (422, field)


def test_two_files_are_one_too_many() -> None:
    with pytest.raises(Problem, match="one file a request"):
        find_document(FormBody({}, (Upload(PDF, "application/pdf"),) * 2))
