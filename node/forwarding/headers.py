"""Builds the heads that we send, in both directions: what belongs to one hop or is secret never passes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from multidict import CIMultiDict

from node.wire.headers import HOP_BY_HOP, REQUEST_ID, TRACEPARENT

OURS = ("x-rma-", "x-forwarded-")
# A client's credentials are for the gateway; workers are other people's machines.
PRIVATE = frozenset({"authorization", "cookie", "x-api-key", "forwarded", "x-real-ip"})
REBUILT = frozenset({"host", "content-length", "expect", "x-request-id", "traceparent"})
HANDSHAKE = "sec-websocket-"
# What a worker may not set on the gateway's origin, where the dashboard lives.
ORIGIN_WIDE = frozenset(
    {
        "set-cookie", "set-cookie2", "clear-site-data", "strict-transport-security", "service-worker-allowed",
        "alt-svc", "public-key-pins", "nel", "report-to", "x-request-id",
    }
)  # fmt: skip
CORS = "access-control-"
TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# What aiohttp's parser has undone by the time that we read the body.
DECODED = frozenset({"gzip", "deflate", "br", "zstd"})


def connection_named(headers: Mapping[str, str]) -> frozenset[str]:
    """Return the header names that the Connection header declares to be for one hop (RFC 9110 §7.6.1)."""
    return frozenset(part.strip().lower() for part in headers.get("Connection", "").split(","))


def body_was_decoded(headers: Mapping[str, str]) -> bool:
    """Tell whether our HTTP server has already undone the Content-Encoding of a request's body."""
    return headers.get("Content-Encoding", "").strip().lower() in DECODED


def traceparent(headers: Mapping[str, str]) -> str:
    """Return the caller's trace context where it is one (W3C), else a new one."""
    given = headers.get(TRACEPARENT, "")
    return given if TRACE.fullmatch(given) else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def request_headers(
    client: Mapping[str, str], *, remote: str, scheme: str, host: str, request_id: str, trusted: bool
) -> CIMultiDict[str]:
    """Build the head for a worker from a client's; with `trusted` the client is a node, whose word is kept.

    `remote` is the client's address, `scheme` and `host` are how it reached us.
    """
    dropped = HOP_BY_HOP | PRIVATE | REBUILT | connection_named(client)
    if body_was_decoded(client):
        dropped |= {"content-encoding"}
    built: CIMultiDict[str] = CIMultiDict()
    for name, value in client.items():
        lower = name.lower()
        if lower not in dropped and not lower.startswith(OURS) and not lower.startswith(HANDSHAKE):
            built.add(name, value)
    earlier = client if trusted else {}
    via = earlier.get("X-Forwarded-For", "")
    built["X-Forwarded-For"] = f"{via}, {remote}" if via else remote
    built["X-Forwarded-Proto"] = earlier.get("X-Forwarded-Proto", scheme)
    built["X-Forwarded-Host"] = earlier.get("X-Forwarded-Host", host)
    built[REQUEST_ID] = request_id
    built[TRACEPARENT] = traceparent(client)
    return built


def response_headers(upstream: Mapping[str, str]) -> CIMultiDict[str]:
    """Build the head for the client from a worker's answer; Content-Length stays, for it is the body's own."""
    dropped = HOP_BY_HOP | ORIGIN_WIDE | connection_named(upstream)
    built: CIMultiDict[str] = CIMultiDict()
    for name, value in upstream.items():
        lower = name.lower()
        if lower not in dropped and not lower.startswith((*OURS, CORS, HANDSHAKE)):
            built.add(name, value)
    return built
