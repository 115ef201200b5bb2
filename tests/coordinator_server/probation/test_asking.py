"""Asking a canary: in the form of the gateway's requests, and no answer whatever it is does harm."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from coordinator_server.gateway.key_uses import Came
from coordinator_server.probation.asking import Asker
from coordinator_server.probation.canaries import Question
from node.wire.messages import Endpoints, WorkerRecord

QUESTION = Question("POST", "/ask", "text/plain", b"hello", 200, ("x",))


async def not_relayed(_worker_id: str, _connection: asyncio.Protocol) -> bool:
    raise OSError("it has no channel")


def asker(patience: float = 60.0, *, secure: bool = False) -> Asker:
    return Asker(
        lambda worker_id: f"token-for-{worker_id}",
        not_relayed,
        vpn_up=lambda: False,
        secure=secure,
        came=lambda: Came("192.0.2.5", "mesh.example:8080"),
        patience=patience,
    )


def record(*ports: int) -> WorkerRecord:
    ends = Endpoints(port=ports[0], direct_hosts=("127.0.0.1",)) if ports else Endpoints(port=1)
    return WorkerRecord(worker_id="w-1", endpoints=ends, services=("probe",))


class Speaker(asyncio.Protocol):
    """Answers the first request with bytes of the test's choice, and may hang up then."""

    def __init__(self, answer: bytes, heard: list[bytes], close: bool) -> None:
        self._answer = answer
        self._heard = heard
        self._close = close
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if end and (b"Content-Length: 5" not in head or len(body) == 5):
            self._heard.append(self._read)
            self._transport.write(self._answer)
            if self._close:
                self._transport.close()


@contextlib.asynccontextmanager
async def worker(answer: bytes, heard: list[bytes] | None = None, *, close: bool = False) -> AsyncIterator[int]:
    said = heard if heard is not None else []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Speaker(answer, said, close), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(answer: bytes, *, close: bool = False, patience: float = 60.0) -> tuple[int, bytes]:
    async with worker(answer, close=close) as port:
        return await asker(patience).ask(record(port), "probe", QUESTION)


async def test_it_reads_like_any_other_request() -> None:
    heard: list[bytes] = []
    async with worker(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", heard) as port:
        assert await asker().ask(record(port), "probe", QUESTION) == (200, b"hi")
        await asker().ask(record(port), "probe", Question("GET", "/", "", b"", 200, ("x",)))
    head, body = heard[0].split(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert (lines[0], body) == ("POST /service/probe/ask HTTP/1.1", b"hello")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert fields["X-RMA-Token"] == "token-for-w-1"
    assert (fields["X-Forwarded-For"], fields["X-RMA-Hops"]) == ("192.0.2.5", "1")
    assert (fields["X-Forwarded-Proto"], fields["X-Forwarded-Host"]) == ("http", "mesh.example:8080")
    assert fields["Forwarded"] == 'for=192.0.2.5;host="mesh.example:8080";proto=http'
    assert not [name for name in fields if "canary" in name.lower() or "probe" in name.lower()]
    assert heard[1].startswith(b"GET /service/probe/ HTTP/1.1\r\n")
    assert b"Content-Length" not in heard[1]


@pytest.mark.parametrize(
    ("answer", "close", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", False, b"hi"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi", True, b"hi"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", False, b"hi"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False, b""),
    ],
)
async def test_every_form_of_an_answer_is_read(answer: bytes, close: bool, body: bytes) -> None:
    assert await ask(answer, close=close) == (200, body)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_100_000,
        b"X" * 100_000,
    ],
)
async def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    with pytest.raises(OSError, match=r"it broke off|not HTTP|far too long"):
        await ask(answer, close=True)


async def test_who_does_not_answer_in_time_or_cannot_be_reached_is_an_error() -> None:
    with pytest.raises(TimeoutError):
        await ask(b"HTTP/1.1 100 Continue\r\n\r\n", patience=0.1)
    with pytest.raises(OSError, match="no address"):
        await asker().ask(record(), "probe", QUESTION)
