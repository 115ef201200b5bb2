"""Looks at everything that can be seen from here, all at once, within seconds, even where everything is dead."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from node.coordinator_client import CoordinatorError
from node.dht.joining import resolve
from node.program.loopback import is_this_machine
from node.program.proxies import Proxy, ThroughProxies
from node.reachability.failures import PROXY_PASSWORD, failure_of
from node.reachability.observations import (
    CoordinatorSeen,
    Mapped,
    NameFound,
    Observations,
    ProxySeen,
)
from node.reachability.udp import ask_where_seen, places
from node.wire.messages import UNREADABLE, SeenAs

MOST_BYTES = 64 * 1024  # of an answer
GIVEN_UP = 0.5  # seconds beyond the limit of a look, for what does not keep to it
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene:
    """What to look at."""

    coordinator: str | None  # its URL
    own_addresses: tuple[str, ...] = ()
    udp: tuple[tuple[str, int], ...] = ()  # where machines of the DHT are, names or addresses
    mesh_tag: bytes = b""
    ask_outside: Callable[[bool], Awaitable[SeenAs]] | None = None  # whether to knock; CoordinatorError
    connected: bool = False  # whether a channel, opened earlier, stands


async def observe(scene: Scene, http: aiohttp.ClientSession, through: ThroughProxies, limit: float) -> Observations:
    """Return what is seen; each look has so many seconds, and what takes longer is left out."""
    url = scene.coordinator
    proxy = await _in_time(through.find(url), limit, None) if url is not None else None
    direct = proxy is None or bool(proxy.flaw)
    unknown: NameFound | None = "nobody-says" if _is_named(url) else None
    coordinator, name, outside, (asked, mappings) = await asyncio.gather(
        _in_time(ask_coordinator(http, url, limit, through_proxy=not direct), limit, None),
        _in_time(look_up(url), limit, unknown),
        _in_time(_outside(scene, direct), limit, None),
        _in_time(_udp(scene, limit), limit, (0, ())),
    )
    return Observations(
        now=time.time(),
        coordinator=coordinator if coordinator is not None or url is None else CoordinatorSeen("timeout"),
        proxy=_seen_proxy(proxy),
        name=name,
        connected=scene.connected,
        outside=outside,
        udp_asked=asked,
        mappings=mappings,
        own_addresses=scene.own_addresses,
    )


async def _in_time(work: Awaitable[T], limit: float, instead: T) -> T:
    try:
        async with asyncio.timeout(limit + GIVEN_UP):
            return await work
    except (TimeoutError, OSError):
        return instead


async def ask_coordinator(
    http: aiohttp.ClientSession, url: str | None, limit: float, *, through_proxy: bool = False
) -> CoordinatorSeen | None:
    """Ask a coordinator whether it is there, and for its clock."""
    if url is None:
        return None
    try:
        time_limit = aiohttp.ClientTimeout(total=limit)
        async with http.get(url + "/health", timeout=time_limit, allow_redirects=False) as response:
            return _read(response.status, response.headers, await response.content.read(MOST_BYTES), through_proxy)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        status = error.status if isinstance(error, aiohttp.ClientResponseError) else 0
        return CoordinatorSeen(failure_of(error), status)


def _read(status: int, fields: Mapping[str, str], body: bytes, through_proxy: bool) -> CoordinatorSeen:
    if status == PROXY_PASSWORD and through_proxy:
        return CoordinatorSeen("proxy-password", status)
    with contextlib.suppress(*UNREADABLE):
        document = msgspec.json.decode(body)
        if isinstance(document, dict) and ("coordinator" in document or "type" in document):
            return CoordinatorSeen("answers", status, _offset(fields.get("Date", "")))
    return CoordinatorSeen("stranger", status)


def _offset(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


async def look_up(url: str | None) -> NameFound | None:
    """Ask this computer's name servers for the coordinator's name; None where it has none."""
    if url is None or not _is_named(url):
        return None
    try:
        await asyncio.get_running_loop().getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return "nobody-says" if error.errno == socket.EAI_AGAIN else "unknown"
    except UnicodeError:
        return "unknown"
    return "found"


def _is_named(url: str | None) -> bool:
    host = urlsplit(url or "").hostname or ""
    if not host or is_this_machine(host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


async def _outside(scene: Scene, knock: bool) -> SeenAs | None:
    if scene.ask_outside is None:
        return None
    try:
        return await scene.ask_outside(knock)  # behind a proxy it would knock at that
    except CoordinatorError:
        return None


async def _udp(scene: Scene, limit: float) -> tuple[int, tuple[Mapped, ...]]:
    """Return how many machines were asked, and what those said that answered."""
    begin = time.monotonic()
    asked = places(await _in_time(resolve(scene.udp, 0), limit / 4, []))
    left = limit - (time.monotonic() - begin)
    return len(asked), await ask_where_seen(asked, scene.mesh_tag, left)


def _seen_proxy(proxy: Proxy | None) -> ProxySeen | None:
    return None if proxy is None else ProxySeen(proxy.shown, bool(proxy.authorization), proxy.flaw)
