"""Workers' ends of channels in tests."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType

from coordinator_server.channel.channels import Channels
from coordinator_server.front import FRONT
from node.wire.channel import PATH
from node.wire.headers import SIGNATURE
from node.wire.messages import Assignment
from node.wire.signed_requests import sign_request
from tests.support.coordinators import Room, Worker

DEADLINE = 60.0
Socket = aiohttp.ClientWebSocketResponse[bool]


def channels(room: Room) -> Channels:
    return room.site.app[FRONT].channels


def signed(worker: Worker, token: str = "") -> dict[str, str]:
    """Return what a worker opens its channel with."""
    token = token or worker.token
    signature = sign_request(worker.key, "channel", token, b"", secrets.token_urlsafe(12))
    return {"Authorization": f"Bearer {token}", SIGNATURE: signature}


@contextlib.asynccontextmanager
async def open_channel(worker: Worker, headers: dict[str, str] | None = None) -> AsyncIterator[Socket]:
    sent = signed(worker) if headers is None else headers
    # Closing by itself, aiohttp forgets the code when the other end has closed the connection meanwhile.
    async with worker.session.ws_connect(
        worker.url + PATH, headers=sent, autoclose=False, max_msg_size=2**25
    ) as socket:
        yield socket


async def status_of(worker: Worker, headers: dict[str, str]) -> int:
    """Return the status with which a channel is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with open_channel(worker, headers):
            pass
    return refused.value.status


async def hear(socket: Socket) -> Assignment:
    """Return what is pushed next; where pings are not answered, they may come before it."""
    async with asyncio.timeout(DEADLINE):
        while (message := await socket.receive()).type is WSMsgType.PING:
            pass
    assert message.type is WSMsgType.TEXT, message
    assert msgspec.json.decode(message.data)["type"] == "assignment"
    return msgspec.json.decode(message.data, type=Assignment)


async def close_code(socket: Socket) -> int | None:
    """Return with what code the channel is closed, after whatever is pushed before."""
    async with asyncio.timeout(DEADLINE):
        while (message := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
    return message.data if message.type is WSMsgType.CLOSE else socket.close_code
