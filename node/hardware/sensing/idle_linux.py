"""How long nobody used this Linux computer: by our own desktop where it tells, and by logind for everybody else.

Whichever of a desktop's ways tells first is asked from then on, and the others again when it stops. The order is by
how much each can be trusted: the compositor, the window manager, the X server, the screen saver service.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from node.hardware.sensing.idle_logind import Logind
from node.hardware.sensing.told import Unknown

WATCHING = 60.0  # seconds without use after which we ask whether somebody watches a film
AGAIN = 30.0  # seconds until all ways are tried again where none tells


class Source(Protocol):
    """One way to learn how long nobody used the desktop."""

    async def read(self) -> float | Unknown:
        """Return seconds, or why that cannot be told."""

    def close(self) -> None:
        """Let go of connections."""


class IdleLinux:
    """All ways of Linux, as one."""

    def __init__(
        self,
        sources: Sequence[Source],
        logind: Logind,
        is_watched: Callable[[], Awaitable[bool]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._logind = logind
        self._is_watched = is_watched
        self._clock = clock
        self._chosen: Source | None = None
        self._again_at = 0.0

    async def read(self) -> float | Unknown:
        """Return seconds since anybody used this computer, or why that cannot be told."""
        own = await self._own()
        if own is None:
            return await self._logind.read()
        if own >= WATCHING and await self._is_watched():
            return 0.0
        others = await self._logind.others()
        return own if others is None else min(own, others)

    def close(self) -> None:
        for source in self._sources:
            source.close()

    async def _own(self) -> float | None:
        """Return what our own desktop tells."""
        if self._chosen is not None:
            value = await self._chosen.read()
            if not isinstance(value, Unknown):
                return value
            self._chosen = None
        elif self._clock() < self._again_at:
            return None
        for source in self._sources:
            value = await source.read()
            if not isinstance(value, Unknown):
                self._chosen = source
                return value
        self._again_at = self._clock() + AGAIN
        return None
