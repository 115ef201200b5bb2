"""However the network cuts the bytes, requests and answers are the same: whole connections, in both directions."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import EVERYTHING, HeadLimits, ResponseHead, request_framing, request_head
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.forwarding.http1.upstream import Recent, UpstreamConnection
from tests.support.http1_fuzzing import ANSWERS, REQUESTS, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASKING = [
    b"GET / HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: g\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi",
    b"GET / HTTP/1.1\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
]
ODD_REQUESTS = (
    b"\r\n\r\n",
    b"POST /g HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    b"POST /h HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n",
    b"POST /i HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /j HTTP/1.1\r\nHost: g\nX: y\r\n\r\n",
    b"GET /k HTTP/1.1\r\nHost: g\r\nX: \xe9\x80\r\n\r\n",
)
ODD_ANSWERS = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n00\r\nT: v\r\nU: w\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
    b"HTTP/1.1 204 No Content\r\n\r\nsurplus",
    b"HTTP/1.1 200 OK\r\n\r\n",
)
CUTS = st.lists(st.integers(0, 400), max_size=12)


class Relay:
    """Handler, attempt, source and pool in one; each request gets a wire of its own."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.over: list[Exchange] = []
        self.recent = Recent()
        self.head_limits = HeadLimits()
        self.interim = 3

    def begin(self, exchange: Exchange) -> None:
        head = exchange.head
        request = request_head(head, head.target.encode(), b"w", EVERYTHING, request_framing(head))
        exchange.forward(self, request, self, Patience())

    def finished(self, exchange: Exchange) -> None:
        self.over.append(exchange)

    def answered(self, exchange: Exchange, _head: ResponseHead) -> None:
        exchange.relay(EVERYTHING)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        exchange.refuse(problem_of(trouble))

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection:
        assert not (exchange.done or fresh)
        connection = UpstreamConnection(self)
        self.wires.append(Wire(connection))
        connection.connection_made(self.wires[-1])
        return connection

    def cancel(self, exchange: Exchange) -> None:
        """Connect at once, so that nobody waits."""

    def free(self, connection: UpstreamConnection) -> None:
        """Use no connection again."""

    def gone(self, connection: UpstreamConnection) -> None:
        """Keep none."""


class Clock:
    """All of an event loop that is needed: nothing waits."""

    def time(self) -> float:
        return 1000.0

    def call_soon(self, step: Callable[[], None]) -> None:
        step()


class ClientWire(Wire):
    """A wire that remembers that nothing more is said on it: how one is closed depends on what has come by then."""

    ended = False

    def write_eof(self) -> None:
        self.ended = True


class Visit:
    """One client's connection on wires that lead nowhere."""

    def __init__(self) -> None:
        self.relay = Relay()
        client = ClientConnection(
            Http1Server(self.relay, [], sweep=Sweep()), cast("asyncio.AbstractEventLoop", Clock())
        )
        self.wire = ClientWire(client)
        client.connection_made(self.wire)

    def hear(self, wire: Wire, data: bytes) -> None:
        if not wire.closing:
            wire.protocol.data_received(data)
        for one in (self.wire, *self.relay.wires):
            one.settle()

    def end(self) -> None:
        for one in (self.wire, *self.relay.wires):
            one.abort()
            one.settle()


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return (data[start:end] for start, end in itertools.pairwise(places))


