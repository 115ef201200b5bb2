"""All four services through the gateway of a real mesh, as a frontend uses them, and how errors look."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Iterator
from importlib import resources
from io import BytesIO
from typing import Any

import pytest

from tests.support.real_mesh import Answer, RealMesh, http, real_mesh, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
SERVICES = ("document-processing", "ner-extraction", "rag-embeddings", "notes-coa")
DEMO = resources.files("resources").joinpath("demo")
PDF = DEMO.joinpath("debt-letter.pdf").read_bytes()
NOTE = DEMO.joinpath("note.txt").read_text("utf-8")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesh]:
    """A mesh of two vetted machines and one of an unknown volunteer, everything running."""
    with real_mesh(tmp_path_factory.mktemp("mesh")) as mesh:
        mesh.start_coordinator()
        vetted = mesh.invite(2, "--trust", "vetted")
        mesh.start_node("v1", vetted)
        mesh.start_node("v2", vetted)
        mesh.start_node("stranger", mesh.invite(1))
        for service in SERVICES:
            mesh.wait_for_service(service, 1)
        yield mesh


@pytest.fixture(scope="module")
def key(mesh: RealMesh) -> str:
    return mesh.key("--rate", "10000/min")


def send(mesh: RealMesh, key: str, path: str, body: bytes | None, content_type: str, **headers: str) -> Answer:
    assert mesh.coordinator is not None
    sent = {"Authorization": f"Bearer {key}", "Content-Type": content_type, **headers}
    return http(f"{mesh.coordinator.url}/service/{path}", body, sent)


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer
    assert answer.headers["X-Request-ID"]
    document = answer.json
    assert document["detail"], "a problem says what happened"
    return answer.status, document["type"].rpartition("/")[2]


def test_a_pdf_in_every_guessable_form_gives_the_same_text(mesh: RealMesh, key: str) -> None:
    plain = send(mesh, key, "document-processing", PDF, "application/pdf")
    assert plain.status == 200
    assert plain.json["page_count"] >= 3
    assert plain.headers["X-RMA-Worker"] in ("v1", "v2", "stranger")
    assert (plain.headers["X-RMA-Route"], plain.headers["X-RMA-Attempts"]) == ("direct", "1")
    boundary = "b0undary"
    multipart = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    ).encode() + PDF + f"\r\n--{boundary}--\r\n".encode()  # fmt: skip
    form = send(mesh, key, "upload", multipart, f"multipart/form-data; boundary={boundary}")
    as_json = json.dumps({"content": base64.b64encode(PDF).decode(), "filename": "a.pdf"}).encode()
    coded = send(mesh, key, "document-processing/extract", as_json, "application/json")
    assert form.json["text"] == coded.json["text"] == plain.json["text"]


@pytest.mark.parametrize("broken", [PDF[: len(PDF) // 2], PDF[:100], b"%PDF-1.7\n", b"hello"])
def test_a_truncated_pdf_is_refused_with_the_reason(mesh: RealMesh, key: str, broken: bytes) -> None:
    answer = send(mesh, key, "document-processing", broken, "application/pdf")
    assert problem(answer) == (422, "unprocessable-document")


def test_entities_are_found(mesh: RealMesh, key: str) -> None:
    answer = mesh.call("ner", {"text": NOTE}, key)
    assert answer.status == 200
    assert answer.json["counts"]["money"] >= 2


def test_what_was_indexed_is_found_and_survives_a_power_cut_of_the_service(mesh: RealMesh, key: str) -> None:
    documents = [
        {"id": "tax", "text": "Council tax arrears are a priority debt."},
        {"id": "card", "text": "Credit card debts are not."},
    ]
    assert mesh.call("rag/index", {"documents": documents}, key).status == 200
    found = mesh.call("rag", {"query": "council tax"}, key)
    assert found.json["results"][0]["id"] == "tax"
    worker = mesh.nodes[found.headers["X-RMA-Worker"]]
    worker.kill()
    (name,) = [name for name, node in mesh.nodes.items() if node is worker]
    mesh.start_node(name)
    wait_until(
        lambda: mesh.call("rag", {"query": "council tax"}, key).status == 200, "the library is there again", 120
    )
    assert mesh.call("rag", {"query": "council tax"}, key).json["results"][0]["id"] == "tax"


def test_notes_become_a_letter_with_the_help_of_another_service(mesh: RealMesh, key: str) -> None:
    mesh.wait_for_service("notes-coa", 1)
    answer = mesh.call("notes", {"notes": NOTE}, key)
    assert answer.status == 200, answer.body
    assert answer.json["case"]["debts"]
    assert "Confirmation of" in answer.json["letter"]["text"]
    assert answer.headers["X-RMA-Worker"] in ("v1", "v2"), "personal data goes to vetted machines only"
    document = send(mesh, key, "notes", json.dumps({"notes": NOTE}).encode(), "application/json", Accept=DOCX)
    assert document.headers["Content-Type"].startswith(DOCX)
    assert "word/document.xml" in zipfile.ZipFile(BytesIO(document.body)).namelist()


def test_personal_data_never_goes_to_a_machine_that_nobody_vetted(mesh: RealMesh) -> None:
    assert mesh.workers_running("notes-coa") <= {"v1", "v2"}
    assert mesh.workers_running("ner-extraction")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_it_takes(mesh: RealMesh, key: str, service: str) -> None:
    answer = send(mesh, key, service + "/", None, "application/json")
    assert answer.status == 200
    assert service in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("no-such-service", {}, (404, "unknown-service")),
        ("ner", {"text": 5}, (422, "invalid-body")),
        ("ner", b"{", (400, "invalid-request")),
        ("rag", {"query": ["a"]}, (422, "invalid-body")),
        ("notes", {}, (422, "invalid-body")),
        ("ner/no-such-path", {}, (404, "not-found")),
        ("ner/../rag", {}, (400, "invalid-request")),
        ("ner/%2e%2e/rag", {}, (400, "invalid-request")),
    ],
)
def test_bad_requests_are_told_what_is_wrong(
    mesh: RealMesh, key: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert problem(send(mesh, key, path, data, "application/json")) == expected


@pytest.mark.parametrize("wrong", ["", "rma_x_y", "Bearer"])
def test_without_a_good_key_nothing_is_served(mesh: RealMesh, wrong: str) -> None:
    assert problem(mesh.call("ner", {"text": "x"}, wrong)) == (401, "unauthorized")


def test_a_key_opens_only_its_services(mesh: RealMesh) -> None:
    key = mesh.key("--service", "rag-embeddings")
    assert problem(mesh.call("ner", {"text": "x"}, key)) == (403, "forbidden")
    assert mesh.call("rag", {"query": "x"}, key).status == 200


def test_a_rate_is_a_rate(mesh: RealMesh) -> None:
    key = mesh.key("--rate", "3/hour")
    answers = [mesh.call("ner", {"text": "x"}, key) for _ in range(5)]
    assert [answer.status for answer in answers[:3]] == [200, 200, 200]
    assert problem(answers[-1]) == (429, "rate-limited")
    assert int(answers[-1].headers["Retry-After"]) > 0
