"""A volunteer's day for tests: a clock on the wall, sensors that tell what they are told, and decisions in turn."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from node.rules.decide import Memory, decide
from node.rules.schedule import LocalOf, LocalTime
from node.rules.sensed import ALL_FIELDS, Sensed, SensedField
from node.rules.settings import Day, Rules, Week
from node.rules.verdict import Verdict

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN).timestamp()  # a Wednesday
TURN = 5.0  # seconds between two looks
CALM = Sensed(
    on_battery=False, battery_percent=90.0, metered=False, idle_seconds=9999.0, programs=frozenset(), gpus=()
)


def week(day: Day) -> Week:
    return (day, day, day, day, day, day, day)


def clock_of(zone: ZoneInfo) -> LocalOf:
    """Return a clock on the wall of this place."""

    def local_of(now: float) -> LocalTime:
        local = datetime.fromtimestamp(now, zone)
        return LocalTime(local.weekday(), local.hour * 60 + local.minute + local.second / 60)

    return local_of


class Watch:
    """Decides again and again as time goes by; `sensed` is what the sensors tell meanwhile."""

    def __init__(self, rules: Rules, now: float = NOON, sensed: Sensed = CALM, zone: ZoneInfo = BERLIN) -> None:
        self.rules = rules
        self.now = now
        self.sensed = sensed
        self.memory = Memory()
        self.verdict = Verdict()
        self._local_of = clock_of(zone)
        self.decide()

    def decide(self) -> Verdict:
        self.verdict, self.memory = decide(self.rules, self.sensed, self.memory, self.now, self._local_of)
        return self.verdict

    def tell(self, **readings: Any) -> Watch:
        self.sensed = msgspec.structs.replace(self.sensed, **readings)
        return self

    def turn(self, seconds: float = TURN) -> Verdict:
        self.now += seconds
        return self.decide()

    def seconds_until(self, rest: str, most: float = 3600.0) -> float:
        """Return how long it takes until this rests."""
        begin = self.now
        while self.verdict.rest != rest:
            assert self.now - begin <= most, f"{rest} never came: {self.verdict}"
            self.turn()
        return self.now - begin

    @property
    def codes(self) -> list[str]:
        return [reason.code for reason in self.verdict.reasons]


class PlayedSensors:
    """Sensors that tell what a test says, and remember what they were asked."""

    def __init__(self, sensed: Sensed = CALM) -> None:
        self.sensed = sensed
        self.wanted: list[frozenset[SensedField]] = []
        self.error: Exception | None = None
        self.closed = False

    def tell(self, **readings: Any) -> None:
        self.sensed = msgspec.structs.replace(self.sensed, **readings)

    async def read(self, wanted: frozenset[SensedField] = ALL_FIELDS) -> Sensed:
        self.wanted.append(wanted)
        if self.error is not None:
            raise self.error
        left_out: dict[str, Any] = dict.fromkeys(ALL_FIELDS - wanted)
        return msgspec.structs.replace(self.sensed, **left_out)

    async def close(self) -> None:
        self.closed = True
