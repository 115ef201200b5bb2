"""The table of the rules, a test each, driven by a clock and sensors that say what they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.rules.decide import bare_name, unreadable, wanted_fields
from node.rules.sensed import ALL_FIELDS, GpuSensed, Sensed
from node.rules.settings import Rules, Schedule, Scope
from node.rules.verdict import RuleCode
from tests.support.rules import BERLIN, CALM, NOON, TURN, Watch, week

GRACE, AGAIN = 10.0, 60.0  # seconds: the defaults of Rules
NEVER = Schedule(enabled=True, days=week(()))
HOT, COOL = GpuSensed(index=0, celsius=88), GpuSensed(index=0, celsius=60)
FULL = GpuSensed(index=1, memory_used_by_others_bytes=4 << 30)
FREE = GpuSensed(index=1, memory_used_by_others_bytes=1 << 30)
OFFICE = ((540, 1020),)  # 9:00 to 17:00


def rules(**changes: Any) -> Rules:
    return Rules(**changes)


# What is set, what the sensors tell, what follows and when that ends. The causes go away by telling CALM again.
TABLE: Mapping[str, tuple[Rules, dict[str, Any], Scope, RuleCode, str]] = {
    "on battery": (rules(), {"on_battery": True}, "all", "on-battery", "about a minute after it is plugged in"),
    "battery is low": (
        rules(battery_below_percent=40),
        {"on_battery": True, "battery_percent": 39.0},
        "all",
        "on-battery",
        "less than 40 %",
    ),
    "metered": (rules(), {"metered": True}, "all", "metered", "another network"),
    "used": (rules(), {"idle_seconds": 2.0}, "gpu", "user-active", "about 3 minutes after you stop using it"),
    "used, all": (
        rules(user_active_scope="all", user_active_minutes=10),
        {"idle_seconds": 2.0},
        "all",
        "user-active",
        "This computer goes on about 10 minutes after you stop using it",
    ),
    "program": (
        rules(exclusive_programs=("Blender",)),
        {"programs": frozenset({"blender.exe", "init"})},
        "all",
        "exclusive-program",
        "after Blender is closed",
    ),
    "program with its ending": (
        rules(exclusive_programs=("game.EXE",)),
        {"programs": frozenset({"game"})},
        "all",
        "exclusive-program",
        "game.EXE is running",
    ),
    "too hot": (rules(), {"gpus": (COOL, HOT)}, "gpu", "too-hot", "cooled down to 80 °C"),
    "GPU in use": (
        rules(gpu_memory_of_others_bytes=2 << 30),
        {"gpus": (FULL,)},
        "gpu",
        "gpu-in-use",
        "more than 2.0 GB",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_takes_hold_after_its_grace_and_lets_go_when_its_cause_is_gone_for_a_while(name: str) -> None:
    wanted, readings, rest, code, said = TABLE[name]
    watch = Watch(wanted, sensed=msgspec.structs.replace(CALM, gpus=(COOL, FREE)))
    assert watch.verdict.rest == "none"
    assert watch.verdict.untold == ()
    watch.tell(**readings)
    patience = watch.seconds_until(rest)
    grace = 0.0 if code == "exclusive-program" else GRACE
    assert grace <= patience <= grace + TURN
    (reason,) = watch.verdict.reasons
    assert (reason.code, reason.scope) == (code, rest)
    assert said in f"{reason.text} {reason.ends}"
    watch.tell(**{name: getattr(CALM, name) for name in readings} | {"gpus": (COOL, FREE)})
    patience = watch.seconds_until("none")
    assert AGAIN <= patience <= AGAIN + 2 * TURN
    assert watch.verdict.reasons == ()


@pytest.mark.parametrize("name", TABLE)
def test_what_cannot_be_told_applies_no_rule_and_is_said(name: str) -> None:
    wanted, _, _, code, _ = TABLE[name]
    watch = Watch(wanted, sensed=Sensed(unknown={"on_battery": "The battery's driver is silent."}))
    watch.turn(600)
    assert watch.verdict.rest == "none"
    told = {one.code: one.text for one in watch.verdict.untold}
    assert told[code]
    assert told["on-battery"] == "The battery's driver is silent."


@pytest.mark.parametrize(
    "off",
    [
        ({"on_battery": False}, {"on_battery": True, "battery_percent": 1.0}),
        ({"metered": False}, {"metered": True}),
        ({"user_active_minutes": None}, {"idle_seconds": 0.0}),
        ({"user_active_scope": "none"}, {"idle_seconds": 0.0}),
        ({"gpu_max_celsius": None}, {"gpus": (HOT,)}),
        ({}, {"gpus": (FULL,)}),
        ({}, {"programs": frozenset({"blender"})}),
        ({"battery_below_percent": 40}, {"on_battery": True, "battery_percent": 41.0}),
    ],
)
def test_a_rule_that_is_off_does_nothing(off: tuple[dict[str, Any], dict[str, Any]]) -> None:
    watch = Watch(rules(**off[0])).tell(**off[1])
    for _ in range(60):
        assert watch.turn().rest == "none"


def test_a_short_cause_is_no_cause_and_a_short_calm_no_calm() -> None:
    watch = Watch(rules())
    for _ in range(20):
        watch.tell(metered=True).turn()
        assert watch.tell(metered=False).turn().rest == "none"
    watch.tell(metered=True).seconds_until("all")
    for _ in range(20):
        watch.tell(metered=False).turn(40 / 3)
        assert watch.turn(40 / 3).rest == "all"
        assert watch.tell(metered=True).turn().rest == "all"


def test_at_the_start_nobody_waits_for_a_grace() -> None:
    assert Watch(rules(), sensed=msgspec.structs.replace(CALM, on_battery=True)).verdict.rest == "all"
    late = Watch(rules(), sensed=Sensed())
    assert late.verdict.rest == "none"
    assert late.tell(on_battery=True).turn().rest == "all", "the first that a sensor tells"


def test_a_gpu_must_cool_down_by_some_degrees() -> None:
    watch = Watch(rules()).tell(gpus=(HOT,))
    watch.seconds_until("gpu")
    watch.tell(gpus=(GpuSensed(index=0, celsius=81),))
    for _ in range(60):
        assert watch.turn().rest == "gpu"
    watch.tell(gpus=(GpuSensed(index=0, celsius=80),)).seconds_until("none")
    watch.tell(gpus=(GpuSensed(index=0, celsius=85),))
    for _ in range(60):
        assert watch.turn().rest == "none", "85 is not hotter than 85"


@pytest.mark.parametrize("minutes", [1, 3, 30])
def test_the_promised_minutes_after_use_include_the_calm(minutes: int) -> None:
    watch = Watch(rules(user_active_minutes=minutes)).tell(idle_seconds=0.0)
    watch.seconds_until("gpu")
    left = watch.now
    while watch.verdict.rest == "gpu":
        watch.tell(idle_seconds=watch.now + TURN - left).turn()
    promised = max(60.0 * minutes, 80.0)
    assert promised <= watch.now - left <= promised + 2 * TURN
    assert watch.turn().rest == "none"


def test_with_little_patience_somebody_who_types_is_still_here() -> None:
    watch = Watch(rules(user_active_minutes=1, resume_after_seconds=3600)).tell(idle_seconds=1.0)
    watch.seconds_until("gpu")
    for _ in range(2000):
        assert watch.turn().rest == "gpu"


def test_a_schedule_holds_to_the_minute_and_tells_its_next_start() -> None:
    plan = Schedule(enabled=True, days=week(OFFICE))
    watch = Watch(rules(schedule=plan), now=datetime(2026, 11, 18, 16, 59, 50, tzinfo=BERLIN).timestamp())
    assert watch.turn().rest == "none"
    assert watch.turn().rest == "all"
    (reason,) = watch.verdict.reasons
    assert reason.code == "schedule"
    assert reason.until == datetime(2026, 11, 19, 9, 0, tzinfo=BERLIN).timestamp()
    while watch.now + TURN < reason.until:
        assert watch.turn().rest == "all"
    assert watch.turn().rest == "none"


def test_a_schedule_without_hours_says_so() -> None:
    (reason,) = Watch(rules(schedule=NEVER)).verdict.reasons
    assert reason.until is None
    assert "no hours" in reason.ends


def test_what_rests_is_the_most_that_any_rule_says_and_every_reason_is_told() -> None:
    watch = Watch(rules(user_active_minutes=3)).tell(idle_seconds=0.0, gpus=(HOT,), metered=True)
    watch.seconds_until("all")
    assert watch.codes == ["metered", "user-active", "too-hot"]
    watch.tell(metered=False).seconds_until("gpu")
    assert watch.codes == ["user-active", "too-hot"]


def test_a_mesh_that_is_switched_off_rests_at_once_whatever_else_is_so() -> None:
    watch = Watch(rules(mesh_on=False)).tell(metered=True)
    assert watch.turn().rest == "all"
    assert watch.codes == ["mesh-off"]
    watch.rules = rules()
    watch.tell(metered=False)
    assert watch.turn().rest == "none", "and back at once"


def test_rules_that_nobody_can_read_make_everything_rest() -> None:
    verdict = unreadable("rules.json: no JSON.")
    assert verdict.rest == "all"
    assert "rules.json" in verdict.reasons[0].text
    assert verdict.reasons[0].ends


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86400.0, -86400.0])
def test_a_clock_that_is_set_makes_no_cause_older_and_no_calm_longer(jump: float) -> None:
    watch = Watch(rules())
    watch.tell(metered=True).turn()
    watch.turn(jump)
    assert watch.verdict.rest == "none" or jump > 0, "a step counts as three turns at most"
    watch.seconds_until("all", most=GRACE + 2 * TURN)
    watch.tell(metered=False).turn()
    assert watch.turn(jump).rest == "all"
    assert watch.seconds_until("none") >= AGAIN - 4 * TURN


def test_a_clock_that_is_set_to_and_fro_across_an_end_of_the_hours_stops_nothing_twice_a_minute() -> None:
    plan = Schedule(enabled=True, days=week(OFFICE))
    watch = Watch(rules(schedule=plan), now=datetime(2026, 11, 18, 16, 30, tzinfo=BERLIN).timestamp())
    changes, before = 0, watch.verdict.rest
    for turn in range(240):  # twenty minutes
        watch.turn(-3595.0 if turn % 2 else 3605.0)
        changes += watch.verdict.rest != before
        before = watch.verdict.rest
    assert 0 < changes <= 2 * 30 + 1, "a rest lasts eight turns at least"


@pytest.mark.parametrize(("night", "rests"), [("2026-03-29", "none"), ("2026-10-25", "none")])
def test_nights_on_which_clocks_are_changed_do_no_harm(night: str, rests: str) -> None:
    plan = Schedule(enabled=True, days=week(((0, 480),)))
    watch = Watch(
        rules(schedule=plan), now=datetime.fromisoformat(f"{night} 00:00").replace(tzinfo=BERLIN).timestamp()
    )
    end = datetime.fromisoformat(f"{night} 07:59").replace(tzinfo=BERLIN).timestamp()
    while watch.now < end:
        assert watch.turn(60).rest == rests


READINGS: Mapping[str, st.SearchStrategy[Any]] = {
    "on_battery": st.sampled_from([True, False, None]),
    "metered": st.sampled_from([True, False, None]),
    "idle_seconds": st.sampled_from([0.0, 30.0, 125.0, 500.0, None]),
    "programs": st.sampled_from([frozenset(), frozenset({"game"}), None]),
    "gpus": st.sampled_from([(), (HOT,), (COOL,), (FULL,), (GpuSensed(index=0, celsius=82),), None]),
}


@st.composite
def stories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return what the sensors tell turn by turn: some of them anything for a while, the others what is calm."""
    fields = draw(st.sets(st.sampled_from(sorted(READINGS)), min_size=1, max_size=5))
    told: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(5, 20))):
        reading = {name: draw(READINGS[name]) for name in sorted(fields)}
        told += [reading] * draw(st.sampled_from([1, 1, 2, 3, 4, 13, 14, 20]))
    return told


