"""Opens a WebSocket, through a proxy where the system has one, and takes the connection below it."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from node.forwarding.websocket.handshake import VERSION, accept_key


class RefusedError(Exception):
    """The other side opens no WebSocket here; `status` is what it says instead."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that speaks WebSocket from here on; `release` is to be called when that is over."""

    transport: asyncio.Transport
    early: bytes  # what has come already
    response: aiohttp.ClientResponse
    handler: asyncio.Protocol  # aiohttp's own, whose session waits for its end

    def release(self) -> None:
        """Close the connection, and give back what is held for it."""
        self.response.close()
        self.transport.abort()
        self.handler.connection_lost(None)


class Early:
    """Takes what the other side sends at once, until somebody else listens; see aiohttp's payload parsers."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Leave the end to whoever takes over."""


async def open_websocket(session: aiohttp.ClientSession, url: str, fields: Mapping[str, str]) -> Opened:
    """Open it; raise RefusedError, or what aiohttp raises where nobody answers."""
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    wanted = {
        **fields,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": VERSION,
        "Sec-WebSocket-Key": key,
    }
    response = await session.get(url, headers=wanted, allow_redirects=False, read_until_eof=False)
    connection = response.connection
    told = response.headers.get("Sec-WebSocket-Accept", "")
    if response.status != 101 or told != accept_key(key) or connection is None or connection.protocol is None:
        response.close()
        raise RefusedError(response.status)
    early, transport, handler = Early(), connection.transport, connection.protocol
    handler.set_parser(early, None)
    if transport is None or transport.is_closing():
        response.close()
        raise ConnectionResetError("it broke at once")
    return Opened(transport, early.data, response, handler)
