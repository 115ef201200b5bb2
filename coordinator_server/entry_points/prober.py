"""Asks at an address from outside whether a worker answers there, as the internet would: briefly, and nowhere else.

Whoever names the address decides what its name leads to, at every lookup. So names are looked up here, only public
addresses of them are connected to, nothing is followed, and little is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from node.forwarding.public_addresses import is_public
from node.forwarding.resolver import LookUp, is_address, look_up
from node.wire.entry_points import CHALLENGE, PROOF

AT_ONCE = 16
PATIENCE = 1.0  # seconds that a probe waits for its turn
MOST_BYTES = 4096
MOST_LINE = 1024  # bytes of a line of the answer's head
MOST_FIELDS = 64
MOST_ADDRESSES = 4  # of one name


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
    """Makes at most `AT_ONCE` probes at a time; `close` at the end."""

    def __init__(
        self,
        timeout: float,
        look_up: LookUp = look_up,
        is_outside: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` says whose certificates are trusted, in place of what this system does."""
        self._timeout = timeout
        self._look_up = look_up
        self._is_outside = is_outside
        self._tls = tls
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

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
                return await self._ask(url, nonce)
        except TimeoutError:
            raise UnreachedError(
                f"Nothing answers there within {self._timeout:g} s, as seen from here.", certain=False
            ) from None
        finally:
            self._gate.release()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, url: str, nonce: str) -> object:
        session = self._session = self._session or self._open()
        sent = {CHALLENGE: nonce, "Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            async with session.get(url + "/health", headers=sent, allow_redirects=False) as answer:
                if answer.status != 200:
                    text = f"Something else answers there, or the worker does not yet (status {answer.status})."
                    raise UnreachedError(text, certain=answer.status < 500)
                return _proof_in(await _read(answer))
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.__cause__, NotOutsideError):
                raise UnreachedError("Its name leads to no address of the internet.", certain=True) from None
            raise UnreachedError("Its name is not known.", certain=False) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            raise UnreachedError("Its certificate is not trusted.", certain=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachedError(
                f"It cannot be asked, as seen from here ({type(error).__name__}).", certain=False
            ) from None

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=OutsideResolver(self._look_up, self._is_outside),
            use_dns_cache=False,
            ssl=self._tls or True,
            force_close=True,
            limit=AT_ONCE,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "rma-mesh"},
            auto_decompress=False,
            trust_env=False,  # a proxy would look names up by itself
            max_line_size=MOST_LINE,
            max_field_size=MOST_LINE,
            max_headers=MOST_FIELDS,
            read_bufsize=MOST_BYTES,
        )


class NotOutsideError(OSError):
    """A name that leads to none of the addresses that we may connect to."""


class OutsideResolver(AbstractResolver):
    """Looks names up for aiohttp, and leaves out all that is not on the internet."""

    def __init__(self, look_up: LookUp, is_outside: Callable[[str], bool]) -> None:
        self._look_up = look_up
        self._is_outside = is_outside

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's form
    ) -> list[ResolveResult]:
        """Return the public addresses of a name; raise OSError."""
        found = [one for one in dict.fromkeys(await self._look_up(host, port)) if self._is_outside(one)]
        if not found:
            raise NotOutsideError
        return [_resolved(host, one, port) for one in found[:MOST_ADDRESSES]]

    async def close(self) -> None:
        """Have nothing to close."""


def _resolved(name: str, host: str, port: int) -> ResolveResult:
    version = ipaddress.ip_address(host).version
    return ResolveResult(
        hostname=name,
        host=host,
        port=port,
        family=socket.AF_INET6 if version == 6 else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MOST_BYTES:
            raise UnreachedError("Something else answers there, with far more than was asked.", certain=True)
    return bytes(body)


def _proof_in(body: bytes) -> object:
    document: Any = None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = msgspec.json.decode(body)
    return document.get(PROOF) if isinstance(document, dict) else None
