"""The beginning of a WebSocket (RFC 6455 §4), and who has the connection from then on."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import RequestHead
from node.wire.problems import Problem

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"


def accept_key(key: str) -> str:
    """Return the answer to a client's key, which shows that we speak WebSocket."""
    digest = hashlib.sha1(key.encode("latin-1") + GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def check_handshake(head: RequestHead) -> None:
    """Raise a Problem for a request that does not ask for a WebSocket."""
    if head.method != "GET" or not head.websocket or head.has_body:
        raise Problem(
            "invalid-request", "This address speaks WebSocket.", status=426, headers={"Upgrade": "websocket"}
        )
    if head.get("sec-websocket-version") != VERSION or not _is_key(head.get("sec-websocket-key")):
        text = "Sec-WebSocket-Version must be 13, and Sec-WebSocket-Key 16 bytes in base64."
        raise Problem("invalid-request", text, headers={"Sec-WebSocket-Version": VERSION})


def accept(exchange: Exchange, lines: bytes = b"") -> tuple[asyncio.Transport, bytes]:
    """Say yes to a checked handshake; return the connection, and what came behind it, for who speaks on."""
    key = accept_key(exchange.head.get("sec-websocket-key")).encode("ascii")
    start = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return exchange.client.give_away(exchange, b"%bSec-WebSocket-Accept: %b\r\n%b\r\n" % (start, key, lines))


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
