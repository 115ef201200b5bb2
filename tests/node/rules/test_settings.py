"""Rules as somebody may write them: good defaults, and what makes no sense is refused with the field's path."""

from __future__ import annotations

import msgspec
import pytest

from node.rules.settings import Rules


def read(text: str) -> Rules:
    return msgspec.json.decode(text.encode(), type=Rules)


def test_the_defaults_spare_battery_money_and_whoever_uses_the_machine() -> None:
    rules = read("{}")
    assert rules == Rules()
    assert rules.mesh_on
    assert rules.on_battery
    assert rules.metered
    assert (rules.user_active_minutes, rules.user_active_scope) == (3, "gpu")
    assert rules.gpu_max_celsius == 85
    assert not rules.schedule.enabled
    assert rules.caps.cpu_percent == 80
    assert msgspec.json.decode(msgspec.json.encode(rules), type=Rules) == rules


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"gpu_max_celsius": 20}', "$.gpu_max_celsius"),
        ('{"schedule": {"days": [[[0, 1441]], [], [], [], [], [], []]}}', "$.schedule.days[0][0][1]"),
        ('{"schedule": {"days": [[[1320, 360]], [], [], [], [], [], []]}}', "$.schedule"),
        ('{"schedule": {"days": [[], [], []]}}', "$.schedule.days"),
        ('{"caps": {"cpu_percent": 0}}', "$.caps.cpu_percent"),
        ('{"user_active_scope": "some"}', "$.user_active_scope"),
        ('{"exclusive_programs": [""]}', "$.exclusive_programs[0]"),
        ('{"on_battery": "yes"}', "$.on_battery"),
        ('{"resume_after_seconds": -1}', "$.resume_after_seconds"),
    ],
)
def test_what_makes_no_sense_is_refused_and_where_it_stands_is_said(text: str, path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(text)
    assert f"`{path}`" in str(caught.value)


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert read('{"noise_max_decibels": 40}') == Rules()
