"""What of a client's request goes to a worker, whoever that will be; for a head that recurs it is made once."""

from __future__ import annotations

import msgspec

from node.forwarding.headers import (
    REQUEST,
    UPGRADE_REQUEST,
    has_trace,
    new_trace,
    origin_lines,
)
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import RequestHead, passed_fields, request_framing, request_start
from node.forwarding.paths import check_path
from node.wire.headers import REQUEST_ID, TRACEPARENT
from node.wire.manifests import Manifest
from node.wire.problems import Problem

KEY = "outbound"  # in a head's cache


class Outbound(msgspec.Struct, frozen=True, eq=False):
    """The parts of a head that are the same for every worker; `path` is what it was made of."""

    manifest: Manifest
    path: str | None
    trusted: bool
    to_service: bytes  # up to the end of the target, for a service of this machine
    to_node: bytes  # the same for another node
    fields: bytes  # whole lines: the client's own, and who it is
    traced: bool


def outbound_of(exchange: Exchange, manifest: Manifest, path: str | None, trusted: bool) -> Outbound:
    """Check a request and build what can be built of it; `path` None means the manifest's. Raise Problem.

    `path` is raw and begins with a slash; `trusted` says that another node sent the request.
    """
    head = exchange.head
    known: Outbound | None = head.cache.get(KEY)
    if known is not None and known.manifest is manifest and known.path == path and known.trusted is trusted:
        return known
    target = check_path(manifest.default_path if path is None else path)
    query = head.target.partition("?")[2]
    target = f"{target}?{query}" if query else target
    traced = has_trace(head)
    start = request_start(head)
    made = head.cache[KEY] = Outbound(
        manifest,
        path,
        trusted,
        start + target.encode("latin-1"),
        start + f"/service/{manifest.name}{target}".encode("latin-1"),
        _fields(exchange, head, traced=traced, trusted=trusted),
        traced,
    )
    return made


def check_length(head: RequestHead, limit: int) -> None:
    """Refuse a body that says by itself that it is too large."""
    if head.length is not None and head.length > limit:
        raise too_large(limit)


def too_large(limit: int) -> Problem:
    text = f"The body is larger than the {limit} bytes that this service takes."
    return Problem("payload-too-large", text, limit_bytes=limit)


def id_lines(exchange: Exchange, outbound: Outbound) -> bytes:
    """Return the lines by which this one request is known all the way."""
    if outbound.traced:
        return f"{REQUEST_ID}: {exchange.request_id}\r\n".encode("latin-1")
    return f"{REQUEST_ID}: {exchange.request_id}\r\n{TRACEPARENT}: {new_trace()}\r\n".encode("latin-1")


def _fields(exchange: Exchange, head: RequestHead, *, traced: bool, trusted: bool) -> bytes:
    passing = UPGRADE_REQUEST if head.websocket else REQUEST
    lines = passed_fields(head, passing) + origin_lines(exchange, trusted=trusted) + request_framing(head)
    if traced:
        lines += f"{TRACEPARENT}: {head.values[TRACEPARENT]}\r\n".encode("latin-1")
    return lines
