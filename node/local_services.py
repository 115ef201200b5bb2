"""The services of this machine as the router sees them, and how they are drained before they stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from node.services.lifecycle import LocalTarget
from node.services.supervisor import ServiceSupervisor
from node.wire.manifests import Manifest

log = logging.getLogger(__name__)

POLL = 0.05  # seconds between two looks at what is in flight


class LocalServices:
    """Opens services to requests and closes them first, so that nothing is cut off when one stops."""

    def __init__(self, supervisor: ServiceSupervisor, drain_deadline: float) -> None:
        self._supervisor = supervisor
        self._deadline = drain_deadline
        self._open: frozenset[str] = frozenset()
        self._wanted: tuple[Manifest, ...] = ()
        self._running: frozenset[str] = frozenset()  # or about to: whose requests are waited for before they stop
        self._turn = asyncio.Lock()
        # How many requests of these services (all, where none are named) are being answered; set by the session.
        self.in_flight: Callable[[Collection[str]], int] = lambda _services: 0
        # Hears of every request to a service of ours that has ended: its name, HTTP status and seconds.
        self.ended: Callable[[str, int, float], None] = lambda _service, _status, _seconds: None

    def target(self, service: str) -> LocalTarget | None:
        """Return where an open, running service listens (the router's view)."""
        return self._supervisor.target(service) if service in self._open else None

    def close(self) -> None:
        """Take no new request for any service."""
        self._open = frozenset()

    async def run(self, wanted: Sequence[Manifest]) -> None:
        """Make exactly these services run; those that must go end their requests first.

        What is wanted last counts: a service that is wanted again while it ends its requests goes on.
        """
        self._wanted = tuple(wanted)
        self._open = frozenset(manifest.name for manifest in wanted)
        async with self._turn:
            await self._settled(lambda: self._running - self._open)
            wanted = self._wanted
            self._running = frozenset(manifest.name for manifest in wanted)
            await self._supervisor.reconcile(wanted)

    async def drained(self) -> bool:
        """Wait until no service answers anything any more, unless one is opened again; False at the deadline."""
        in_time = await self._settled(lambda: self._running - self._open)
        self._running &= self._open  # who had the time needs no more of it
        return in_time

    async def _settled(self, leaving: Callable[[], Collection[str]]) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline
        while (services := leaving()) and self.in_flight(services):
            if loop.time() >= until:
                log.warning("requests still in flight after %.0f s are cut off", self._deadline)
                return False
            await asyncio.sleep(POLL)
        return True
