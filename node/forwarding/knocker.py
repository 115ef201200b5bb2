"""Finds out whether a machine is there while a connection to it is silent, which may be work or a dead way.

A service may think for a minute, but the system that it runs on takes a connection at once. The silent connection
itself does not tell: what was sent and not confirmed, the kernel repeats for a minute and more, and what was
confirmed is waited for without a word. So we knock: another connection is made and closed. A refusal is an answer,
too. One knock serves all who doubt the same place.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable

from node.program.tasks import TaskSet

PATIENCE = 1.5  # seconds
PAUSE = 0.5  # seconds between two tries, which overlap: a packet or two may get lost
TRIES = 3
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # what this machine lacks
log = logging.getLogger(__name__)

Place = tuple[str, int]  # address and port
Touch = Callable[[str, int], Awaitable[None]]
Tell = Callable[[bool], None]


class Knocker:
    """Knocks at places, once at a time at each, until `stop`."""

    def __init__(self, touch: Touch | None = None, patience: float = PATIENCE) -> None:
        """`touch` makes a connection and closes it, or raises OSError where none can be made."""
        self._touch = touch or touch_tcp
        self._patience = patience
        self._tasks = TaskSet("knocker")
        self._doubting: dict[Place, list[Tell]] = {}
        self._stopped = False

    def knock(self, place: Place, tell: Tell) -> None:
        """Tell whether somebody is there, when that is known."""
        if self._stopped:
            return
        doubting = self._doubting.get(place)
        if doubting is not None:
            doubting.append(tell)
            return
        self._doubting[place] = [tell]
        self._tasks.start(self._find_out(place), "knock")

    async def stop(self) -> None:
        self._stopped = True
        await self._tasks.stop()
        self._doubting.clear()

    async def _find_out(self, place: Place) -> None:
        try:
            there = await is_there(place, self._touch, self._patience)
        finally:
            doubting = self._doubting.pop(place)
        for tell in doubting:
            try:
                tell(there)
            except Exception:
                log.exception("what a knock found could not be told")


async def is_there(place: Place, touch: Touch, patience: float) -> bool:
    """Tell whether one of several overlapping tries gets an answer of any kind within so many seconds."""
    found = False
    try:
        async with asyncio.timeout(patience), asyncio.TaskGroup() as tries:
            for number in range(TRIES):
                tries.create_task(_try(place, touch, number * PAUSE))
    except* _ThereError:
        found = True
    except* TimeoutError:
        pass
    return found


async def touch_tcp(host: str, port: int) -> None:
    """Connect and close; raise OSError where no connection can be made."""
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    transport.abort()


class _ThereError(Exception):
    """Ends the other tries, as this one has had an answer."""


async def _try(place: Place, touch: Touch, after: float) -> None:
    await asyncio.sleep(after)
    try:
        await touch(*place)
    except ConnectionRefusedError:
        raise _ThereError from None
    except OSError as error:
        if error.errno in OURS:
            raise _ThereError from None  # says nothing against who would be there
        return  # another try may have more luck
    raise _ThereError
