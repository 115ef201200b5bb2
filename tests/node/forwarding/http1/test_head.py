"""Heads: what is read, what is refused and with which status, and what is built of it."""

from __future__ import annotations

import random

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.forwarding.http1 import head as heads
from node.forwarding.http1.head import (
    BadHead,
    HeadLimits,
    Passing,
    RequestHead,
    field_line,
    hopeless,
    parse_request,
    parse_response,
    passed_fields,
    request_framing,
    request_head,
    response_start,
)

LIMITS = HeadLimits()
HOST = b"Host: gateway\r\n"


def request(line: bytes = b"GET / HTTP/1.1", fields: bytes = b"") -> RequestHead:
    return parse_request(line + b"\r\n" + HOST + fields + b"\r\n", LIMITS)


def status_of(raw: bytes, limits: HeadLimits = LIMITS) -> int:
    with pytest.raises(BadHead) as refused:
        parse_request(raw, limits)
    assert str(refused.value).endswith(".")
    return refused.value.status


def test_a_request_is_read_into_values() -> None:
    head = request(b"POST /service/ocr?x=%20 HTTP/1.1", b"Content-Length: 12\r\nX-A:  b c\t\r\nx-a: d\r\n")
    assert (head.method, head.target, head.host) == ("POST", "/service/ocr?x=%20", "gateway")
    assert (head.length, head.chunked, head.keep_alive, head.has_body) == (12, False, True, True)
    assert head.get("x-a") == "b c, d"
    assert head.get("missing", "-") == "-"


