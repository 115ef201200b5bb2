"""Looks up names that workers claim, and refuses addresses inside somebody's network.

Workers of our own network are known by addresses; a name is a tunnel's and leads to the internet. Whoever owns the
name decides at every lookup what it leads to, so that this is the one place to look.
"""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult


class PublicResolver(AbstractResolver):
    """Gives what `inner` (by default the system) finds, without what is not of the public internet."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raise OSError where nothing usable is found, which aiohttp takes for a failed lookup."""
        found = await self._inner.resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if not public:
            raise OSError(None, "the name leads to no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


def is_public(host: str) -> bool:
    """Tell whether an address is one of the public internet; an IPv4 address inside IPv6 counts as that."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global
