"""A small HTTP proxy for tests: CONNECT and whole addresses, with a password, in a bad mood, slow, or cutting."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from node.program.accepting import accept_no_more

LOOPBACK = "127.0.0.1"


@dataclass
class SmallProxy:
    """What it does may be changed at any time; `asked` are the request lines that came, `let_through` how many."""

    names: Mapping[str, str] = field(default_factory=dict)  # what it resolves, beside addresses
    password: str = ""  # user:password
    refuses_with: int = 0  # status for everybody
    delay: float = 0.0  # seconds before it does anything
    cuts_after: float = 0.0  # seconds that a connection may live
    strips_upgrade: bool = False  # as proxies do that know no WebSockets
    asked: list[str] = field(default_factory=list)
    let_through: int = 0
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, user: str = "") -> str:
        return f"http://{user}@{LOOPBACK}:{self.port}" if user else f"http://{LOOPBACK}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(self.cuts_after or None):
                await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        self.asked.append(first)
        await asyncio.sleep(self.delay)
        wanted = "basic " + base64.b64encode(self.password.encode()).decode()
        shown = [line.partition(":")[2].strip() for line in fields if line.lower().startswith("proxy-auth")]
        if self.password and [line[:6].lower() + line[6:] for line in shown] != [wanted]:
            await say(writer, "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=small")
        elif self.refuses_with:
            await say(writer, f"{self.refuses_with} No")
        else:
            await self._forward(reader, writer, first, fields)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: str, fields: list[str]
    ) -> None:
        method, target, _ = first.split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = self.names.get(parts.hostname or "", parts.hostname or "")
        there = await asyncio.open_connection(host, parts.port or 80)
        self.let_through += 1
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there[1].write(self._forwarded(method, target, fields))
        await self._pipe((reader, writer), there)

    def _forwarded(self, method: str, target: str, fields: list[str]) -> bytes:
        parts = urlsplit(target)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        dropped = ("proxy-", "upgrade:", "connection:") if self.strips_upgrade else ("proxy-",)
        kept = [line for line in fields if not line.lower().startswith(dropped)]
        return "\r\n".join([f"{method} {path} HTTP/1.1", *kept]).encode("latin-1")

    async def _pipe(
        self,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(copy(here[0], there[1]))
                both.create_task(copy(there[0], here[1]))
        except* OSError:
            pass
        finally:
            there[1].transport.abort()

    def cut(self) -> None:
        """End every connection now."""
        for writer in tuple(self._open):
            writer.transport.abort()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError  # whoever ends first ends both


async def say(writer: asyncio.StreamWriter, status: str, *fields: str) -> None:
    writer.write("\r\n".join([f"HTTP/1.1 {status}", *fields, "Content-Length: 0", "", ""]).encode())
    await writer.drain()
    writer.write_eof()
    await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def small_proxy(
    proxy: SmallProxy | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[SmallProxy]:
    """Run it at a port of this machine."""
    proxy = proxy or SmallProxy()
    server = await asyncio.start_server(proxy.serve, LOOPBACK, 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        await accept_no_more(server.sockets)
        server.close()
        proxy.cut()
        await server.wait_closed()