@pytest.mark.parametrize(
    ("line", "fields", "alive"),
    [
        (b"GET / HTTP/1.1", b"", True),
        (b"GET / HTTP/1.1", b"Connection: close\r\n", False),
        (b"GET / HTTP/1.1", b"Connection: x\r\nConnection: Close\r\n", False),
        (b"GET / HTTP/1.0", b"", False),
        (b"GET / HTTP/1.0", b"Connection: Keep-Alive\r\n", True),
        (b"GET / HTTP/1.0", b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_whether_the_connection_stays(line: bytes, fields: bytes, alive: bool) -> None:
    assert request(line, fields).keep_alive is alive


SMUGGLING = {
    "both lengths": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two equal lengths": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3, 3\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: +3\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: -3\r\n\r\n",
    "a hexadecimal length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 0x3\r\n\r\n",
    "an underscored number": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1_0\r\n\r\n",
    "other digits": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: \xb2\r\n\r\n",
    "an empty length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length:\r\n\r\n",
    "a huge length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 9999999999999999999\r\n\r\n",
    "a coding in 1.0": b"POST / HTTP/1.0\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: g\n\r\n\r\n",
    "bare LF between fields": b"GET / HTTP/1.1\r\nHost: g\nX: y\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: g\r\nX: a\rY: b\r\n\r\n",
    "CR before a blank": b"GET / HTTP/1.1\r\nHost: g\r\n\rX: y\r\n\r\n",
    "folding": b"GET / HTTP/1.1\r\nHost: g\r\nX: a\r\n b\r\n\r\n",
    "folding with a tab": b"GET / HTTP/1.1\r\nHost: g\r\nX: a\r\n\tb\r\n\r\n",
    "folding the first line": b"GET / HTTP/1.1\r\n Host: g\r\nHost: g\r\n\r\n",
    "blank before the colon": b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding : chunked\r\n\r\n",
    "tab before the colon": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length\t: 3\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: g\r\nnonsense\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: g\r\n: x\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: g\r\nX: a\x00b\r\n\r\n",
    "a control in a value": b"GET / HTTP/1.1\r\nHost: g\r\nX: a\x0bb\r\n\r\n",
    "DEL in a value": b"GET / HTTP/1.1\r\nHost: g\r\nX: a\x7fb\r\n\r\n",
    "a control in a name": b"GET / HTTP/1.1\r\nHost: g\r\nX\x01: a\r\n\r\n",
    "a bracket in a name": b"GET / HTTP/1.1\r\nHost: g\r\nX[0]: a\r\n\r\n",
    "a vertical tab before chunked": b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding:\x0bchunked\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two equal hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "two hosts in 1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a user in the host": b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
    "a path in the host": b"GET / HTTP/1.1\r\nHost: h/x\r\n\r\n",
    "a blank in the host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a list of hosts": b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
    "absolute form, other host": b"GET http://evil/x HTTP/1.1\r\nHost: g\r\n\r\n",
    "absolute form, with a user": b"GET http://u@g/x HTTP/1.1\r\nHost: g\r\n\r\n",
    "absolute form, other port": b"GET http://g:81/x HTTP/1.1\r\nHost: g\r\n\r\n",
    "another scheme": b"GET ftp://g/x HTTP/1.1\r\nHost: g\r\n\r\n",
    "no slash": b"GET x HTTP/1.1\r\nHost: g\r\n\r\n",
    "authority form": b"GET g:80 HTTP/1.1\r\nHost: g:80\r\n\r\n",
    "out of the root": b"GET /a/../../b HTTP/1.1\r\nHost: g\r\n\r\n",
    "out of the root at the end": b"GET /.. HTTP/1.1\r\nHost: g\r\n\r\n",
    "out of the root over nothing": b"GET /a//../../b HTTP/1.1\r\nHost: g\r\n\r\n",
    "out of the root, encoded": b"GET /a%2f%2e%2e/.%2E/b?c HTTP/1.1\r\nHost: g\r\n\r\n",
    "out of the root, absolute": b"GET http://g/../a HTTP/1.1\r\nHost: g\r\n\r\n",
    "a percent sign without digits": b"GET /a%zz HTTP/1.1\r\nHost: g\r\n\r\n",
    "a percent sign at the end": b"GET /a%4?b HTTP/1.1\r\nHost: g\r\n\r\n",
    "an encoded NUL": b"GET /a%00 HTTP/1.1\r\nHost: g\r\n\r\n",
    "a host of dots": b"GET / HTTP/1.1\r\nHost: ..\r\n\r\n",
    "a host with an empty label": b"GET / HTTP/1.1\r\nHost: g..h\r\n\r\n",
    "two authorizations": b"GET / HTTP/1.1\r\nHost: g\r\nAuthorization: a\r\nauthorization: b\r\n\r\n",
    "an asterisk": b"GET * HTTP/1.1\r\nHost: g\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: g\r\n\r\n",
    "a control in the target": b"GET /a\x01 HTTP/1.1\r\nHost: g\r\n\r\n",
    "raw UTF-8 in the target": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: g\r\n\r\n",
    "a blank in the target": b"GET /a b HTTP/1.1\r\nHost: g\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\nHost: g\r\n\r\n",
    "a tab for a blank": b"GET\t/ HTTP/1.1\r\nHost: g\r\n\r\n",
    "a blank at the end": b"GET / HTTP/1.1 \r\nHost: g\r\n\r\n",
    "a blank at the beginning": b" GET / HTTP/1.1\r\nHost: g\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/1.2\r\nHost: g\r\n\r\n",
    "a long version": b"GET / HTTP/1.10\r\nHost: g\r\n\r\n",
    "a small version": b"GET / http/1.1\r\nHost: g\r\n\r\n",
    "a bad method": b"G(T / HTTP/1.1\r\nHost: g\r\n\r\n",
    "a small method": b"get / HTTP/1.1\r\nHost: g\r\n\r\n",
    "a long method": b"G" * 33 + b" / HTTP/1.1\r\nHost: g\r\n\r\n",
}


@pytest.mark.parametrize("raw", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    assert status_of(raw) == 400


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
        (b'POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: "chunked"\r\n\r\n', 501),
        (b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding:\r\n\r\n", 501),
        (b"CONNECT g:80 HTTP/1.1\r\nHost: g:80\r\n\r\n", 405),
        (b"TRACE / HTTP/1.1\r\nHost: g\r\n\r\n", 405),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/3.0\r\nHost: g\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nExpect: bread\r\n\r\n", 417),
    ],
)
def test_what_is_refused_for_another_reason_says_so(raw: bytes, status: int) -> None:
    assert status_of(raw) == status


def test_heads_have_limits() -> None:
    start, end = b"GET / HTTP/1.1\r\nHost: g\r\n", b"\r\n"
    limits = HeadLimits(target=10, fields=5, size=200)
    assert parse_request(start + b"a: b\r\n" * 4 + end, limits)
    assert status_of(start + b"a: b\r\n" * 5 + end, limits) == 431
    assert status_of(start + b"a: " + b"b" * 200 + b"\r\n" + end, limits) == 431
    assert status_of(b"GET /" + b"a" * 10 + b" HTTP/1.1\r\nHost: g\r\n\r\n", limits) == 414


def test_an_absolute_target_that_names_the_same_host_becomes_a_path() -> None:
    for target, path in ((b"http://Gateway/a?b", "/a?b"), (b"HTTPS://gateway", "/"), (b"http://gateway?q", "/?q")):
        assert request(b"GET " + target + b" HTTP/1.1").target == path
    assert request(b"OPTIONS * HTTP/1.1").target == "*"


def test_a_path_that_stays_inside_goes_on_as_it_is() -> None:
    for target in ("/a/../b", "/./a", "/.../a", "/a/..", "/.a", "/a?/../../b", "/a?100%", "/a%2Fb%25", "//a/.."):
        assert request(b"GET " + target.encode() + b" HTTP/1.1").target == target


def test_http_1_0_needs_no_host() -> None:
    assert parse_request(b"GET / HTTP/1.0\r\n\r\n", LIMITS).host == ""


def test_a_websocket_is_an_upgrade_without_a_body() -> None:
    upgrade = b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    assert request(fields=upgrade).websocket
    assert not request(b"GET / HTTP/1.0", upgrade).websocket
    assert not request(b"POST / HTTP/1.1", upgrade).websocket
    assert not request(fields=upgrade + b"Content-Length: 1\r\n").websocket
    assert not request(fields=b"Upgrade: websocket\r\n").websocket
    assert not request(fields=b"Connection: Upgrade\r\nUpgrade: h2c\r\n").websocket


def test_only_a_body_can_wait_for_a_go_ahead() -> None:
    expect = b"Expect: 100-Continue\r\n"
    assert request(b"POST / HTTP/1.1", expect + b"Content-Length: 1\r\n").expects_continue
    assert not request(b"POST / HTTP/1.1", expect + b"Content-Length: 0\r\n").expects_continue
    assert not request(b"POST / HTTP/1.0", expect + b"Content-Length: 1\r\n").expects_continue


def test_what_goes_on_is_built_anew() -> None:
    fields = (
        b"Connection: X-Hop, keep-alive\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nTE: trailers\r\nTrailer: x\r\nCookie: c\r\n"
        b"Proxy-Authorization: p\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nExpect: 100-continue\r\nX-Secret-A: s\r\n"
        b"Content_Length: 7\r\nAccept:  */*  \r\nContent-Length: 3\r\nX-Latin: caf\xe9\r\n"
    )
    head = request(b"PUT /a HTTP/1.1", fields)
    built = request_head(head, b"/b", b"worker", Passing({"cookie"}, ["x-secret-"]), request_framing(head))
    assert built == (
        b"PUT /b HTTP/1.1\r\nHost: worker\r\nAccept: */*\r\nX-Latin: caf\xe9\r\nContent-Length: 3\r\n\r\n"
    )
    assert (
        passed_fields(head, heads.EVERYTHING)
        == b"Cookie: c\r\nX-Secret-A: s\r\nAccept: */*\r\nX-Latin: caf\xe9\r\n"
    )


def test_the_framing_that_goes_on_is_the_one_that_was_read() -> None:
    assert request_framing(request()) == b""
    assert request_framing(request(fields=b"Transfer-Encoding: Chunked\r\n")) == b"Transfer-Encoding: chunked\r\n"
    assert request_framing(request(fields=b"Content-Length: 007\r\n")) == b"Content-Length: 7\r\n"
    assert b"Upgrade: websocket" in request_framing(
        request(fields=b"Connection: upgrade\r\nUpgrade: websocket\r\n")
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 600 High\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00\r\n\r\n",
        b"HTTP/1.1 200 O\x01K\r\n\r\n",
    ],
)
def test_workers_are_read_as_strictly(raw: bytes) -> None:
    with pytest.raises(BadHead):
        parse_response(raw, LIMITS)


def test_an_answers_head_is_built_anew() -> None:
    raw = (
        b"HTTP/1.1 200 Fine\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nA: b\r\nContent-Length: 4\r\n\r\n"
    )
    head = parse_response(raw, LIMITS)
    start = b"HTTP/1.1 200 Fine\r\nA: b\r\n"
    assert response_start(head, heads.EVERYTHING, heads.COUNTED) == start + b"Content-Length: 4\r\n"
    assert response_start(head, heads.EVERYTHING, heads.CHUNKED) == start + b"Transfer-Encoding: chunked\r\n"
    assert response_start(head, Passing({"a"}), heads.CLOSING) == b"HTTP/1.1 200 Fine\r\n"
    assert parse_response(b"HTTP/1.1 200\r\n\r\n", LIMITS).reason == ""
    empty = parse_response(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", LIMITS)
    assert b"Content-Length" not in response_start(empty, heads.EVERYTHING, heads.NONE)


def test_a_line_cannot_become_two() -> None:
    assert field_line("X-A", "caf\xe9") == b"X-A: caf\xe9\r\n"
    for name, value in (
        ("X-A", "a\r\nB: c"),
        ("X-A", "a\nb"),
        ("X A", "a"),
        ("", "a"),
        ("X-A", "a\x00"),
        ("X", "€"),
    ):
        with pytest.raises(ValueError, match="field"):
            field_line(name, value)


def test_a_head_that_can_never_end_is_known_before_its_time() -> None:
    assert hopeless(b"GET / HTTP/1.1\nHost")
    assert not hopeless(b"GET / HTTP/1.1\r\nHost: a\r")


class Second:
    """What llhttp makes of a head."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


METHODS = [b"GET", b"POST", b"HEAD", b"DELETE", b"OPTIONS"]
PIECES = [
    b"GET ", b"POST ", b"/", b"*", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ",
    b"\t", b"Host: g\r\n", b"Host", b":",
    b"Content-Length: 3\r\n", b"Content-Length", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding", b"chunked", b",", b"3", b"0", b"x: y\r\n", b"\x00", b"\x80", b"\x0b", b"http://g/", b"#",
    b"Connection: upgrade\r\n", b"Upgrade: websocket\r\n",
]  # fmt: skip


def agrees(raw: bytes) -> bool:
    """Check that llhttp reads what we accept as we do; return whether we accept it."""
    try:
        ours = parse_request(raw, LIMITS)
    except BadHead:
        return False
    second = Second()
    parser = httptools.HttpRequestParser(second)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserInvalidMethodError:
        return True  # it takes those only that it knows
    except httptools.HttpParserUpgrade:
        assert ours.named & {"upgrade"}
    assert second.complete
    assert parser.get_method().decode() == ours.method
    assert parser.get_http_version() == f"1.{ours.minor}"
    assert second.url.decode().endswith(ours.target) or ours.target == "/" or ours.target.startswith("/?")
    assert [(name.decode(), value.decode("latin-1").rstrip(" \t")) for name, value in second.fields] == [
        (name, value) for _, name, value in ours.fields
    ]
    return True


@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_llhttp_reads_whatever_we_accept_as_we_do(pieces: list[bytes]) -> None:
    agrees(b"GET / HTTP/1.1\r\nHost: g\r\n" + b"".join(pieces) + b"\r\n\r\n")
    agrees(b"".join(pieces) + b"\r\n\r\n")


@given(
    st.sampled_from(METHODS),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#%"), max_size=20).filter(
        lambda path: ".." not in path
    ),
    st.lists(
        st.tuples(
            st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True),
            st.from_regex(r"[\t\x20-\x7e\x80-\xff]{0,20}", fullmatch=True),
        ),
        max_size=5,
    ),
)
def test_llhttp_agrees_about_what_is_well_formed(method: bytes, path: str, fields: list[tuple[str, str]]) -> None:
    lines = "".join(f"X-{name}:{value}\r\n" for name, value in fields).encode("latin-1")
    assert agrees(method + b" /" + path.encode() + b" HTTP/1.1\r\nHost: g\r\n" + lines + b"\r\n")


def test_bytes_changed_at_random_are_refused_or_read_alike() -> None:
    rng = random.Random(4)
    whole = b"POST /a?b HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nX-A: b\r\nConnection: close\r\n\r\n"
    accepted = 0
    for _ in range(5000):
        raw = bytearray(whole)
        for _ in range(rng.randint(1, 2)):
            raw[rng.randrange(len(raw) - 4)] = rng.randrange(256)
        accepted += agrees(bytes(raw))
    assert 0 < accepted < 5000
