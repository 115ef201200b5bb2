"""A second try beside the first: who wins answers the client, and the other one is let go of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import ResponseHead, request_framing, request_head
from node.forwarding.http1.interface import Trouble
from node.forwarding.http1.rival import Rival
from tests.support.http1 import (
    DEADLINE,
    PASSING,
    Forwarding,
    Plane,
    Worker,
    answer_ok,
    read_request,
    running,
    working,
)
from tests.support.waiting import eventually

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


@dataclass
class Racing(Forwarding):
    """Forwards to the first worker, and to the second as well when told."""

    exchange: Exchange | None = None
    rival: Rival | None = None
    peeks: bool = False
    answers: list[str] = field(default_factory=list)

    def begin(self, exchange: Exchange) -> None:
        self.begun.append(exchange)
        self.exchange = exchange
        self.ask(exchange, 0)

    def ask(self, exchange: Exchange, turn: int) -> None:
        head = exchange.head
        request = request_head(head, head.target.encode(), b"w", PASSING, request_framing(head))
        exchange.forward(self.pools[turn], request, self, self.patience)

    def race(self) -> None:
        assert self.exchange is not None
        self.rival = Rival(self.exchange)
        self.ask(self.rival, 1)

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        self.answers.append("rival" if exchange is self.rival else "first")
        if self.peeks:
            exchange.peek(lambda _body: self.relay(exchange))
        else:
            self.relay(exchange)

    def relay(self, exchange: Exchange) -> None:
        assert self.exchange is not None
        if exchange is self.rival:
            self.rival.hand_over(self.exchange)
        self.exchange.relay(PASSING)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        self.troubles.append(trouble)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def begun(plane: Plane, first: Worker, handler: Racing) -> None:
    await eventually(
        lambda: handler.exchange is not None and handler.exchange.upstream is not None and first.open == 1,
        "the first worker is asked",
        DEADLINE,
    )


@pytest.mark.parametrize("peeks", [False, True])
@pytest.mark.parametrize("request_", [GET, POST])
async def test_a_rival_that_wins_answers_the_client_and_the_first_is_let_go(request_: bytes, peeks: bool) -> None:
    handler = Racing(peeks=peeks)
    async with (
        working(silent) as first,
        working(answer_ok) as second,
        running(first, second, handler=handler) as plane,
    ):
        async with plane.client() as client:
            for _ in range(2):
                handler.exchange = None
                await client.say(request_)
                await begun(plane, first, handler)
                handler.race()
                answer = await client.answer()
                assert answer.status == 200
                assert answer.body.endswith(request_.partition(b"\r\n\r\n")[2])
                await eventually(lambda: first.open == 0, "the first is let go", DEADLINE)
        assert handler.answers == ["rival", "rival"]
        assert handler.troubles == []


async def test_a_first_that_wins_lets_the_rival_go() -> None:
    release = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await release.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        await reader.read()

    handler = Racing()
    async with working(late) as first, working(silent) as second, running(first, second, handler=handler) as plane:
        async with plane.client() as client:
            await client.say(GET)
            await begun(plane, first, handler)
            handler.race()
            await eventually(lambda: second.open == 1, "the rival is asked", DEADLINE)
            release.set()
            assert (await client.answer()).body == b"late"
            assert handler.rival is not None
            handler.rival.discard()
            await eventually(lambda: second.open == 0, "the rival is let go", DEADLINE)
        assert handler.answers == ["first"]


async def test_a_rival_that_raises_ends_the_request() -> None:
    class Broken(Racing):
        def answered(self, exchange: Exchange, head: ResponseHead) -> None:
            raise RuntimeError("a bug")

    handler = Broken()
    async with (
        working(silent) as first,
        working(answer_ok) as second,
        running(first, second, handler=handler) as plane,
    ):
        async with plane.client() as client:
            await client.say(GET)
            await begun(plane, first, handler)
            handler.race()
            assert (await client.answer()).status == 500
        await eventually(lambda: first.open == second.open == 0, "both are let go", DEADLINE)
