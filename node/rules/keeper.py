"""Has the rules obeyed: reads the sensors every few seconds, decides, and tells what has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from node.program.tasks import TaskSet
from node.program.time_zone import follow_time_zone
from node.rules.decide import Memory, decide, unreadable, wanted_fields
from node.rules.kept import RulesFile, RulesUnreadable
from node.rules.schedule import LocalOf, LocalTime, tomorrow_morning
from node.rules.sensed import Sensed, SensedField, Sensors
from node.rules.settings import Rules
from node.rules.verdict import Verdict

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two looks at the sensors
READ_LIMIT = 4.0  # seconds that one look may take
NOTHING: frozenset[SensedField] = frozenset()


class RulesKeeper:
    """Holds rules and verdict from `load` on, and looks at the sensors between `start` and `stop`."""

    def __init__(
        self,
        data_dir: Path,
        sensors: Sensors,
        changed: Callable[[Rules], None],
        decided: Callable[[Verdict], None],
        *,
        clock: Callable[[], float] = time.time,
        local_of: LocalOf | None = None,
        every: float = EVERY,
    ) -> None:
        """Tell `changed` of rules that were put, and `decided` of every verdict that is not the one before."""
        self.rules = Rules()
        self.verdict = Verdict()
        self._file = RulesFile(data_dir)
        self._sensors = sensors
        self._changed = changed
        self._decided = decided
        self._clock = clock
        self._local_of = local_of or local_time
        self._every = every
        self._trouble: Verdict | None = None  # while the file cannot be read
        self._sensed = Sensed()
        self._memory = Memory()
        self._saving = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._tasks = TaskSet("rules")

    async def load(self, first_look: float = 0.0) -> None:
        """Read the rules and decide, by what the sensors tell within so many seconds: nothing is told of it yet."""
        try:
            self.rules = await asyncio.to_thread(self._file.load)
        except RulesUnreadable as error:
            log.error("the rules cannot be read, so this machine rests: %s", error)
            self._trouble = unreadable(str(error))
        wanted = self._wanted() if first_look > 0 else NOTHING
        if wanted:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(first_look):
                    self._sensed = await self._read(wanted)
        self.verdict = msgspec.structs.replace(self._decide(), untold=())  # what could not be told so soon, may yet

    def start(self) -> None:
        self._tasks.every(self._every, self.look, "look")

    async def stop(self) -> None:
        """Look no more; may be called any number of times."""
        await self._tasks.stop()
        await self._sensors.close()

    async def look(self) -> None:
        """Read the sensors once, decide, and tell a new verdict."""
        async with self._looking:
            # They are asked even where no rule goes by them: so they begin, and tell when this computer has slept.
            self._sensed = await self._read(self._wanted())
            self._tell(self._decide())

    @property
    def readable(self) -> bool:
        """Whether it is known what the volunteer wants."""
        return self._trouble is None

    async def put(self, rules: Rules) -> None:
        """Save other rules and go by them from now on; raise OSError where they cannot be saved."""
        # Whoever asked may go away half-way: what stands in the file is what is gone by, all the same.
        error = await asyncio.shield(self._tasks.start(self._put(rules), "put"))
        if error is not None:
            raise error

    async def _put(self, rules: Rules) -> OSError | None:
        async with self._saving:
            try:
                await asyncio.to_thread(self._file.save, rules)
            except OSError as error:
                return error
            self.rules, self._trouble = rules, None
            self._memory = Memory()  # what a volunteer wants shall come at once
            self._changed(rules)
            self._tell(self._decide())
        self._tasks.start(self.look(), "look anew")  # other rules may go by other sensors
        return None

    def tomorrow_morning(self) -> float:
        """Return when the volunteer's next day begins, in Unix seconds."""
        return tomorrow_morning(self._clock(), self._local_of)

    def _wanted(self) -> frozenset[SensedField]:
        return wanted_fields(self.rules) if self._trouble is None else NOTHING

    async def _read(self, wanted: frozenset[SensedField]) -> Sensed:
        try:
            async with asyncio.timeout(READ_LIMIT):
                return await self._sensors.read(wanted)
        except TimeoutError:
            log.warning("the sensors did not answer within %.0f s", READ_LIMIT)
        except Exception:
            log.exception("the sensors failed")
        return Sensed()

    def _decide(self) -> Verdict:
        if self._trouble is not None:
            return self._trouble
        verdict, self._memory = decide(self.rules, self._sensed, self._memory, self._clock(), self._local_of)
        return verdict

    def _tell(self, verdict: Verdict) -> None:
        if verdict != self.verdict:
            if verdict.rest != self.verdict.rest:
                log.info("rests now: %s %s", verdict.rest, " ".join(one.text for one in verdict.reasons))
            self.verdict = verdict
            self._decided(verdict)


def local_time(now: float) -> LocalTime:
    """Return what the clock on this computer's wall shows, wherever it has been carried to."""
    follow_time_zone()
    local = time.localtime(now)
    return LocalTime(local.tm_wday, local.tm_hour * 60 + local.tm_min + (local.tm_sec + now % 1) / 60)
