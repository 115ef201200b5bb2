from __future__ import annotations

import msgspec
import pytest

from node.forwarding.outbound import check_length, id_lines, outbound_of, too_large
from node.wire.manifests import Manifest
from node.wire.problems import Problem
from tests.support.exchanges import exchange, head

OCR = Manifest(name="vision-ocr", title="OCR", default_path="/ocr")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_path_and_query_stay_as_the_client_wrote_them() -> None:
    made = outbound_of(exchange(request="POST /service/ocr/a%2Fb?q=a%26b&q=+c"), OCR, "/a%2Fb", trusted=False)
    assert made.to_service == b"POST /a%2Fb?q=a%26b&q=+c"
    assert made.to_node == b"POST /service/vision-ocr/a%2Fb?q=a%26b&q=+c"


def test_without_a_path_the_manifests_own_is_taken() -> None:
    assert (
        outbound_of(exchange(request="GET /service/ocr?x=1"), OCR, None, trusted=False).to_service
        == b"GET /ocr?x=1"
    )


@pytest.mark.parametrize("path", ["/%2e%2e/admin", "/../admin", "/a/./b", "/a%00", "/a\\..\\b", "/" + "x" * 9000])
def test_paths_that_climb_are_refused(path: str) -> None:
    with pytest.raises(Problem) as caught:
        outbound_of(exchange(), OCR, path, trusted=False)
    assert caught.value.kind == "invalid-request"


def test_the_same_head_is_built_once_and_anew_for_whatever_differs() -> None:
    asked = exchange()
    made = outbound_of(asked, OCR, None, trusted=False)
    assert outbound_of(asked, OCR, None, trusted=False) is made
    changed = msgspec.structs.replace(OCR, default_path="/other")
    assert outbound_of(asked, changed, None, trusted=False).to_service == b"GET /other"
    assert outbound_of(asked, changed, "/x", trusted=False).to_service == b"GET /x"
    assert outbound_of(asked, changed, "/x", trusted=True) is not made


def test_a_trace_is_passed_on_or_begun_and_the_id_always_ours() -> None:
    asked = exchange(
        f"traceparent: {TRACE}", "X-Request-ID: theirs", "Content-Length: 3", request="PUT /service/ocr"
    )
    asked.request_id = "ours"
    made = outbound_of(asked, OCR, None, trusted=False)
    assert f"traceparent: {TRACE}\r\n".encode() in made.fields
    assert b"Content-Length: 3\r\n" in made.fields
    assert b"theirs" not in made.fields
    assert id_lines(asked, made) == b"X-Request-ID: ours\r\n"
    bare = exchange()
    lines = id_lines(bare, outbound_of(bare, OCR, None, trusted=False))
    assert lines.count(b"traceparent: 00-") == 1


def test_a_body_that_says_that_it_is_too_large_is_refused_with_the_limit() -> None:
    for length in ("Content-Length: 10", "X-None: 1", "Transfer-Encoding: chunked"):
        check_length(head(length, request="POST /"), 10)
    with pytest.raises(Problem) as caught:
        check_length(head("Content-Length: 11", request="POST /"), 10)
    assert (caught.value.status, caught.value.extra) == (413, {"limit_bytes": 10})
    assert too_large(10).kind == "payload-too-large"
