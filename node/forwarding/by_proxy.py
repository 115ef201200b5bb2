"""Connects to coordinators through the system's HTTP proxy, where there is one: by CONNECT, which hides all.

Workers are connected to without one: a proxy knows no address of their networks.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from node.forwarding.http1.head import field_line
from node.forwarding.http1.pool import Address, Connect, CoordinatorAddress
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.resolver import PublicConnector
from node.program.proxies import Proxy

LARGEST = 16 * 1024  # bytes of a proxy's answer
FindProxy = Callable[[str], Awaitable[Proxy | None]]


class ProxyConnector:
    """Finds out each time which proxy holds for a coordinator; `others` makes all other connections."""

    def __init__(self, find: FindProxy, others: Connect | None = None) -> None:
        self._find = find
        self._others = others or PublicConnector()

    async def __call__(self, address: Address, connection: UpstreamConnection) -> None:
        """Connect; raise OSError."""
        proxy = await self._proxy_for(address) if isinstance(address, CoordinatorAddress) else None
        if proxy is None or proxy.flaw:
            await self._others(address, connection)
            return
        transport = await ask_for(proxy, address)
        try:
            if address.tls is not None:
                transport = await secure(transport, address.tls, address.server_name or address.host)
        except BaseException:
            transport.abort()
            raise
        transport.set_protocol(connection)
        connection.connection_made(transport)

    async def _proxy_for(self, address: Address) -> Proxy | None:
        scheme = "http" if address.tls is None else "https"
        return await self._find(f"{scheme}://{place_of(address)}")


class Asking(asyncio.Protocol):
    """Hears a proxy's answer; whoever says more before it is asked is cut."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._heard = b""
        self._transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self.answer.done() or len(self._heard) > LARGEST:
            self._transport.abort()
        elif b"\r\n\r\n" in self._heard:
            self.answer.set_result(self._heard)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError(errno.ECONNRESET, "the proxy hung up"))
            self.answer.exception()  # whether anybody waits for it or not


def place_of(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


async def ask_for(proxy: Proxy, address: Address) -> asyncio.Transport:
    """Return a connection on which the proxy passes everything on to an address; raise OSError."""
    tls = ssl.create_default_context() if proxy.scheme == "https" else None
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_connection(Asking, proxy.host, proxy.port, ssl=tls)
    try:
        place = place_of(address)
        shown = field_line("Proxy-Authorization", proxy.authorization) if proxy.authorization else b""
        transport.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n".encode() + shown + b"\r\n")
        head, _, early = (await asking.answer).partition(b"\r\n\r\n")
        if early or head[:7] != b"HTTP/1." or head[8:11] != b" 20":
            raise OSError(errno.EHOSTUNREACH, "the proxy does not pass this on")
    except BaseException:
        transport.abort()
        raise
    return transport


async def secure(transport: asyncio.Transport, tls: ssl.SSLContext, name: str) -> asyncio.Transport:
    """Speak TLS on a connection from now on; raise OSError."""
    made = await asyncio.get_running_loop().start_tls(
        transport, transport.get_protocol(), tls, server_hostname=name
    )
    if made is None:
        raise ConnectionResetError(errno.ECONNRESET, "it broke at once")
    return made
