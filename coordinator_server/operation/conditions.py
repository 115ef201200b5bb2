"""Keeps what an operator should mend about this machine, as it is now, for the log, `status` and `doctor`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from coordinator_server.config import SQLITE, CoordinatorConfig
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
from coordinator_server.store.unreadable import Unreadable

log = logging.getLogger(__name__)
LOOK = 5.0  # seconds between two looks
MOST_ROWS = 3  # that are named
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
        *,
        unreadable: Sequence[Unreadable] = (),
    ) -> None:
        self.now: Sequence[Condition] = ()
        self._config = config
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._watch = watch
        self._unreadable = unreadable
        self._logged: dict[str, float] = {}
        self._held_since: float | None = None  # since when the store has kept our lease, at every look
        self._lost_since: float | None = None  # since when it has not

    async def look(self) -> None:
        """Look once; a file system that hangs holds up nobody."""
        if self._watch.look():
            self._logged.pop("clock", None)  # each jump is told
        machine = await asyncio.to_thread(lambda: list(self._machine()))
        self._look_at_store(time.monotonic())
        rows = {key: why for one in self._unreadable for key, why in one.rows.items()}
        others = [
            self._store_condition(),
            self._watch.condition(),
            self._others(),
            judge_double(self._fleet.double),
            judge_rows(rows),
        ]
        self.now = (*machine, *filter(None, others))
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

    def _look_at_store(self, now: float) -> None:
        if self._store.leased_until > now:
            self._held_since, self._lost_since = self._held_since or now, None
        elif self._store.leased_until > float("-inf"):  # there was one
            self._held_since, self._lost_since = None, self._lost_since or now

    def _store_condition(self) -> Condition | None:
        if self._lost_since is None or time.monotonic() - self._lost_since < LOOK / 2:  # or we were halted just now
            return None
        text = "The store takes no writes: no machine can enrol, no key can be made or revoked. Requests go on."
        return Condition("store", text, store_hint(self._config))

    def _others(self) -> Condition | None:
        held = 0.0 if self._held_since is None else time.monotonic() - self._held_since
        if held < 2 * self._fleet.heartbeat:  # what others wrote may be of before the store was away
            return None
        return judge_others(self._fleet.alive(), self._clock(), self._fleet.heartbeat)

    def _log(self) -> None:
        now = time.monotonic()
        for one in self.now:
            if now - self._logged.get(one.name, float("-inf")) > AGAIN:
                self._logged[one.name] = now
                log.warning("%s %s", one.text, one.hint)


def judge_double(url: str) -> Condition | None:
    """Say that another coordinator, at this URL, has our identity; nothing for an empty one."""
    if not url:
        return None
    text = (
        f"Another coordinator, at {url}, runs with this one's identity, as from a copy of its data directory: each "
        "undoes what the other says of itself, and workers are lost between them."
    )
    hint = (
        "Stop one of them. A further coordinator needs a data directory of its own, with nothing but mesh.key in "
        "it (docs/operator.md)."
    )
    return Condition("identity", text, hint)


def judge_rows(rows: Mapping[str, str]) -> Condition | None:
    """Say which rows of the store nobody can read, if any; of each the value is why."""
    if not rows:
        return None
    named = [f"{key!r} ({why})" for key, why in sorted(rows.items())[:MOST_ROWS]]
    more = f", and {len(rows) - MOST_ROWS} more" if len(rows) > MOST_ROWS else ""
    text = (
        f"What the store has in {', '.join(named)}{more} cannot be read, and is left as it is. A machine of which "
        "that was so when the coordinator started is refused here; so are such keys and invites."
    )
    hint = (
        "Bring back a backup (`rma-mesh-coordinator restore FILE`), or start the version of this program that "
        "wrote it. Or let that machine join anew with a new invite; make a new key or invite."
    )
    return Condition("rows", text, hint)


def store_hint(config: CoordinatorConfig) -> str:
    """Return what to do about a store that takes no writes."""
    if config.store == SQLITE:
        return "Make room on the disk, or mend it."
    return "`etcdctl endpoint status` says which members of etcd are away: start them, most of them have to run."


def _files() -> tuple[int | None, int, int]:
    limit, used = open_files()
    return limit, 0, max(1, used)
