"""Idle time from a desktop's services on a real session bus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.idle_bus import (
    MONITORS,
    NOT_SEEN,
    SCREEN_SAVER,
    SESSION_MANAGER,
    Mutter,
    ScreenSaver,
    SessionManager,
    Unit,
)
from node.hardware.sensing.told import Unknown
from tests.support.dbus import BusDaemon, stand_in

SAVER_PATH = "/org/freedesktop/ScreenSaver"


@pytest.mark.parametrize(("name", "path"), MONITORS)
async def test_a_window_manager_tells_milliseconds(daemon: BusDaemon, bus: Bus, name: str, path: str) -> None:
    mutter = Mutter(bus)
    assert isinstance(await mutter.read(), Unknown)
    async with stand_in(daemon, name) as service:
        service.answers(path, name, "GetIdletime", lambda: ("t", (65_432,)))
        assert await mutter.read() == 65.432
        assert await mutter.read() == 65.432
        assert len(service.asked) == 2
    assert isinstance(await mutter.read(), Unknown)
    mutter.close()


async def test_who_watches_a_film_is_there(daemon: BusDaemon, bus: Bus) -> None:
    manager = SessionManager(bus)
    assert not await manager.is_watched()
    async with stand_in(daemon, SESSION_MANAGER) as service:
        for inhibited in (0, 4, 8, 12):  # nothing, sleep, idle, both
            service.answers(
                "/org/gnome/SessionManager", SESSION_MANAGER, "IsInhibited",
                lambda flags, inhibited=inhibited: ("b", (bool(flags & inhibited),)),
            )  # fmt: skip
            assert await manager.is_watched() == (inhibited >= 8)


async def test_a_screen_saver_is_believed_when_its_time_has_grown(daemon: BusDaemon, bus: Bus) -> None:
    now, idle = [0.0], [0]
    saver = ScreenSaver(bus, lambda: now[0])
    assert isinstance(await saver.read(), Unknown)
    async with stand_in(daemon, SCREEN_SAVER) as service:
        service.answers(SAVER_PATH, SCREEN_SAVER, "GetSessionIdleTime", lambda: ("u", (idle[0],)))
        for now[0] in (0.0, 5.0, 10.0):  # KDE on Wayland tells this for ever
            assert await saver.read() == NOT_SEEN
        now[0], idle[0] = 15.0, 4_900
        assert await saver.read() == 4.9
        now[0], idle[0] = 20.0, 0
        assert await saver.read() == 0.0
    saver.close()


async def test_a_desktop_that_tells_nonsense_is_an_error_which_is_caught_where_it_is_asked(
    daemon: BusDaemon, bus: Bus
) -> None:
    name, path = MONITORS[0]
    async with stand_in(daemon, name) as service:
        service.answers(path, name, "GetIdletime", lambda: ("s", ("long",)))
        with pytest.raises(ValueError, match="tells no time"):
            await Mutter(bus).read()


@given(
    milliseconds=st.booleans(),
    pauses=st.lists(st.tuples(st.floats(1, 60), st.booleans()), min_size=2, max_size=20),
)
def test_the_unit_is_found_from_readings_alone(milliseconds: bool, pauses: list[tuple[float, bool]]) -> None:
    per_second = 1000 if milliseconds else 1
    unit, now, idle, grown = Unit(), 0.0, 0.0, False
    unit.seconds(0, now)
    for pause, used in pauses:
        before = int(idle * per_second)
        now, idle = now + pause, 0.0 if used else idle + pause
        value = int(idle * per_second)
        grown = grown or value > before
        told = unit.seconds(value, now)
        if grown:
            assert not isinstance(told, Unknown)
            assert abs(told - idle) <= 1
        else:
            assert told == NOT_SEEN
