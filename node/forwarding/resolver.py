"""Connects to workers, and refuses names that lead inside somebody's network.

Workers of our own network are known by addresses; a name is a tunnel's and leads to the internet. Whoever owns the
name decides at every lookup what it leads to, so that this is the one place to look.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from node.forwarding.http1.pool import Address, Connect, CoordinatorAddress, connect_tcp
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.public_addresses import is_public

MOST = 4  # addresses of one name that are tried
THREADS = 8
LookUp = Callable[[str, int], Awaitable[Sequence[str]]]


class OwnThreads:
    """Looks names up in threads of its own: who owns a name decides how long that takes, and holds up no others."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, "names")  # begins none before it is asked

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        """Return the addresses that a name has for this system; raise OSError."""
        ask = functools.partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [str(place[0]) for *_, place in found]


class PublicConnector:
    """Connects to addresses and coordinators as they are, to other names only where they lead to the internet."""

    def __init__(self, look_up: LookUp | None = None, connect: Connect = connect_tcp) -> None:
        self._look_up = look_up or OwnThreads()
        self._connect = connect

    async def __call__(self, address: Address, connection: UpstreamConnection) -> None:
        """Connect; raise OSError."""
        if is_address(address.host) or isinstance(address, CoordinatorAddress):
            await self._connect(address, connection)
            return
        name = address.host
        public = [host for host in await self._look_up(name, address.port) if is_public(host)]
        failure = OSError(None, "the name leads to no public address")
        for host in list(dict.fromkeys(public))[:MOST]:
            try:
                await self._connect(
                    replace(address, host=host, server_name=address.server_name or name), connection
                )
            except OSError as error:
                failure = error
            else:
                return
        raise failure


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
