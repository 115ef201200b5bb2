"""HTTP proxies: which one a call goes through, and how its password stays out of sight.

Read as curl and browsers do: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, and what Windows and macOS have in
their settings. aiohttp can do that by itself (`trust_env`), but it also sends what it finds in ~/.netrc, reads
"proxy:3128" as a name without a host, and sends calls to this very machine to the proxy.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from node.program.loopback import is_this_machine

log = logging.getLogger(__name__)

Flaw = Literal["", "unreadable", "scheme"]
PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, or with a `flaw` a setting that names none we can use; `shown` is for people, without a password."""

    scheme: str
    host: str
    port: int
    authorization: str = field(default="", repr=False)
    flaw: Flaw = ""

    @property
    def shown(self) -> str:
        if self.flaw == "unreadable":
            return "(it cannot be read)"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if not self.flaw else f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


UNREADABLE = Proxy("", "", 0, flaw="unreadable")


@dataclass(frozen=True, slots=True)
class System:
    """What this computer says of proxies: scheme -> setting, and which hosts are called without one."""

    settings: Callable[[], Mapping[str, str]] = getproxies
    bypass: Callable[[str], object] = proxy_bypass


def parse_proxy(setting: str) -> Proxy:
    """Read a setting such as http://user:password@proxy:3128 or proxy:3128."""
    text = setting.strip()
    with contextlib.suppress(ValueError):
        parts = urlsplit(text if "://" in text else "http://" + text)
        # What follows the first / # or ? of a password would be taken for a path, and what precedes it be shown.
        if parts.hostname and "@" not in parts.path + parts.query + parts.fragment:
            port = parts.port or PORTS.get(parts.scheme, 1080)
            flaw: Flaw = "" if parts.scheme in PORTS else "scheme"
            return Proxy(parts.scheme, parts.hostname, port, _basic(parts.username, parts.password), flaw)
    return UNREADABLE


def _basic(user: str | None, password: str | None) -> str:
    if user is None and password is None:
        return ""
    pair = f"{unquote(user or '')}:{unquote(password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def proxy_for(url: str, system: System) -> Proxy | None:
    """Return the proxy for a URL, or None where it is called directly; a flawed one is not gone through."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    settings = system.settings()
    setting = settings.get(parts.scheme) or settings.get("all") or ""
    if not setting.strip() or is_this_machine(host) or system.bypass(host):
        return None
    return parse_proxy(setting)


class ThroughProxies:
    """Sends the calls of aiohttp sessions, WebSockets too, through the proxies that the system names."""

    def __init__(self, system: System | None = None) -> None:
        self._system = system or System()
        self._told: set[str] = set()

    async def find(self, url: str) -> Proxy | None:
        """Return the proxy for a URL; in a thread where the system looks names up for it."""
        if sys.platform in ("win32", "darwin"):
            return await asyncio.to_thread(proxy_for, url, self._system)
        return proxy_for(url, self._system)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        proxy = await self.find(str(request.url))
        if proxy is not None and proxy.flaw:
            self._complain(proxy)
        elif proxy is not None:
            self._go_through(request, proxy)
        return await handler(request)

    def _go_through(self, request: aiohttp.ClientRequest, proxy: Proxy) -> None:
        shown = {hdrs.PROXY_AUTHORIZATION: proxy.authorization} if proxy.authorization else {}
        is_secret = request.is_ssl()  # then the proxy sees nothing but CONNECT, else the whole request
        request.update_proxy(URL(proxy.url), None, CIMultiDict(shown) if shown and is_secret else None)
        if not is_secret:
            request.headers.update(shown)

    def _complain(self, proxy: Proxy) -> None:
        if proxy.shown not in self._told:
            self._told.add(proxy.shown)
            log.warning("the proxy %s cannot be used; calls go out without one. See: doctor", proxy.shown)


def open_session(through: ThroughProxies | None = None, **options: Any) -> aiohttp.ClientSession:
    """Open a session whose calls go through the system's proxies; the options are aiohttp's."""
    return aiohttp.ClientSession(middlewares=(through or ThroughProxies(),), trust_env=False, **options)