@settings(deadline=None, max_examples=150, derandomize=True)
@given(stories(), st.sampled_from(["gpu", "all"]))
def test_nothing_flutters_whatever_the_sensors_tell(readings: list[dict[str, Any]], scope: Scope) -> None:
    """Whatever rests does so for a while: at most one stop and one start of anything within that."""
    wanted = rules(
        user_active_scope=scope, exclusive_programs=("game",), gpu_memory_of_others_bytes=2 << 30, grace_seconds=5
    )
    watch = Watch(wanted)
    stopped: dict[str, list[float]] = {"cpu": [], "gpu": []}
    started: dict[str, list[float]] = {"cpu": [], "gpu": []}
    before = (False, False)
    for reading in readings:
        watch.tell(**reading).turn()
        assert bool(watch.verdict.reasons) == (watch.verdict.rest != "none"), "there is always a reason"
        now = (watch.verdict.rest == "all", watch.verdict.rest != "none")
        for kind, was, rests in zip(("cpu", "gpu"), before, now, strict=True):
            if was != rests:
                (stopped if rests else started)[kind].append(watch.now)
        before = now
    for kind in ("cpu", "gpu"):
        for times in (stopped[kind], started[kind]):
            assert all(later - one >= AGAIN for one, later in pairwise(times))
        assert all(start - stop >= AGAIN for stop, start in zip(stopped[kind], started[kind], strict=False))


def test_sensors_are_asked_only_for_what_rules_go_by() -> None:
    assert wanted_fields(rules()) == ALL_FIELDS - {"programs"}
    assert wanted_fields(rules(exclusive_programs=("game",))) == ALL_FIELDS
    assert wanted_fields(rules(mesh_on=False)) == frozenset()
    nothing = rules(on_battery=False, metered=False, user_active_minutes=None, gpu_max_celsius=None)
    assert wanted_fields(nothing) == frozenset()


@pytest.mark.parametrize(("name", "bare"), [("Game.exe", "game"), (" blender ", "blender"), ("exe", "exe")])
def test_programs_are_compared_without_case_and_ending(name: str, bare: str) -> None:
    assert bare_name(name) == bare


def test_each_of_as_many_programs_as_can_be_named_is_looked_for() -> None:
    names = tuple(f"Game {number}" for number in range(256))
    others = frozenset(f"program {number}" for number in range(500))
    watch = Watch(rules(exclusive_programs=names), now=NOON).tell(programs=others)
    assert watch.turn().rest == "none"
    watch.tell(programs=others | {"game 255"})
    assert watch.turn().rest == "all"
    assert "Game 255 is running." in watch.verdict.reasons[0].text
