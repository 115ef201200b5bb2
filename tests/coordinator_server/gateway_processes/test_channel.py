"""Whole messages over a pair of sockets: in order, however the bytes are cut, and never nonsense."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from coordinator_server.gateway_processes import channel
from coordinator_server.gateway_processes.channel import LENGTH, Channel
from coordinator_server.gateway_processes.messages import Failed, FromGateway, Serving, Wants, from_gateway
from tests.support.waiting import eventually


class End:
    """One end of the line under test, and the raw socket at the other."""

    def __init__(self, refuse: bool = False) -> None:
        self.heard: list[FromGateway] = []
        self.lost = 0
        self.refuse = refuse
        self.channel = Channel(from_gateway, heard=self._hear, lost=self._lose, largest=1000)
        ours, self.raw = socket.socketpair()
        self.ours = ours

    def _hear(self, message: FromGateway) -> None:
        if self.refuse:
            raise ValueError("it cannot be")
        self.heard.append(message)

    def _lose(self) -> None:
        self.lost += 1


@pytest.fixture
async def end() -> AsyncIterator[End]:
    made = End()
    await made.channel.open(made.ours)
    yield made
    made.channel.close()
    made.raw.close()
    await eventually(lambda: made.lost, "it is closed")


def framed(message: Any) -> bytes:
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(LENGTH, "big") + data


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_messages_come_whole_however_they_are_cut(end: End, size: int) -> None:
    sent = [Serving(), Wants("key", "a" * 20, 3), Failed("w1")]
    data = b"".join(map(framed, sent))
    for start in range(0, len(data), size):
        end.raw.sendall(data[start : start + size])
        await asyncio.sleep(0)
    await eventually(lambda: len(end.heard) == len(sent), "all have come")
    assert end.heard == sent


async def test_who_asks_for_more_in_one_turn_than_may_wait_is_cut_off_at_once(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MOST_UNSENT", 1000)
    for _ in range(5):
        end.channel.send(Wants("key", "k" * 100, 1))
        await asyncio.sleep(0)  # in turns of their own they are no more than a few
    for _ in range(20):
        end.channel.send(Wants("key", "k" * 100, 1))
    await eventually(lambda: end.lost, "its line is cut")
    end.raw.settimeout(30)
    got = b""
    while data := await asyncio.to_thread(end.raw.recv, 4096):
        got += data
    assert len(got) == 5 * len(framed(Wants("key", "k" * 100, 1)))


async def test_what_is_sent_in_one_turn_leaves_in_order(end: End) -> None:
    for number in range(1, 4):
        end.channel.send(Wants("key", "k", number))
    end.raw.settimeout(30)
    wanted = b"".join(framed(Wants("key", "k", number)) for number in range(1, 4))
    got = b""
    while len(got) < len(wanted):
        got += await asyncio.to_thread(end.raw.recv, 4096)
    assert got == wanted


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff\xff\xff\xff",
        (1001).to_bytes(4, "big"),
        framed(["Drain", 1.0]),  # a message of the other direction
        framed(["Wants", "key", "k", 0]),
        framed(["Wants", "other", "k", 1]),
        framed(["Wants", "key", "k" * 501, 1]),
        framed({}),
        (3).to_bytes(4, "big") + b"\xc1\xc1\xc1",
    ],
)
async def test_nonsense_ends_the_line(end: End, nonsense: bytes) -> None:
    end.raw.sendall(framed(Serving()) + nonsense + framed(Serving()))
    await eventually(lambda: end.lost, "the line is cut")
    assert end.heard == [Serving()]
    end.channel.send(Serving())  # to nobody


async def test_a_message_that_cannot_be_taken_ends_the_line() -> None:
    end = End(refuse=True)
    await end.channel.open(end.ours)
    end.raw.sendall(framed(Serving()))
    await eventually(lambda: end.lost, "the line is cut")
    end.raw.close()


async def test_the_end_of_the_other_side_is_heard_once(end: End) -> None:
    end.raw.close()
    await eventually(lambda: end.lost, "it is noticed")
    end.channel.close()
    assert (end.lost, end.channel.closed) == (1, True)
