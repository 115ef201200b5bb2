from __future__ import annotations

import os
import subprocess
import sys

import pytest

from node.forwarding.headers import (
    REQUEST,
    TRACE,
    UPGRADE_REQUEST,
    Answers,
    Fields,
    forwarded,
    has_trace,
    new_trace,
    origin_lines,
    request_id_of,
)
from node.forwarding.http1.head import COUNTED, HeadLimits, parse_response, passed_fields, response_start
from tests.support.exchanges import exchange, head

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: t/x\r\nContent-Length: 5\r\nContent-Encoding: br\r\nETag: 1\r\n"
    b"Set-Cookie: a=b\r\nClear-Site-Data: *\r\nAccess-Control-Allow-Origin: *\r\nX-RMA-Worker: forged\r\n"
    b"Connection: close, X-Hop\r\nX-Hop: 1\r\nX-Request-ID: forged\r\nStrict-Transport-Security: max-age=1\r\n"
    b"Service-Worker-Allowed: /\r\nServer-Timing: forged\r\nSec-WebSocket-Accept: x\r\nServer: theirs\r\n\r\n"
)


def names(lines: bytes) -> set[str]:
    return {line.partition(b":")[0].decode().lower() for line in lines.split(b"\r\n") if line}


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Authorization", "Host", "Content-Length",
        "Authorization", "Cookie", "X-API-Key", "X-RMA-Token", "x-rma-hops", "X-RMA-Anything", "X-Forwarded-Port",
        "X-Forwarded-For", "Forwarded", "X-Real-IP", "Sec-WebSocket-Key", "X-Request-ID", "traceparent",
    ],
)  # fmt: skip
def test_what_is_for_one_hop_or_secret_never_reaches_a_worker(name: str) -> None:
    line = f"{name}: 1" if name != "Host" else "X-Other: 1"
    assert name.lower() not in names(passed_fields(head(line), REQUEST))


def test_fields_that_connection_names_are_dropped_and_others_pass() -> None:
    passed = passed_fields(head("Connection: X-Mine", "X-Mine: 1", "X-Other: 2", "Accept: a", "Accept: b"), REQUEST)
    assert passed == b"X-Other: 2\r\nAccept: a\r\nAccept: b\r\n"


def test_a_handshake_passes_to_switch_protocols_and_only_then() -> None:
    lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k", "Cookie: c", "X-RMA-Token: t")
    assert names(passed_fields(head(*lines), REQUEST)) == set()
    assert names(passed_fields(head(*lines), UPGRADE_REQUEST)) == {"sec-websocket-key"}


def test_what_a_client_says_about_its_origin_is_replaced() -> None:
    said = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: bank", "Forwarded: for=x")
    told = origin_lines(exchange(*said), trusted=False)
    assert told == (
        b"X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: gw\r\n"
        b'Forwarded: for=10.0.0.9;host="gw";proto=https\r\n'
    )


def test_what_another_node_says_about_it_is_kept() -> None:
    said = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: bank")
    by = "for=1.2.3.4;proto=https"
    told = origin_lines(exchange(*said, f"Forwarded: {by}", secure=False), trusted=True)
    assert told == (
        b"X-Forwarded-For: 1.2.3.4, 10.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: bank\r\n"
        b'Forwarded: for=1.2.3.4;proto=https, for=10.0.0.9;host="gw";proto=http\r\n'
    )


def test_an_address_with_colons_is_quoted_and_a_zone_is_nobodys_business() -> None:
    assert forwarded("fe80::1%eth0", "http", "[::1]:8080") == 'for="[fe80::1]";host="[::1]:8080";proto=http'
    assert forwarded("unknown", "http", "") == "for=unknown;proto=http"


def test_a_trace_is_recognised_or_begun() -> None:
    assert has_trace(head(f"traceparent: {GOOD}"))
    zeros = GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)
    for wrong in ("", "00-0", "ff" + GOOD[2:], zeros, GOOD + ", " + GOOD):
        assert not has_trace(head(f"traceparent: {wrong}"))
    made = {new_trace() for _ in range(100)}
    assert len(made) == 100
    assert all(TRACE.fullmatch(trace) for trace in made)


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 65, "a/b", "ü"])
def test_an_id_that_is_none_is_replaced(wrong: str) -> None:
    assert request_id_of(head("X-Request-ID: my-request.1")) == "my-request.1"
    made = {request_id_of(head(f"X-Request-ID: {wrong}")) for _ in range(100)}
    assert len(made) == 100
    assert all(len(item) == 16 for item in made)


def test_an_answer_passes_without_what_would_act_on_the_gateways_origin() -> None:
    parsed, answers = parse_response(ANSWER, HeadLimits()), Answers({"server"})
    passed = names(response_start(parsed, answers.plain, COUNTED).partition(b"\r\n")[2])
    assert passed == {"content-type", "content-length", "content-encoding", "etag"}
    switching = names(response_start(parsed, answers.switching, COUNTED).partition(b"\r\n")[2])
    assert switching - passed == {"sec-websocket-accept"}


def test_fields_are_found_in_any_case() -> None:
    fields = Fields(head("X-API-Key: k", "Accept: a", "Accept: b"))
    assert (fields["x-api-KEY"], fields.get("Accept"), fields.get("Cookie")) == ("k", "a, b", None)
    assert "X-Api-Key" in fields
    assert "Cookie" not in fields
    assert set(fields) == {"host", "x-api-key", "accept"}
    assert len(fields) == 3


FORK = """
import os, sys
from node.forwarding.headers import new_trace
new_trace()
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0
os.write(1, new_trace().encode() + b" ")
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_processes_that_fork_never_give_the_same_ids() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    assert first != second
