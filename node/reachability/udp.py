"""Asks machines of the DHT from where they see our questions come, as STUN does, all from one socket of its own.

What they answer is signed, but for whoever answers by himself, which makes it no truer; it only makes a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from collections.abc import Sequence
from typing import Any

from node.dht.messages import ID_BYTES, REQUEST, ForeignError, MalformedError, Ping, Pong, decode, encode
from node.dht.records import KEY_BYTES
from node.reachability.observations import Mapped

MOST = 6  # machines that are asked
TRIES, PAUSE = 3, 0.5  # seconds between two: a datagram may get lost

Address = tuple[str, int]


def places(addresses: Sequence[Address]) -> tuple[Address, ...]:
    """Return those that are addresses and can be asked from an IPv4 socket: at most MOST, one per machine."""
    found: dict[str, Address] = {}
    for host, port in addresses:
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(host).version == 4:
                found.setdefault(host, (host, port))
    return tuple(found.values())[:MOST]


class Asking(asyncio.DatagramProtocol):
    """Holds the questions that are under way, and what came back."""

    def __init__(self, asked: Sequence[Address], mesh_tag: bytes) -> None:
        self._tag = mesh_tag
        self._questions = {os.urandom(ID_BYTES): address for address in asked}
        self._sender = os.urandom(KEY_BYTES)  # nobody: an id of ours would be looked for at this socket
        self.found: dict[Address, Mapped] = {}
        self.all_answered = asyncio.Event()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # UDP
        self.transport = transport

    def send(self) -> None:
        """Ask all who have not answered."""
        for message_id, address in self._questions.items():
            if address not in self.found and self.transport is not None:
                with contextlib.suppress(OSError):
                    data = encode(REQUEST, message_id, self._tag, Ping(self._sender, prove=True))
                    self.transport.sendto(data, address)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        try:
            message_id, message = decode(data, self._tag)
        except (MalformedError, ForeignError):
            return
        if self._questions.get(message_id) != (addr[0], addr[1]) or not isinstance(message, Pong):
            return
        if message.proof is not None and len(message.proof.seen) in (6, 18):
            seen = message.proof.seen
            where = (str(ipaddress.ip_address(seen[:-2])), int.from_bytes(seen[-2:], "big"))
            self.found[addr[0], addr[1]] = Mapped((addr[0], addr[1]), where)
        if len(self.found) == len(self._questions):
            self.all_answered.set()

    def error_received(self, exc: Exception) -> None:
        """Do nothing: silence says the same."""


async def ask_where_seen(addresses: Sequence[Address], mesh_tag: bytes, limit: float) -> tuple[Mapped, ...]:
    """Return what those that answer within so many seconds have seen; raise OSError where there is no socket."""
    if not addresses:
        return ()
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(
        lambda: Asking(addresses, mesh_tag),
        local_addr=("0.0.0.0", 0),  # noqa: S104 - whichever leads there
    )
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for _ in range(TRIES):
                    asking.send()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(PAUSE):
                            await asking.all_answered.wait()
                            break
                await asking.all_answered.wait()
    finally:
        transport.close()
    return tuple(asking.found.values())
