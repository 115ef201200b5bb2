"""The OpenAPI document: whole, consistent in itself, and about every kind of caller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordinator_server.api.openapi import ADMIN, PUBLIC, WORKER, build_document
from node.wire.problems import CONTENT_TYPE

DOCUMENT = build_document("0.1.0", (*PUBLIC, *ADMIN, *WORKER))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_it_is_openapi_31_with_every_reference_resolved() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    found = set(references(DOCUMENT))
    assert found
    assert found <= known


def test_operation_ids_are_unique_and_path_parameters_are_declared() -> None:
    identifiers = [operation["operationId"] for _, _, operation in operations()]
    assert len(identifiers) == len(set(identifiers))
    for _, path, operation in operations():
        declared = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
        assert declared == {part[1:-1] for part in path.split("/") if part.startswith("{")}


WORKERS_ONLY = ("/api/worker/", "/api/dht/stats", "/api/dht/topology", "/api/entry-points/")


def test_security_follows_the_path() -> None:
    schemes = set(DOCUMENT["components"]["securitySchemes"])
    for _, path, operation in operations():
        used = {name for choice in operation["security"] for name in choice}
        assert used <= schemes
        assert ("adminToken" in used) == path.startswith(("/api/admin/", "/api/coordinator/"))
        assert ("workerToken" in used) == path.startswith(WORKERS_ONLY)
        assert ("memberToken" in used) == path.startswith("/relay/")
        assert ("apiKey" in used) == path.startswith(("/service/", "/api/service/", "/api/client-token"))


def test_every_refusal_is_a_problem_document() -> None:
    for _, path, operation in operations():
        for code, answer in operation["responses"].items():
            tells_of_none = (path, code) == ("/entry-points", "503")  # in the usual shape
            if int(code) >= 400 and not tells_of_none:
                assert list(answer["content"]) == [CONTENT_TYPE]


def test_services_take_any_method_and_body() -> None:
    methods = DOCUMENT["paths"]["/service/{service}/{path}"]
    assert {"get", "post", "put", "patch", "delete"} <= set(methods)
    assert "*/*" in methods["post"]["requestBody"]["content"]
    assert "requestBody" not in methods["get"]
    assert "429" in methods["post"]["responses"]
