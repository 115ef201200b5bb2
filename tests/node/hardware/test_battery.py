from __future__ import annotations

from collections import namedtuple

import psutil
import pytest

from node.hardware.battery import battery, describe
from node.wire.messages import Battery

Reading = namedtuple("Reading", "percent secsleft power_plugged")


@pytest.mark.parametrize(
    ("percent", "plugged", "expected"),
    [
        (50.0, True, Battery(charge=0.5, on_battery=False)),
        (7, False, Battery(charge=0.07, on_battery=True)),
        (50.0, None, Battery(charge=0.5, on_battery=False)),
        (104.0, True, Battery(charge=1.0, on_battery=False)),
        (-1, False, Battery(charge=0.0, on_battery=True)),
    ],
)
def test_a_reading_becomes_charge_and_supply(percent: float, plugged: bool | None, expected: Battery) -> None:
    assert describe(percent, plugged) == expected


def test_a_battery_is_read_through_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: Reading(80, 100, False), raising=False)
    assert battery() == Battery(charge=0.8, on_battery=True)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert battery() is None


@pytest.mark.parametrize("error", [OSError("io"), ValueError("firmware"), NotImplementedError()])
def test_firmware_that_talks_nonsense_counts_as_no_battery(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(psutil, "sensors_battery", fail, raising=False)
    assert battery() is None


def test_a_system_without_the_call_has_no_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert battery() is None
