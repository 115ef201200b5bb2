"""Rules as they are obeyed: sensors are read again and again, verdicts are told, and trouble makes nobody work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.rules import keeper as keeper_module
from node.rules.keeper import RulesKeeper, local_time
from node.rules.kept import RulesFile
from node.rules.sensed import ALL_FIELDS, NoSensors, Sensed, SensedField, Sensors
from node.rules.settings import Rules, Schedule
from node.rules.verdict import Verdict
from tests.support.rules import BERLIN, CALM, NOON, PlayedSensors, clock_of, week
from tests.support.waiting import eventually

NEVER = Schedule(enabled=True, days=week(()))


class Heard:
    """A keeper with its own clock, and what it told."""

    def __init__(self, folder: Path, sensors: Sensors, every: float = 3600.0) -> None:
        self.now = NOON
        self.rules: list[Rules] = []
        self.verdicts: list[Verdict] = []
        self.keeper = RulesKeeper(
            folder,
            sensors,
            self.rules.append,
            self.verdicts.append,
            clock=lambda: self.now,
            local_of=clock_of(BERLIN),
            every=every,
        )

    async def look(self, seconds: float = 5.0) -> str:
        self.now += seconds
        await self.keeper.look()
        return self.keeper.verdict.rest


@contextlib.asynccontextmanager
async def heard(folder: Path, sensors: Sensors, every: float = 3600.0) -> AsyncIterator[Heard]:
    found = Heard(folder, sensors, every)
    await found.keeper.load()
    try:
        yield found
    finally:
        await found.keeper.stop()


async def test_what_sensors_tell_is_decided_upon_and_told_once(tmp_path: Path) -> None:
    sensors = PlayedSensors()
    async with heard(tmp_path, sensors) as found:
        assert await found.look() == "none"
        sensors.tell(on_battery=True)
        rests = [await found.look() for _ in range(6)]
        assert rests == ["none", "none", "all", "all", "all", "all"]
        assert [one.rest for one in found.verdicts] == ["all"]
        sensors.tell(on_battery=False)
        rests = [await found.look() for _ in range(14)]
        assert rests[-1] == "none"
        assert [one.rest for one in found.verdicts] == ["all", "none"]
    assert sensors.closed


async def test_it_looks_by_itself_and_asks_only_for_what_rules_go_by(tmp_path: Path) -> None:
    sensors = PlayedSensors()
    async with heard(tmp_path, sensors, every=0.01) as found:
        found.keeper.start()
        await eventually(lambda: len(sensors.wanted) > 3, "several looks")
    assert set(sensors.wanted) == {ALL_FIELDS - {"programs"}}


async def test_sensors_are_read_though_no_rule_goes_by_them_for_they_tell_of_sleep_too(tmp_path: Path) -> None:
    sensors = PlayedSensors()
    RulesFile(tmp_path).save(Rules(mesh_on=False))
    async with heard(tmp_path, sensors) as found:
        assert await found.look() == "all"
    assert sensors.wanted == [frozenset()]


async def test_rules_that_are_put_are_saved_told_and_obeyed_at_once(tmp_path: Path) -> None:
    sensors = PlayedSensors()
    async with heard(tmp_path, sensors) as found:
        await found.look()
        rules = Rules(schedule=NEVER, exclusive_programs=("game",))
        await found.keeper.put(rules)
        assert found.rules == [rules]
        assert found.keeper.verdict.rest == "all"
        await eventually(lambda: ALL_FIELDS in sensors.wanted, "it looks at once at what the new rules go by")
        await found.keeper.put(Rules())
        assert found.keeper.verdict.rest == "none", "without patience: it is what the volunteer wants"
        sensors.tell(on_battery=True)
        while await found.look() == "none":
            pass
        await found.keeper.put(Rules(battery_below_percent=50))
        assert found.keeper.verdict.rest == "none", "though it has held for a moment only"
        await found.keeper.put(rules)
    assert RulesFile(tmp_path).load() == rules
    async with heard(tmp_path, sensors) as again:
        assert again.keeper.rules == rules
        assert again.keeper.verdict.rest == "all", "from the start"
        assert again.keeper.verdict.untold == (), "no sensor was asked yet"


async def test_what_the_sensors_tell_at_once_counts_from_the_start(tmp_path: Path) -> None:
    sensors = PlayedSensors()
    sensors.tell(on_battery=True)
    found = Heard(tmp_path, sensors)
    await found.keeper.load(60)
    assert found.keeper.verdict.rest == "all"
    assert found.verdicts == [], "whoever loads it reads it"
    late = Heard(tmp_path, Hanging())
    await late.keeper.load(0.01)
    assert late.keeper.verdict == Verdict()


async def test_rules_are_obeyed_even_if_whoever_saved_them_went_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    save = RulesFile.save

    def slowly(file: RulesFile, rules: Rules) -> None:
        begun.set()
        assert go_on.wait(60)
        save(file, rules)

    monkeypatch.setattr(RulesFile, "save", slowly)
    async with heard(tmp_path, PlayedSensors()) as found:
        asking = asyncio.get_running_loop().create_task(found.keeper.put(Rules(schedule=NEVER)))
        await eventually(begun.is_set, "it is being saved")
        asking.cancel()
        await asyncio.wait([asking])
        go_on.set()
        await eventually(lambda: found.keeper.verdict.rest == "all", "they hold")
        assert asking.cancelled()


async def test_a_machine_whose_rules_cannot_be_read_rests_and_says_so_until_it_has_others(tmp_path: Path) -> None:
    sensors = PlayedSensors()
    (tmp_path / "rules.json").write_bytes(b"{")
    async with heard(tmp_path, sensors) as found:
        assert found.keeper.verdict.rest == "all"
        assert found.keeper.verdict.reasons[0].code == "rules-unreadable"
        assert not found.keeper.readable
        assert await found.look(600) == "all"
        assert sensors.wanted == [frozenset()], "they are asked for nothing"
        await found.keeper.put(Rules())
        assert found.keeper.readable
        assert await found.look() == "none"
    assert (tmp_path / "rules.unreadable-1").read_bytes() == b"{"


async def test_what_cannot_be_saved_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with heard(tmp_path, NoSensors()) as found:
        monkeypatch.setattr(RulesFile, "save", _full)
        with pytest.raises(OSError, match="full"):
            await found.keeper.put(Rules(schedule=NEVER))
        assert found.keeper.rules == Rules()
        assert found.rules == found.verdicts == []


def _full(_file: RulesFile, _rules: Rules) -> None:
    raise OSError(28, "full")


async def test_sensors_that_fail_or_hang_make_rules_untold_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensors = PlayedSensors()
    async with heard(tmp_path, sensors) as found:
        await found.look()
        sensors.error = RuntimeError("a driver crashed")
        assert await found.look() == "none"
        assert {one.code for one in found.keeper.verdict.untold} >= {"on-battery", "user-active"}
        sensors.error = None
        await found.look()
        assert found.keeper.verdict.untold == ()
    monkeypatch.setattr(keeper_module, "READ_LIMIT", 0.01)
    async with heard(tmp_path, Hanging()) as found:
        assert await found.look() == "none"
        assert found.keeper.verdict.untold


class Hanging(PlayedSensors):
    """Sensors that never answer."""

    async def read(self, wanted: frozenset[SensedField] = ALL_FIELDS) -> Sensed:
        await asyncio.Event().wait()
        return CALM


async def test_no_sensors_know_nothing_and_say_so(tmp_path: Path) -> None:
    async with heard(tmp_path, NoSensors()) as found:
        assert await found.look() == "none"
        assert all("no sensors" in one.text for one in found.keeper.verdict.untold)


async def test_the_clock_on_the_wall_is_this_computers(tmp_path: Path) -> None:
    local = local_time(NOON)
    assert 0 <= local.weekday <= 6
    assert local_time(NOON + 60).of_week - local.of_week in (1.0, 1.0 - 7 * 1440)
    async with heard(tmp_path, NoSensors()) as found:
        assert found.keeper.tomorrow_morning() == NOON + 19 * 3600
