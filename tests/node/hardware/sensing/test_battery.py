"""psutil's reading of a battery, as what feeds the computer."""

from __future__ import annotations

from collections import namedtuple

import psutil
import pytest

from node.hardware.sensing.battery import Power, power
from node.hardware.sensing.told import Unknown

Reading = namedtuple("Reading", "percent secsleft power_plugged")


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (None, Power(on_battery=False)),
        (Reading(80, 100, False), Power(on_battery=True, percent=80.0)),
        (Reading(80, 100, True), Power(on_battery=False, percent=80.0)),
        (Reading(104, 100, None), Power(on_battery=False, percent=100.0)),
    ],
)
def test_a_reading_becomes_what_feeds_the_computer(
    monkeypatch: pytest.MonkeyPatch, reading: object, expected: Power
) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: reading, raising=False)
    assert power() == expected


def test_firmware_that_talks_nonsense_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("firmware")

    monkeypatch.setattr(psutil, "sensors_battery", fail, raising=False)
    assert power() == Unknown("the battery cannot be read: firmware")
    monkeypatch.delattr(psutil, "sensors_battery")
    assert isinstance(power(), Unknown)
