"""Gets a node into the mesh and keeps it there: tries all addresses it knows, with backoff, for ever.

Addresses of contacts that it had are kept in mind, so that it comes back from an outage in which all were lost.
A joined node looks again at the addresses that are no contacts of its own: that is how two halves of a mesh that
was cut in two find one another.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

from node.dht.messages import Address
from node.dht.server import MeshServer
from node.dht.settings import DhtSettings

RESOLVE_LIMIT = 5.0  # seconds for a name
MOST_ADDRESSES = 128
log = logging.getLogger(__name__)


class Joiner:
    """Joins again and again; `on_joined` runs each time the node gets from no contacts to some."""

    def __init__(
        self,
        server: MeshServer,
        settings: DhtSettings,
        rng: random.Random,
        on_joined: Callable[[], None],
        after_look: Callable[[], Awaitable[None]],
    ) -> None:
        self._was_joined = False
        self._has_looked_around = False  # by asking contacts for those near us
        self._server = server
        self._settings = settings
        self._rng = rng
        self._on_joined = on_joined
        self._after_look = after_look
        self._given: tuple[Address, ...] = ()
        self._remembered: dict[Address, None] = {}
        self._changed = asyncio.Event()

    def remember(self, addresses: Iterable[Address]) -> None:
        """Also try these from now on, the latest of them first to stay."""
        for address in addresses:
            self._remembered.pop(address, None)
            self._remembered[address] = None
        for address in list(self._remembered)[:-MOST_ADDRESSES]:
            del self._remembered[address]

    def set_addresses(self, addresses: Sequence[Address]) -> None:
        """Try these names or IP addresses from now on, at once where they are new."""
        given = tuple(dict.fromkeys((host, port) for host, port in addresses))[:MOST_ADDRESSES]
        if given != self._given:
            self._given = given
            self._changed.set()

    def look_again(self) -> None:
        """Look at once, as after the network was gone for a while."""
        self._changed.set()

    @property
    def joined(self) -> bool:
        """Whether there is anybody."""
        return bool(self._server.contacts)

    def notice(self) -> None:
        """Hear of a new contact; the first one, who may have found us, is worth a look at once."""
        if not self._was_joined:
            self._changed.set()

    def notice_loss(self) -> None:
        """See whether anybody is left; alone, we look at once and not when it would be time again."""
        if self._was_joined and not self.joined:
            self._changed.set()

    async def run(self) -> None:
        """Join for ever; the owner cancels it."""
        failures = 0
        while True:
            self._changed.clear()
            await self._look()
            failures = 0 if self._has_looked_around else failures + 1
            await self._pause(failures)

    async def _look(self) -> None:
        """Ask every address that is no contact yet, and note whether there is anybody."""
        found = await resolve((*self._given, *self._remembered), self._server.port)
        addresses = [(host, port) for host, port in found if self._server.reaches(host)]
        known = {(node.ip, node.port) for node in self._server.contacts}
        self.remember(known)
        near = await self._server.bootstrap([address for address in addresses if address not in known])
        before, self._was_joined = self._was_joined, self.joined
        if self._was_joined and not near and not self._has_looked_around:
            # Somebody found us before we found anybody, or was too busy to tell us of the others in time.
            near = len(await self._server.walk(self._server.node.id))
        self._has_looked_around = self._was_joined and (near > 0 or self._has_looked_around)
        if self._was_joined:
            await self._server.refresh_table()
        if self._was_joined and not before:
            log.info("joined the DHT with %d contacts", len(self._server.contacts))
            self._on_joined()
        elif before and not self._was_joined:
            log.warning("every DHT contact is gone; they are tried again")
        await self._after_look()

    async def _pause(self, failures: int) -> None:
        """Wait with backoff and jitter after failures, else until it is time to look again."""
        longest = self._settings.rejoin_longest
        pause = min(longest, self._settings.rejoin_first * 2 ** min(failures - 1, 16)) if failures else longest
        try:
            async with asyncio.timeout(pause * self._rng.uniform(0.75, 1.25)):
                await self._changed.wait()
        except TimeoutError:
            return


async def resolve(addresses: Iterable[Address], own_port: int) -> list[Address]:
    """Return IP addresses for names and addresses; what cannot be resolved in time is left out.

    uvloop sends to IP addresses only, and a name may move while a node runs, so names are resolved each time.
    """
    lists = await asyncio.gather(*(_resolve_one(host, port) for host, port in addresses))
    flat = dict.fromkeys(address for addresses in lists for address in addresses)
    return [address for address in flat if address not in {("127.0.0.1", own_port), ("::1", own_port)}]


async def _resolve_one(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_LIMIT):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        log.info("the DHT contact %s cannot be resolved: %s", host, str(error) or "no answer in time")
        return []
    return [(entry[4][0], entry[4][1]) for entry in found if isinstance(entry[4][0], str)]
