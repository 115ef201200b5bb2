"""An address is asked briefly, where it may be, without following anything or reading much."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from coordinator_server.entry_points import prober as module
from coordinator_server.entry_points.prober import BusyError, Prober, UnreachedError
from node.forwarding.resolver import LookUp
from node.wire.entry_points import CHALLENGE, PROOF
from tests.support.certificates import self_signed
from tests.support.entry_points import Answering, answering

NONCE, NAME = "n" * 32, "worker.example.org"


def here(host: str) -> bool:
    return host == "127.0.0.1"


@contextlib.asynccontextmanager
async def probing(
    *found: str, limit: float = 30.0, tls: ssl.SSLContext | None = None, look_up: LookUp | None = None
) -> AsyncIterator[Prober]:
    """Make a prober for which only 127.0.0.1 is on the internet, and every name has these addresses."""

    async def as_given(_name: str, _port: int) -> Sequence[str]:
        return found

    yield Prober(limit, look_up or as_given, here, tls)


@contextlib.asynccontextmanager
async def sending(send: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve one request with whatever bytes a test wants, and wait for its end."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            await send(writer)
            await reader.read()
        writer.transport.abort()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(60):
            await ended.wait()


async def why_not(url: str, *found: str, limit: float = 30.0) -> UnreachedError:
    async with probing(*found, limit=limit) as prober:
        with pytest.raises(UnreachedError) as caught:
            await prober.ask(url, NONCE)
    assert str(caught.value).endswith(".")
    return caught.value


async def test_it_brings_the_nonce_and_returns_the_proof() -> None:
    async with answering() as place, probing() as prober:
        place.answer = lambda nonce: web.json_response({PROOF: f"proof of {nonce}", "status": "ok"})
        assert await prober.ask(place.url, NONCE) == f"proof of {NONCE}"
        (request,) = place.asked
        assert (request.method, request.path, request.headers[CHALLENGE]) == ("GET", "/health", NONCE)
        assert "Cookie" not in request.headers


@pytest.mark.parametrize(
    ("answer", "text", "certain"),
    [
        (lambda: web.Response(status=302, headers={"Location": "http://10.0.0.1/"}), "status 302", True),
        (lambda: web.Response(status=401), "status 401", True),
        (lambda: web.Response(status=530), "status 530", False),
        (lambda: web.Response(body=b"x" * 5000), "far more", True),
        (lambda: web.Response(headers={f"X-{n}": "x" for n in range(200)}), "cannot be asked", False),
        (lambda: web.Response(headers={"X-Long": "x" * 9000}), "cannot be asked", False),
    ],
)
async def test_what_is_no_answer(answer: Callable[[], web.Response], text: str, certain: bool) -> None:
    async with answering() as place:
        place.answer = lambda _: answer()
        error = await why_not(place.url)
        assert text in str(error)
        assert error.certain is certain
        assert len(place.asked) == 1, "nothing is followed"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b"5", b"[" * 4000, b"{}"])
async def test_an_answer_without_proof(body: bytes) -> None:
    async with answering() as place, probing() as prober:
        place.answer = lambda _: web.Response(body=body)
        assert await prober.ask(place.url, NONCE) is None


async def test_addresses_that_are_not_on_the_internet_are_not_connected_to() -> None:
    async with answering() as place:
        port = place.url.rpartition(":")[2]
        for url in (f"http://127.0.0.2:{port}", f"http://[::1]:{port}", "http://10.0.0.1:8000"):
            assert (await why_not(url)).certain
        for found in ((), ("10.0.0.1",), ("::1", "169.254.169.254", "127.0.0.2")):
            error = await why_not(f"https://{NAME}:{port}", *found)
            assert "no address of the internet" in str(error)
        assert place.asked == []


async def test_of_a_names_addresses_only_public_ones_are_connected_to(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, NAME)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=cert)
    server.load_cert_chain(cert, key)
    async with answering(server) as place:
        place.answer = lambda nonce: web.json_response({PROOF: nonce})
        url = f"https://{NAME}:{place.url.rpartition(':')[2]}"
        async with probing("127.0.0.2", "::1", "127.0.0.1", tls=client) as prober:
            assert await prober.ask(url, NONCE) == NONCE
        assert place.asked[0].host == url.removeprefix("https://")
        assert "certificate" in str(await why_not(url, "127.0.0.1"))
        async with probing("127.0.0.1", tls=client) as prober:
            with pytest.raises(UnreachedError, match="certificate"):
                await prober.ask(url.replace("worker", "other"), NONCE)


async def test_a_name_that_changes_is_looked_up_each_time(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, NAME)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=cert)
    server.load_cert_chain(cert, key)
    found = [["127.0.0.1"], ["10.0.0.1"]]

    async def look_up(_name: str, _port: int) -> Sequence[str]:
        return found.pop(0)

    async with answering(server) as place, probing(look_up=look_up, tls=client) as prober:
        place.answer = lambda nonce: web.json_response({PROOF: nonce})
        url = f"https://{NAME}:{place.url.rpartition(':')[2]}"
        assert await prober.ask(url, NONCE) == NONCE
        with pytest.raises(UnreachedError, match="no address of the internet"):
            await prober.ask(url, NONCE)
        assert len(place.asked) == 1


async def test_names_that_are_not_known_and_ports_that_are_closed() -> None:
    async def look_up(_name: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with probing(look_up=look_up) as prober:
        with pytest.raises(UnreachedError, match="not known"):
            await prober.ask(f"https://{NAME}", NONCE)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        error = await why_not(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert not error.certain


async def test_silence_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        error = await why_not(f"http://127.0.0.1:{silent.getsockname()[1]}", limit=0.05)
    assert "within 0.05 s" in str(error)
    assert not error.certain


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", "status 100"),
        (b"HTTP/1.1 103 E\r\n" + b"x: y\r\n" * 70 + b"\r\n", "cannot be asked"),
        (b"\r\n" * 500, "cannot be asked"),
        (b"x" * 100, "cannot be asked"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 5000, "far more"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9000, "far more"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 9000, "far more"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "status 101"),
    ],
)
async def test_an_answer_without_end_is_not_read(sent: bytes, text: str) -> None:
    """What is sent again and again is given up after some kilobytes, and not when the time is over."""

    async def send(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(sent)
            await writer.drain()

    async with sending(send) as url:
        assert text in str(await why_not(url, limit=600.0))


async def test_an_answer_in_chunks_and_after_hints_is_read() -> None:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b'9\r\n{"proof":\r\n4\r\n"me"\r\n1\r\n}\r\n0\r\n\r\n')
        await writer.drain()

    async with sending(send) as url, probing(limit=600.0) as prober:
        assert await prober.ask(url, NONCE) == "me"


async def test_where_the_first_address_of_a_name_is_dead_the_next_is_asked(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, NAME)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=cert)
    server.load_cert_chain(cert, key)

    async def look_up(_name: str, _port: int) -> Sequence[str]:
        return ["::1", "127.0.0.2", "127.0.0.1"]

    async with answering(server) as place:
        place.answer = lambda nonce: web.json_response({PROOF: nonce})
        prober = Prober(60.0, look_up, lambda _host: True, client)
        assert await prober.ask(f"https://{NAME}:{place.url.rpartition(':')[2]}", NONCE) == NONCE


async def test_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    go_on = asyncio.Event()

    async def look_up(_name: str, _port: int) -> Sequence[str]:
        await go_on.wait()
        return []

    prober = Prober(600.0, look_up, here)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_unreached(prober)) for _ in range(module.AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await prober.ask(f"https://{NAME}", NONCE)
        go_on.set()
    assert all(one.result() for one in asked)


async def _unreached(prober: Prober) -> bool:
    with contextlib.suppress(UnreachedError):
        await prober.ask(f"https://{NAME}", NONCE)
        return False
    return True


def test_the_places_of_tests_are_what_they_seem() -> None:
    assert Prober(1.0).may_ask("https://worker.example.org")
    assert not Prober(1.0).may_ask("http://127.0.0.1:8000")
    assert Answering().url == ""
