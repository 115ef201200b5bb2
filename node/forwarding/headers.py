"""Which fields pass, in both directions, and which are made anew: what is for one hop or secret never passes.

What belongs to a hop by HTTP's own rules is left out by `http1.head` already; here is what our mesh adds to that.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import Passing, RequestHead
from node.wire.headers import REQUEST_ID, SERVER_TIMING, TRACEPARENT

OURS = ("x-rma-", "x-forwarded-")
# A client's credentials are for the gateway; workers are other people's machines.
PRIVATE = frozenset({"authorization", "cookie", "x-api-key", "forwarded", "x-real-ip"})
REMADE = frozenset({REQUEST_ID.lower(), TRACEPARENT})
DRAWN = 8192
HANDSHAKE = "sec-websocket-"
# What a worker may not set on the gateway's origin, where the dashboard lives.
ORIGIN_WIDE = frozenset(
    {
        "set-cookie", "set-cookie2", "clear-site-data", "strict-transport-security", "service-worker-allowed",
        "alt-svc", "public-key-pins", "nel", "report-to",
    }
)  # fmt: skip
CORS = "access-control-"
TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

REQUEST = Passing(PRIVATE | REMADE, (*OURS, HANDSHAKE))
UPGRADE_REQUEST = Passing(PRIVATE | REMADE, OURS)


class Digits:
    """Random hexadecimal digits, drawn many at a time: asking the system for each few would cost more."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn = ""
        self._at = 0

    def take(self, count: int) -> str:
        """Return the next digits; none is given twice."""
        at, end = self._at, self._at + count
        if end > len(self._drawn):
            self._drawn, at, end = secrets.token_hex(DRAWN // 2), 0, count
        self._at = end
        return self._drawn[at:end]

    def forget(self) -> None:
        """Draw anew at the next call."""
        self._drawn = ""
        self._at = 0


_digits = Digits()
if hasattr(os, "register_at_fork"):  # a child would give the same ids as we
    os.register_at_fork(after_in_child=_digits.forget)


class Fields(Mapping[str, str]):
    """A head's fields by their names in any case; what came more than once is joined by commas."""

    def __init__(self, head: RequestHead) -> None:
        self._values = head.values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Answers:
    """What passes of a worker's answer, but for `dropped`: of a plain one, and of one that switches protocols."""

    __slots__ = ("plain", "switching")

    def __init__(self, dropped: Iterable[str] = ()) -> None:
        names = {*ORIGIN_WIDE, REQUEST_ID.lower(), SERVER_TIMING.lower(), *dropped}
        self.plain = Passing(names, (*OURS, CORS, HANDSHAKE))
        self.switching = Passing(names, (*OURS, CORS))


def request_id_of(head: RequestHead) -> str:
    """Return the id that a request brings where it is one, else a new one."""
    wished = head.values.get("x-request-id")
    return wished if wished is not None and SAFE_ID.fullmatch(wished) else _digits.take(16)


def has_trace(head: RequestHead) -> bool:
    """Tell whether a request brings a trace context (W3C)."""
    return TRACE.fullmatch(head.values.get(TRACEPARENT, "")) is not None


def new_trace() -> str:
    """Begin a trace: 128 random bits for it, 64 for our part in it."""
    digits = _digits.take(48)
    return f"00-{digits[:32]}-{digits[32:]}-01"


def origin_lines(exchange: Exchange, *, trusted: bool) -> bytes:
    """Say who the client is; with `trusted` it is a node, whose word on its own client is kept."""
    remote, proto, host = exchange.peer or "unknown", "https" if exchange.secure else "http", exchange.head.host
    told = forwarded(remote, proto, host)
    if trusted:
        earlier = exchange.head.values
        via, before = earlier.get("x-forwarded-for", ""), earlier.get("forwarded", "")
        remote, told = f"{via}, {remote}" if via else remote, f"{before}, {told}" if before else told
        proto, host = earlier.get("x-forwarded-proto", proto), earlier.get("x-forwarded-host", host)
    # The grammar has let all of these values through as one line each.
    lines = f"X-Forwarded-For: {remote}\r\nX-Forwarded-Proto: {proto}\r\nX-Forwarded-Host: {host}\r\n"
    return f"{lines}Forwarded: {told}\r\n".encode("latin-1")


def forwarded(peer: str, proto: str, host: str) -> str:
    """Return an element of `Forwarded` (RFC 7239): whoever asked us, how, and under which name."""
    node = f'"[{peer.partition("%")[0]}]"' if ":" in peer else peer
    named = f';host="{host}"' if host and '"' not in host and "\\" not in host else ""
    return f"for={node}{named};proto={proto}"
