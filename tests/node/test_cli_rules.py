"""Rules as people write them on a command line, and as they are shown."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from node.cli_rules import MEANINGS, cap_line, changed, shown_rules, until
from node.control_rules import merged
from node.program.errors import EXIT_USAGE, UserFacingError
from node.rules.caps import CapReport
from node.rules.settings import Caps, Rules, Schedule
from node.state import Reason

WHOLE = ((0, 1440),)
NIGHT = ((0, 480), (1080, 1440))


def after(name: str, text: str, before: Rules = Rules()) -> Rules:  # noqa: B008 - frozen
    """Return the rules as the node would have them."""
    document = merged(msgspec.to_builtins(before), msgspec.to_builtins(changed(before, name, text)))
    return msgspec.convert(document, type=Rules)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("mesh_on", "off", Rules(mesh_on=False)),
        ("metered", "no", Rules(metered=False)),
        ("on_battery", "true", Rules()),
        ("battery_below_percent", "40", Rules(battery_below_percent=40)),
        ("user_active_minutes", "none", Rules(user_active_minutes=None)),
        ("user_active_scope", "none", Rules(user_active_scope="none")),
        ("user_active_scope", "all", Rules(user_active_scope="all")),
        ("exclusive_programs", "Blender, game.exe", Rules(exclusive_programs=("Blender", "game.exe"))),
        ("exclusive_programs", "none", Rules()),
        ("services_off", "vision-ocr", Rules(services_off=("vision-ocr",))),
        ("gpu_memory_of_others_bytes", "1.5GB", Rules(gpu_memory_of_others_bytes=3 << 29)),
        ("caps.cpu_percent", "50", Rules(caps=Caps(cpu_percent=50))),
        ("caps.upload_bytes_per_second", "500 kB", Rules(caps=Caps(upload_bytes_per_second=500 << 10))),
        ("caps.ram_bytes", "1048576", Rules(caps=Caps(ram_bytes=1 << 20))),
        ("schedule.enabled", "yes", Rules(schedule=Schedule(enabled=True))),
        ("schedule.friday", "0:00-24:00", Rules(schedule=Schedule(days=(NIGHT,) * 4 + (WHOLE,) * 3))),
        ("schedule.weekend", "none", Rules(schedule=Schedule(days=(NIGHT,) * 5 + ((),) * 2))),
    ],
)
def test_a_rule_is_set_in_words(name: str, text: str, wanted: Rules) -> None:
    assert after(name, text) == wanted


def test_what_is_shown_can_be_set() -> None:
    rules = Rules(
        exclusive_programs=("a", "b"),
        gpu_memory_of_others_bytes=3 << 29,
        caps=Caps(ram_bytes=123),
        schedule=Schedule(enabled=True, days=(NIGHT,) * 5 + ((),) * 2),
        mesh_on=False,
    )
    shown = shown_rules(rules)
    assert set(shown) == set(MEANINGS)
    found = Rules()
    for name, text in shown.items():
        found = after(name, text, found)
    assert found == rules


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gpu_max_celcius", "80"),
        ("schedule.days", "none"),
        ("schedule.monday", "22:00-6:00"),
        ("schedule.monday", "9-17"),
        ("schedule.monday", "0:00-24:01"),
        ("caps", "{}"),
    ],
)
def test_what_cannot_be_meant_is_said(name: str, text: str) -> None:
    with pytest.raises(UserFacingError) as caught:
        changed(Rules(), name, text)
    assert caught.value.exit_code == EXIT_USAGE
    assert caught.value.hint


@pytest.mark.parametrize(("seconds", "form"), [(60.0, "%H:%M"), (3 * 86400.0, "%A %H:%M")])
def test_an_end_that_is_not_near_has_its_day(seconds: float, form: str) -> None:
    now = 1_800_000_000.0
    shown: Any = time.strftime(form, time.localtime(now + seconds))
    assert until(Reason("schedule", "Text.", now + seconds), now) == f" (until {shown})"
    assert until(Reason("on-battery", "Text."), now) == ""


def test_a_cap_says_how_it_is_kept_what_is_not_and_when_a_change_holds() -> None:
    kept = CapReport(name="cpu", wanted=50, how="systemd measures out 50 % of all cores.", enforced=True)
    assert cap_line(kept) == "cpu         systemd measures out 50 % of all cores."
    lost = CapReport(name="ram", how="Nothing.", enforced=False, why_not="A reason.", takes_hold="next-start")
    assert cap_line(lost).startswith("ram         NOT KEPT: Nothing. A reason. A change reaches")
