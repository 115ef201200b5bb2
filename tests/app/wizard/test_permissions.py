"""What is ticked becomes rules, and rules become ticks again; what is not in the form is left alone."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from app.wizard.permissions import Permissions, permissions_of, rules_of
from node.rules.settings import Caps, Rules, Schedule

OWN = Schedule(enabled=True, days=(((60, 120),), *((),) * 6))


def test_untouched_the_form_says_what_the_rules_say_by_default() -> None:
    assert rules_of(Rules(), permissions_of(Rules())) == Rules()


@pytest.mark.parametrize("hours", ["always", "free-time"])
def test_every_choice_comes_back_from_the_rules(hours: str) -> None:
    for percent, battery, metered, active in itertools.product(
        (10, 50, 80, 100), (True, False), (True, False), ("gpu", "all", "none")
    ):
        wanted = Permissions(frozenset({"a", "b"}), hours, percent, battery, metered, active)  # type: ignore[arg-type]
        rules = rules_of(Rules(), wanted)
        assert permissions_of(rules) == wanted
        assert rules.services_off == ("a", "b")
        assert rules.caps.cpu_percent == (None if percent == 100 else percent)


def test_free_time_is_the_evenings_nights_and_weekends() -> None:
    rules = rules_of(Rules(), Permissions(hours="free-time"))
    assert rules.schedule == Schedule(enabled=True)


def test_what_the_form_does_not_show_is_kept() -> None:
    before = Rules(
        schedule=OWN, exclusive_programs=("blender",), caps=Caps(cpu_percent=55, ram_bytes=7),
        user_active_minutes=None,
    )  # fmt: skip
    shown = permissions_of(before)
    assert shown.hours == "own"
    assert shown.while_active == "none"
    after = rules_of(before, shown)
    assert after.schedule == OWN
    assert after.caps == before.caps
    expected = msgspec.structs.replace(before, user_active_minutes=3, user_active_scope="none")
    assert after == expected, "rests nothing while somebody uses the computer, as before"


def test_who_joins_is_in_the_mesh_though_it_was_switched_off_in_the_one_before() -> None:
    before = Rules(mesh_on=False)
    assert rules_of(before, permissions_of(before)).mesh_on


def test_hours_that_were_set_before_may_be_given_up() -> None:
    before = Rules(schedule=OWN)
    assert not rules_of(before, Permissions(hours="always")).schedule.enabled
    assert rules_of(before, Permissions(hours="free-time")).schedule == Schedule(enabled=True)
