"""Machines of the DHT say from where they see a question come; what is forged or foreign is not heard."""

from __future__ import annotations

import asyncio
from typing import Any

from node.dht.messages import RESPONSE, Pong, Proof, decode, encode
from node.reachability.observations import Mapped
from node.reachability.udp import MOST, Address, Asking, ask_where_seen, places

TAG = b"mesh"
SENDER = bytes(20)


def pong(message_id: bytes, seen: bytes, tag: bytes = TAG) -> bytes:
    return encode(RESPONSE, message_id, tag, Pong(SENDER, Proof(b"c", seen, b"s")))


class Answering(asyncio.DatagramProtocol):
    """Answers with where it pretends to see the question come from, after losing some."""

    def __init__(self, seen: bytes, loses: int = 0) -> None:
        self.seen, self.loses = seen, loses
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # UDP
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        assert self.transport is not None
        if self.loses:
            self.loses -= 1
            return
        message_id, _ = decode(data, TAG)
        for answer in (b"noise", pong(message_id, self.seen, b"else"), pong(bytes(20), self.seen)):
            self.transport.sendto(answer, addr)
        self.transport.sendto(pong(message_id, self.seen), addr)


async def listening(answering: Answering) -> Address:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: answering, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    return host, port


async def test_each_is_asked_from_the_same_socket_until_it_answers() -> None:
    seen = bytes([192, 0, 2, 1]) + (4000).to_bytes(2, "big")
    one, lossy = Answering(seen), Answering(seen, loses=1)
    asked = [await listening(one), await listening(lossy)]
    try:
        found = await ask_where_seen(asked, TAG, 30.0)
        assert set(found) == {Mapped(address, ("192.0.2.1", 4000)) for address in asked}
    finally:
        for each in (one, lossy):
            assert each.transport is not None
            each.transport.close()


async def test_who_does_not_answer_is_left_out_in_time() -> None:
    deaf = Answering(b"", loses=1000)
    address = await listening(deaf)
    try:
        assert await ask_where_seen([address], TAG, 0.1) == ()
        assert await ask_where_seen([], TAG, 30.0) == ()
    finally:
        assert deaf.transport is not None
        deaf.transport.close()


def test_answers_count_only_from_whom_they_were_asked() -> None:
    here, there = ("192.0.2.7", 1), ("192.0.2.8", 1)
    asking = Asking([here], TAG)
    (message_id,) = asking._questions
    answer = pong(message_id, bytes([192, 0, 2, 1, 0, 9]))
    asking.datagram_received(answer, there)
    asking.datagram_received(pong(message_id, bytes(7)), here)
    assert not asking.found
    asking.datagram_received(answer, here)
    assert asking.found[here].seen == ("192.0.2.1", 9)
    assert asking.all_answered.is_set()


def test_few_are_asked_each_once_and_only_addresses() -> None:
    many = [(f"192.0.2.{number}", 1) for number in range(20)]
    assert places([("192.0.2.0", 7), ("mesh.example", 1), ("2001:db8::1", 1), *many]) == (
        ("192.0.2.0", 7),
        *many[1:MOST],
    )
