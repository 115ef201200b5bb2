"""Coordinators behind a proxy: it carries what it cannot read, and nobody else is connected to through it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from node.forwarding.by_proxy import ProxyConnector
from node.forwarding.http1.pool import Address, Connect, CoordinatorAddress
from node.forwarding.http1.upstream import UpstreamConnection
from node.program.proxies import UNREADABLE, Proxy, System, ThroughProxies, parse_proxy
from tests.support.certificates import self_signed
from tests.support.http_proxy import LOOPBACK, SmallProxy, small_proxy
from tests.support.waiting import eventually

NAME = "mesh.test"  # known to the proxy alone
USER = "ann:s3cretword"


class Connection(asyncio.Protocol):
    """What the pool would have."""

    def __init__(self) -> None:
        self.transport = cast("asyncio.Transport", None)
        self.made = 0
        self.heard = asyncio.Queue[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    async def says(self, data: bytes) -> bytes:
        self.transport.write(data)
        async with asyncio.timeout(60):
            return await self.heard.get()


class Server(asyncio.Protocol):
    """Says back what it hears, or always the same and hangs up."""

    open: ClassVar[set[Server]] = set()

    def __init__(self, says: bytes | None = None) -> None:
        self._says = says
        self.transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.open.add(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data if self._says is None else self._says)
        if self._says is not None:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self.open.discard(self)


@contextlib.asynccontextmanager
async def listening(says: bytes | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(lambda: Server(says), LOOPBACK, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in tuple(Server.open):
            one.transport.abort()
        await eventually(lambda: not Server.open, "all connections have ended")


async def connected(connector: ProxyConnector, address: Address) -> Connection:
    connection = Connection()
    await connector(address, cast("UpstreamConnection", connection))
    assert connection.made == 1
    return connection


def through(proxy: SmallProxy, user: str = USER, others: Connect | None = None) -> ProxyConnector:
    settings = dict.fromkeys(("http", "https"), proxy.url(user))
    return ProxyConnector(ThroughProxies(System(lambda: settings, lambda _host: False)).find, others)


@pytest.fixture
async def proxy() -> AsyncIterator[SmallProxy]:
    async with small_proxy(SmallProxy({NAME: LOOPBACK}, USER)) as proxy:
        yield proxy


async def test_a_coordinator_is_reached_and_its_certificate_looked_at(proxy: SmallProxy, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, NAME)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(cert, key)
    trusting, others = ssl.create_default_context(cafile=str(cert)), ssl.create_default_context()
    async with listening(tls=own) as port:
        connection = await connected(through(proxy), CoordinatorAddress(NAME, port, trusting, NAME))
        assert await connection.says(b"hello") == b"hello"
        connection.transport.abort()
        with pytest.raises(ssl.SSLError):
            await connected(through(proxy), CoordinatorAddress(NAME, port, others, NAME))
        assert proxy.asked == [f"CONNECT {NAME}:{port} HTTP/1.1"] * 2
    async with listening() as port:
        connection = await connected(through(proxy), CoordinatorAddress(NAME, port))
        assert await connection.says(b"hello") == b"hello"
        connection.transport.abort()


async def test_a_proxy_that_passes_nothing_on_is_an_error_like_any_other(proxy: SmallProxy) -> None:
    address = CoordinatorAddress(NAME, 443)
    with pytest.raises(OSError, match="does not pass this on"):
        await connected(through(proxy, "ann:wrong"), address)
    proxy.refuses_with = 403
    with pytest.raises(OSError, match="does not pass this on"):
        await connected(through(proxy), address)
    proxy.port = 1
    with pytest.raises(OSError, match=r"."):
        await connected(through(proxy), address)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\nmore", b"x" * 20_000, b"nonsense\r\n\r\n"])
async def test_no_answer_of_a_proxy_is_taken_for_more_than_it_is(answer: bytes) -> None:
    async with listening(answer) as port:
        found = parse_proxy(f"http://{LOOPBACK}:{port}")

        async def find(_url: str) -> Proxy:
            return found

        with pytest.raises(OSError, match=r"."):
            async with asyncio.timeout(60):
                await connected(ProxyConnector(find), CoordinatorAddress(NAME, 443))


async def test_workers_and_what_no_proxy_holds_for_are_connected_to_directly(proxy: SmallProxy) -> None:
    went: list[Address] = []

    async def others(address: Address, connection: Any) -> None:
        went.append(address)
        connection.connection_made(None)

    async def unreadable(_url: str) -> Proxy:
        return UNREADABLE

    worker, own = Address("worker.example.org", 443), CoordinatorAddress(LOOPBACK, 9000)
    await connected(through(proxy, others=others), worker)
    await connected(through(proxy, others=others), own)
    await connected(ProxyConnector(unreadable, others), CoordinatorAddress(NAME, 443))
    assert went == [worker, own, CoordinatorAddress(NAME, 443)]
    assert proxy.asked == []
