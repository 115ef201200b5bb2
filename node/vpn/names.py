"""Looks up the names of lighthouses: Nebula 1.6 ends when it cannot, and none of them notices a new address."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network

from node.vpn.settings import Endpoint, FoundLighthouse, Lighthouse, Outside, is_outside

TIME_LIMIT = 5.0  # seconds
THREADS = 4  # of our own: a lookup that hangs holds up nothing but others

Lookup = Callable[[str], Awaitable[tuple[IPv4Address, ...]]]


async def look_up(host: str, executor: Executor | None = None) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses of a name, sorted; none where it has none now."""
    try:
        return (IPv4Address(host),)
    except ValueError:
        pass
    ask = functools.partial(socket.getaddrinfo, host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    try:
        async with asyncio.timeout(TIME_LIMIT):
            found = await asyncio.get_running_loop().run_in_executor(executor, ask)
    except (OSError, TimeoutError, UnicodeError):
        return ()
    return tuple(sorted({IPv4Address(str(address[4][0])) for address in found}))


class Names:
    """Remembers what every name stood for last, for the times when it cannot be looked up."""

    def __init__(self, lookup: Lookup | None = None) -> None:
        threads = ThreadPoolExecutor(THREADS, "vpn-names")  # begins none before it is asked
        self._lookup = lookup or functools.partial(look_up, executor=threads)
        self._known: dict[str, tuple[IPv4Address, ...]] = {}

    async def find(self, lighthouses: tuple[Lighthouse, ...], network: IPv4Network) -> tuple[FoundLighthouse, ...]:
        """Return where they are outside of the overlay's network.

        Resolvers lie: some answer 0.0.0.0 for what they block. Such an address is left out, and the lighthouse
        stays where it was.
        """
        hosts = sorted({end.host for one in lighthouses for end in one.endpoints})
        found = await asyncio.gather(*(self._lookup(host) for host in hosts))
        usable = ([ip for ip in ips if is_outside(ip, network)] for ips in found)
        fresh = {host: tuple(ips) for host, ips in zip(hosts, usable, strict=True) if ips}
        self._known = {host: fresh.get(host, self._known.get(host, ())) for host in hosts}
        return tuple(FoundLighthouse(one.ip, self._addresses(one.endpoints)) for one in lighthouses)

    def _addresses(self, endpoints: tuple[Endpoint, ...]) -> tuple[Outside, ...]:
        found = (Outside(ip, end.port) for end in endpoints for ip in self._known[end.host][:4])
        return tuple(dict.fromkeys(found))[:16]
