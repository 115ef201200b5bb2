"""Asks at an address from outside whether a worker answers there, as the internet would: briefly, and nowhere else.

Whoever names the address decides what its name leads to, at every lookup. So names are looked up here, only public
addresses of them are connected to, nothing is followed, and little is read: an ordinary client would read interim
answers for as long as they come, and take all of our time with that.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.head import END, BadHead, HeadLimits, ResponseHead, parse_response
from node.forwarding.public_addresses import is_public
from node.forwarding.resolver import LookUp, OwnThreads, is_address
from node.wire.entry_points import CHALLENGE, PROOF
from node.wire.messages import UNREADABLE

AT_ONCE = 16
PATIENCE = 1.0  # seconds that a probe waits for its turn
MOST_BYTES = 4096
MOST_HEAD = 8192  # bytes
MOST_INTERIM = 4  # answers of 1xx before the real one
LIMITS = HeadLimits(fields=64, size=MOST_HEAD)
MOST_ADDRESSES = 4  # of one name
REQUEST = (
    "GET /health HTTP/1.1\r\nHost: {host}\r\n{challenge}: {nonce}\r\nAccept: application/json\r\n"
    "Accept-Encoding: identity\r\nUser-Agent: rma-mesh\r\nConnection: close\r\n\r\n"
)
FAR_MORE = "Something else answers there, with far more than was asked."
BROKEN = (OSError, EOFError, BadHead, BadChunk, asyncio.LimitOverrunError)


class UnreachedError(Exception):
    """Nobody answered as the worker would; the text says in a sentence what happened instead.

    `certain` is False for what may be by chance, as an answer that came too late.
    """

    def __init__(self, text: str, *, certain: bool) -> None:
        super().__init__(text)
        self.certain = certain


class BusyError(Exception):
    """Too many probes are under way."""


class Prober:
    """Makes at most `AT_ONCE` probes at a time."""

    def __init__(
        self,
        timeout: float,
        look_up: LookUp | None = None,
        is_outside: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` says whose certificates are trusted, in place of what this system does."""
        self._timeout = timeout
        self._look_up = look_up or OwnThreads()
        self._is_outside = is_outside
        self._tls = tls
        self._gate = asyncio.Semaphore(AT_ONCE)

    def may_ask(self, url: str) -> bool:
        """Say whether an address of numbers is one that we may connect to; of names that is seen later."""
        host = urlsplit(url).hostname or ""
        return not is_address(host) or self._is_outside(host)

    async def ask(self, url: str, nonce: str) -> object:
        """Return the proof that is given at a clean address; raise UnreachedError, or BusyError."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._gate.acquire()
        except TimeoutError:
            raise BusyError from None
        try:
            if not self.may_ask(url):
                raise UnreachedError("This address is not on the internet.", certain=True)
            async with asyncio.timeout(self._timeout):
                return await self._ask(urlsplit(url), nonce)
        except TimeoutError:
            raise UnreachedError(
                f"Nothing answers there within {self._timeout:g} s, as seen from here.", certain=False
            ) from None
        finally:
            self._gate.release()

    async def _ask(self, parts: SplitResult, nonce: str) -> object:
        hosts = await self._hosts_of(parts)
        try:
            reader, writer = await self._connect(hosts, parts)
            try:
                writer.write(REQUEST.format(host=parts.netloc, challenge=CHALLENGE, nonce=nonce).encode())
                return _proof_in(await _answer(reader))
            finally:
                writer.transport.abort()
        except ssl.SSLError:
            raise UnreachedError("Its certificate is not trusted.", certain=True) from None
        except TimeoutError:
            raise
        except BROKEN as error:
            raise UnreachedError(
                f"It cannot be asked, as seen from here ({type(error).__name__}).", certain=False
            ) from None

    async def _hosts_of(self, parts: SplitResult) -> Sequence[str]:
        """Return the public addresses of a name, or of what is an address already."""
        name, port = parts.hostname or "", _port_of(parts)
        if is_address(name):
            return (name,)
        try:
            found = dict.fromkeys(await self._look_up(name, port))
        except (OSError, UnicodeError):
            raise UnreachedError("Its name is not known.", certain=False) from None
        public = [one for one in found if self._is_outside(one)]
        if not public:
            raise UnreachedError("Its name leads to no address of the internet.", certain=True)
        # IPv4 first: where only the other one is dead, it is not waited for.
        return sorted(public, key=lambda one: ipaddress.ip_address(one).version)[:MOST_ADDRESSES]

    async def _connect(
        self, hosts: Sequence[str], parts: SplitResult
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that answers; raise what the last one raised."""
        tls = parts.scheme == "https"
        context = self._certificates() if tls else None
        name = parts.hostname if tls else None
        for host in hosts[:-1]:
            with contextlib.suppress(OSError):  # TimeoutError is one, SSLError too
                async with asyncio.timeout(self._timeout / len(hosts)):
                    return await asyncio.open_connection(
                        host, _port_of(parts), ssl=context, server_hostname=name, limit=MOST_HEAD
                    )
        return await asyncio.open_connection(
            hosts[-1], _port_of(parts), ssl=context, server_hostname=name, limit=MOST_HEAD
        )

    def _certificates(self) -> ssl.SSLContext:
        """Return whose certificates are trusted; reading that takes a while, and is done once."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """Return the body of an answer that is good; raise UnreachedError, or one of BROKEN."""
    head = parse_response(await reader.readuntil(END), LIMITS)
    for _ in range(MOST_INTERIM):
        if head.status < 200 and head.status != 101:
            head = parse_response(await reader.readuntil(END), LIMITS)
    if head.status != 200:
        text = f"Something else answers there, or the worker does not yet (status {head.status})."
        raise UnreachedError(text, certain=head.status < 500)
    return await _body(reader, head)


async def _body(reader: asyncio.StreamReader, head: ResponseHead) -> bytes:
    decoder, body, read = ChunkDecoder() if head.chunked else None, bytearray(), 0
    left = MOST_BYTES + 1 if head.length is None else min(head.length, MOST_BYTES + 1)
    while len(body) < left and not (decoder is not None and decoder.complete):
        part = await reader.read(MOST_BYTES)
        if not part:
            break
        read += len(part)
        body += part if decoder is None else decoder.feed(part)
        if read > 2 * MOST_BYTES:  # chunks of one byte each have more around them than in them
            raise UnreachedError(FAR_MORE, certain=True)
    if len(body) > MOST_BYTES:
        raise UnreachedError(FAR_MORE, certain=True)
    return bytes(body)


def _proof_in(body: bytes) -> object:
    document: Any = None
    with contextlib.suppress(*UNREADABLE):
        document = msgspec.json.decode(body)
    return document.get(PROOF) if isinstance(document, dict) else None
