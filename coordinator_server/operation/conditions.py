"""Keeps what an operator should mend about this machine, as it is now, for the log, `status` and `doctor`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence

from coordinator_server.config import CoordinatorConfig
from coordinator_server.fleet.fleet import Fleet
from coordinator_server.operation.clocks import ClockWatch, judge_others
from coordinator_server.operation.machine import (
    Condition,
    free_memory,
    judge_disk,
    judge_files,
    judge_memory,
    open_files,
    read_disk,
)
from coordinator_server.store.interface import Store

log = logging.getLogger(__name__)
LOOK = 5.0  # seconds between two looks
AGAIN = 3600.0  # seconds after which what comes and goes is logged again


class Conditions:
    """Looks every few seconds; `now` is what was so the last time."""

    def __init__(
        self,
        config: CoordinatorConfig,
        store: Store,
        fleet: Fleet,
        clock: Callable[[], float],
        watch: ClockWatch,
    ) -> None:
        self.now: Sequence[Condition] = ()
        self._config = config
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._watch = watch
        self._logged: dict[str, float] = {}

    async def look(self) -> None:
        """Look once; a file system that hangs holds up nobody."""
        if self._watch.look():
            self._logged.pop("clock", None)  # each jump is told
        machine = await asyncio.to_thread(lambda: list(self._machine()))
        self.now = (*machine, *filter(None, [self._watch.condition(), self._others()]))
        self._log()

    def _machine(self) -> Iterator[Condition]:
        config, directory = self._config, self._config.directory
        try:
            disk = judge_disk(read_disk(directory), directory, config.min_free_disk)
        except OSError as error:
            text = f"The data directory {directory} cannot be looked at: {error.strerror or error}."
            disk = Condition("disk", text, "See whether its disk is still there.")
        for found in (disk, judge_files(*_files()), judge_memory(free_memory())):
            if found is not None:
                yield found

    def _others(self) -> Condition | None:
        if self._store.leased_until <= time.monotonic():  # then what others wrote may be old
            return None
        return judge_others(self._fleet.alive(), self._clock(), self._fleet.heartbeat)

    def _log(self) -> None:
        now = time.monotonic()
        for one in self.now:
            if now - self._logged.get(one.name, float("-inf")) > AGAIN:
                self._logged[one.name] = now
                log.warning("%s %s", one.text, one.hint)


def _files() -> tuple[int | None, int, int]:
    limit, used = open_files()
    return limit, 0, max(1, used)
