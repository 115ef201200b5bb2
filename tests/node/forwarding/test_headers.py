from __future__ import annotations

import pytest
from multidict import CIMultiDict

from node.forwarding.headers import (
    body_was_decoded,
    connection_named,
    request_headers,
    response_headers,
    traceparent,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def built(client: dict[str, str] | list[tuple[str, str]], *, trusted: bool = False) -> CIMultiDict[str]:
    return request_headers(
        CIMultiDict(client), remote="10.0.0.9", scheme="https", host="gw", request_id="id1", trusted=trusted
    )


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "Host",
        "Content-Length", "Expect", "Authorization", "Cookie", "X-API-Key", "X-RMA-Token", "x-rma-hops",
        "X-RMA-Anything", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "Sec-WebSocket-Key",
    ],
)  # fmt: skip
def test_what_is_for_one_hop_or_secret_never_reaches_a_worker(name: str) -> None:
    assert name not in built({name: "x"})


def test_headers_that_connection_names_are_dropped() -> None:
    assert connection_named(CIMultiDict({"Connection": "close, X-Mine ,"})) >= {"close", "x-mine"}
    head = built({"Connection": "X-Mine", "X-Mine": "1", "X-Other": "2"})
    assert "X-Mine" not in head
    assert head["X-Other"] == "2"


def test_repeated_headers_and_content_headers_pass() -> None:
    head = built([("Accept", "a"), ("Accept", "b"), ("Content-Type", "t/x"), ("Idempotency-Key", "k")])
    assert head.getall("Accept") == ["a", "b"]
    assert (head["Content-Type"], head["Idempotency-Key"]) == ("t/x", "k")


def test_what_a_client_says_about_its_origin_is_replaced() -> None:
    head = built({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "gopher", "X-Request-ID": "forged"})
    assert head["X-Forwarded-For"] == "10.0.0.9"
    assert head["X-Forwarded-Proto"] == "https"
    assert head["X-Forwarded-Host"] == "gw"
    assert head.getall("X-Request-ID") == ["id1"]


def test_what_another_node_says_about_it_is_kept() -> None:
    head = built({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}, trusted=True)
    assert head["X-Forwarded-For"] == "1.2.3.4, 10.0.0.9"


def test_a_trace_is_passed_on_or_begun() -> None:
    assert built({"traceparent": TRACE})["traceparent"] == TRACE
    for wrong in (
        "",
        "00-0",
        "ff" + TRACE[2:],
        TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        TRACE + "\n",
    ):
        made = traceparent(CIMultiDict({"traceparent": wrong}))
        assert made != wrong
        assert traceparent(CIMultiDict({"traceparent": made})) == made


def test_a_decoded_body_no_longer_says_that_it_is_encoded() -> None:
    assert body_was_decoded(CIMultiDict({"content-encoding": "GZip"}))
    assert "Content-Encoding" not in built({"Content-Encoding": "gzip"})
    assert built({"Content-Encoding": "compress"})["Content-Encoding"] == "compress"


def test_an_answer_passes_without_what_would_act_on_the_gateways_origin() -> None:
    head = response_headers(
        CIMultiDict(
            {
                "Content-Type": "t/x", "Content-Length": "5", "Content-Encoding": "br", "ETag": '"1"',
                "Set-Cookie": "a=b", "Clear-Site-Data": "*", "Access-Control-Allow-Origin": "*",
                "X-RMA-Worker": "forged",
                "Transfer-Encoding": "chunked", "Connection": "close, X-Hop", "X-Hop": "1",
                "X-Request-ID": "forged", "Strict-Transport-Security": "max-age=1", "Service-Worker-Allowed": "/",
            }
        )
    )  # fmt: skip
    assert {name.lower() for name in head} == {"content-type", "content-length", "content-encoding", "etag"}