def message(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return head and content of the whole message that was written, or None while it is not whole."""
    head, empty, body = raw.partition(b"\r\n\r\n")
    if not empty:
        return None
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        decoder = ChunkDecoder()
        content = decoder.feed(body)
        return (head, content) if decoder.complete else None
    length = re.search(rb"\r\ncontent-length: (\d+)", lower)
    if length is not None and not lower.startswith(b"head "):
        return (head, body) if len(body) == int(length[1]) else None
    return head, body


def requests_heard(data: bytes, cuts: list[int]) -> Any:
    """Return what workers hear of a client's bytes, and the statuses of what it is answered."""
    visit = Visit()
    answered: set[Wire] = set()
    for piece in pieces(data, cuts):
        visit.hear(visit.wire, piece)
        for wire in visit.relay.wires:
            while wire not in answered and message(bytes(wire.written)) is not None and not wire.closing:
                answered.add(wire)
                visit.hear(wire, OK)
    heard = [message(bytes(wire.written)) for wire in visit.relay.wires]
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", bytes(visit.wire.written))
    closing = visit.wire.closing or visit.wire.ended
    visit.end()
    return [one for one in heard if one is not None], [one for one in statuses if one != b"100"], closing


def early_answers_heard(behind: bytes, cuts: list[int]) -> list[bytes]:
    """Return the statuses that a client hears when the first worker answers by the head of a body alone."""
    visit = Visit()
    head, _, body = behind.partition(b"\r\n\r\n")
    visit.hear(visit.wire, head + b"\r\n\r\n" + body[:1])
    visit.hear(visit.relay.wires[0], OK)
    for piece in pieces(body[1:] + REQUESTS[0] + REQUESTS[2] + REQUESTS[0], cuts):
        visit.hear(visit.wire, piece)
        for wire in itertools.islice(visit.relay.wires, 1, None):  # grows meanwhile
            if message(bytes(wire.written)) is not None and not wire.closing:
                visit.hear(wire, OK)
                wire.close()
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", bytes(visit.wire.written))
    statuses += [b"closed"] * (visit.wire.closing or visit.wire.ended)
    visit.end()
    return statuses


def answer_heard(asking: bytes, answer: bytes, cuts: list[int], *, closes: bool) -> Any:
    """Return what a client hears of a worker's bytes."""
    visit = Visit()
    visit.hear(visit.wire, asking)
    [worker] = visit.relay.wires
    for piece in pieces(answer, cuts):
        visit.hear(worker, piece)
    if closes and not worker.closing:
        worker.close()
        visit.hear(visit.wire, b"")
    heard, closing = bytes(visit.wire.written), visit.wire.closing or visit.wire.ended
    over = [(one.status, bool(one.broken)) for one in visit.relay.over]
    visit.end()
    if over and over[0][1]:
        return over, closing  # how much of it has gone out depends on how it came
    return over, closing, plain(heard)


def plain(raw: bytes) -> object:
    """Return a written answer without its framing, and without what is another one each time."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Date:", b"X-Request-ID:"))]
    if b"application/problem+json" in head:
        return lines[0]
    decoder, chunked = ChunkDecoder(), b"Transfer-Encoding: chunked" in lines
    try:
        return lines, decoder.feed(body) if chunked else body, decoder.complete
    except BadChunk:
        return raw


MESSAGES = st.lists(st.sampled_from(REQUESTS + ODD_REQUESTS), min_size=1, max_size=4).map(b"".join)


@settings(max_examples=300)
@given(MESSAGES, CUTS)
@example(b"".join(REQUESTS[:6]), list(range(1000)))
@example(REQUESTS[7] + REQUESTS[0], [50])
def test_a_client_is_heard_in_the_same_way_however_its_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    assert requests_heard(data, cuts) == requests_heard(data, [])


@settings(max_examples=300)
@given(st.sampled_from(ASKING), st.sampled_from(ANSWERS + ODD_ANSWERS), CUTS, st.booleans())
def test_a_worker_is_heard_in_the_same_way_however_its_bytes_are_cut(
    asking: bytes, answer: bytes, cuts: list[int], closes: bool
) -> None:
    assert answer_heard(asking, answer, cuts, closes=closes) == answer_heard(asking, answer, [], closes=closes)


@settings(max_examples=200)
@given(st.sampled_from([REQUESTS[2], REQUESTS[3]]), CUTS)
@example(REQUESTS[2], list(range(1000)))
@example(REQUESTS[3], list(range(1000)))
def test_what_follows_a_body_whose_answer_was_early_is_found_however_it_is_cut(
    asking: bytes, cuts: list[int]
) -> None:
    assert early_answers_heard(asking, cuts) == [b"200"] * 4


@settings(max_examples=100)
@given(CUTS)
def test_behind_a_broken_body_whose_answer_was_early_nothing_is_found(cuts: list[int]) -> None:
    assert early_answers_heard(ODD_REQUESTS[1], cuts) == [b"200", b"closed"]


def test_every_answer_to_every_request_may_come_byte_by_byte() -> None:
    for asking in ASKING:
        for answer in ANSWERS + ODD_ANSWERS:
            for closes in (True, False):
                whole = answer_heard(asking, answer, [], closes=closes)
                assert answer_heard(asking, answer, list(range(1000)), closes=closes) == whole, (asking, answer)


def test_what_is_compared_is_everything() -> None:
    heard, statuses, closing = requests_heard(b"".join(REQUESTS[:5]), [])
    assert [head.split()[:2] for head, _ in heard] == [
        [b"GET", b"/a"], [b"GET", b"/a/../b?c=%20"], [b"POST", b"/b"], [b"POST", b"/c"], [b"HEAD", b"/d"],
    ]  # fmt: skip
    assert [body for _, body in heard] == [b"", b"", b"hello", b"abc", b""]
    assert (statuses, closing) == ([b"200"] * 5, False)
    over, closing, (_, content, _) = answer_heard(ASKING[0], ANSWERS[1], [5, 50], closes=False)
    assert (over, closing, content) == ([(200, False)], False, b"abc")
