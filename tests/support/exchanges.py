"""Exchanges as handlers get them, of raw heads, without a connection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import HeadLimits, RequestHead, parse_request


def head(*lines: str, request: str = "GET /service/ocr") -> RequestHead:
    """Parse a head with these lines and a Host."""
    text = "\r\n".join((f"{request} HTTP/1.1", "Host: gw", *lines, "", ""))
    return parse_request(text.encode("latin-1"), HeadLimits())


def exchange(
    *lines: str, request: str = "GET /service/ocr", peer: str = "10.0.0.9", secure: bool = True
) -> Exchange:
    """Return the exchange of such a head, from a client that is only an address."""
    client: Any = SimpleNamespace(peer=peer, secure=secure, loop=None)
    return Exchange(client, head(*lines, request=request), 0.0)
