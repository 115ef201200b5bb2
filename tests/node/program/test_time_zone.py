"""A traveller's clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from node.program.time_zone import follow_time_zone
from node.rules.keeper import local_time
from tests.support.rules import NOON

# Zones as POSIX writes them, which need no list of places: hours that UTC is ahead of them.
pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system follows the zone by itself")


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as here:
        here.setenv("TZ", "AAA-1")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("at_home")
def test_local_times_are_those_of_the_zone_that_is_set_now(monkeypatch: pytest.MonkeyPatch) -> None:
    assert time.localtime(NOON).tm_hour == 12
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "BBB+5")
        follow_time_zone()
        assert time.localtime(NOON).tm_hour == 6
    follow_time_zone()
    assert time.localtime(NOON).tm_hour == 12


@pytest.mark.usefixtures("at_home")
def test_the_schedule_goes_by_the_clock_where_the_computer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_time(NOON).minute == 12 * 60
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "CCC-9")
        assert local_time(NOON).minute == 20 * 60
