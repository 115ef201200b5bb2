"""Looks up the names of lighthouses: Nebula 1.6 ends when it cannot, and none of them notices a new address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address

from node.vpn.settings import Endpoint, FoundLighthouse, Lighthouse, Outside

TIME_LIMIT = 5.0  # seconds

Lookup = Callable[[str], Awaitable[tuple[IPv4Address, ...]]]


async def look_up(host: str) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses of a name, sorted; none where it has none now."""
    try:
        return (IPv4Address(host),)
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIME_LIMIT):
            found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError):
        return ()
    return tuple(sorted({IPv4Address(address[4][0]) for address in found}))


class Names:
    """Remembers what every name stood for last, for the times when it cannot be looked up."""

    def __init__(self, lookup: Lookup = look_up) -> None:
        self._lookup = lookup
        self._known: dict[str, tuple[IPv4Address, ...]] = {}

    async def find(self, lighthouses: tuple[Lighthouse, ...]) -> tuple[FoundLighthouse, ...]:
        hosts = sorted({end.host for one in lighthouses for end in one.endpoints})
        found = await asyncio.gather(*(self._lookup(host) for host in hosts))
        fresh = {host: ips for host, ips in zip(hosts, found, strict=True) if ips}
        self._known = {host: fresh.get(host, self._known.get(host, ())) for host in hosts}
        return tuple(FoundLighthouse(one.ip, self._addresses(one.endpoints)) for one in lighthouses)

    def _addresses(self, endpoints: tuple[Endpoint, ...]) -> tuple[Outside, ...]:
        found = (Outside(ip, end.port) for end in endpoints for ip in self._known[end.host][:4])
        return tuple(dict.fromkeys(found))[:16]
