"""Both ends fed with broken bytes in random pieces: nothing raises, and nothing is left half done."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import request_framing, request_head
from node.forwarding.http1.pool import Address, Upstreams
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.forwarding.http1.upstream import UpstreamConnection
from tests.support.http1 import PASSING, Forwarding
from tests.support.http1_fuzzing import Wire

TURNS = 3000
REQUESTS = [
    b"GET /a HTTP/1.1\r\nHost: g\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n",
    b"HEAD /d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /e HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok",
    b"GET /f HTTP/1.1\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nup to the end",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes",
    b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
]


class Network(Forwarding):
    """A handler whose workers are wires too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.wires: list[Wire] = []

    def send(self, exchange: Exchange) -> None:
        head = exchange.head
        request = request_head(head, head.target.encode(), b"w", PASSING, request_framing(head))
        exchange.forward(self, request, self, self.patience, repeatable=True)

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection | None:
        connection = UpstreamConnection(self.pools[0])
        wire = Wire(connection)
        self.wires.append(wire)
        connection.connection_made(wire)
        return connection

    def cancel(self, exchange: Exchange) -> None:
        pass


def broken(rng: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at]
            case _:
                data[at:at] = rng.choice((b"\r", b"\n", b"\r\n", b":", b" ", b"0", b"\x00", b"Host: x\r\n"))
        if not data:
            return b"\r\n"
    return bytes(data)


def pieces(rng: random.Random, data: bytes) -> list[bytes]:
    cuts = (
        sorted(rng.sample(range(1, len(data)), min(len(data) - 1, rng.choice((0, 1, 3))))) if len(data) > 1 else []
    )
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def test_no_bytes_from_anywhere_raise_or_leave_an_exchange_behind() -> None:
    rng = random.Random(9)
    sweep = Sweep()
    handler = Network()
    handler.pools = [Upstreams(sweep).pool(Address("10.0.0.2", 1))]
    server = Http1Server(handler, [], sweep=sweep)
    loop = asyncio.get_running_loop()
    for _ in range(TURNS):
        handler.wires.clear()
        client = ClientConnection(server, loop)
        wire = Wire(client)
        client.connection_made(wire)
        said = pieces(rng, b"".join(broken(rng, rng.choice(REQUESTS)) for _ in range(rng.randint(1, 3))))
        while said or handler.wires:
            if said and rng.random() < 0.6:
                if not wire.lost:
                    client.data_received(said.pop(0))
                else:
                    said.clear()
            elif handler.wires:
                worker = handler.wires.pop(0)
                for piece in pieces(rng, broken(rng, rng.choice(ANSWERS))):
                    if not worker.closing:
                        worker.protocol.data_received(piece)
                if rng.random() < 0.8:
                    worker.close()
                worker.settle()
            wire.settle()
            if rng.random() < 0.02:
                wire.close()
                wire.settle()
        wire.close()
        wire.settle()
    assert len(handler.begun) == len(handler.over) > TURNS / 2
    assert all(exchange.done and exchange.upstream is None for exchange in handler.begun)
    assert not server.connections
    told = {exchange.status for exchange in handler.over}
    assert told >= {0, 101, 200, 204, 502, 503}
    assert 500 not in told  # what a handler that raised would have been
