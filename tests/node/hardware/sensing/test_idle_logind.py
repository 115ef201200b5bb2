"""Who uses this computer, by logind: pure, and on a real system bus."""

from __future__ import annotations

import os

import pytest

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.idle_logind import HOLDS, NOBODY, SILENT, Logind, Session, everybodys, of_others
from node.hardware.sensing.told import Unknown
from tests.support.dbus import LOGIND, BusDaemon, login, logind, stand_in

NOW = 1_800_000_000.0
US, OTHER = 1000, 1001


def session(
    uid: int = US, *, graphical: bool = True, active: bool = True, idle: bool = False, since: float = 0.0
) -> Session:
    return Session(uid, graphical, active, idle, since)


GNOME_IDLE = session(idle=True, since=NOW - 300)
GNOME_USED = session(since=NOW - 7200)
KDE = session()
TERMINAL = session(graphical=False, since=NOW - 40)


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([], NOBODY),
        ([GNOME_IDLE], 300.0),
        ([GNOME_USED], 0.0),
        ([KDE], SILENT),
        ([TERMINAL], 40.0),
        ([GNOME_IDLE, TERMINAL], 40.0),
        ([KDE, TERMINAL], 40.0),
        ([session(idle=True, since=NOW + 60)], 0.0),  # the clock was set
    ],
)
def test_the_session_used_last_counts_where_it_can_be_told(
    sessions: list[Session], expected: float | Unknown
) -> None:
    assert everybodys(sessions, NOW) == expected


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([], None),
        ([GNOME_USED], None),  # our own desktop tells better itself
        ([TERMINAL], 40.0),
        ([session(OTHER, idle=True, since=NOW - 9)], 9.0),
        ([session(OTHER, since=NOW - 9)], 0.0),
        ([session(OTHER)], None),
        ([session(OTHER, since=NOW - 9, active=False)], None),
    ],
)
def test_others_count_beside_our_own_desktop(sessions: list[Session], expected: float | None) -> None:
    assert of_others(sessions, NOW, US) == expected


async def test_sessions_are_asked_of_logind_now_and_then(daemon: BusDaemon, bus: Bus) -> None:
    now, wall = [0.0], [NOW]
    sensor = Logind(bus, lambda: now[0], lambda: wall[0])
    async with stand_in(daemon, LOGIND) as service:
        logind(
            service,
            {
                "2": login(US, idle=True, since=NOW - 100),
                "5": login(os.getuid(), kind="tty", seat="", since=NOW - 1),  # by ssh: nobody sits here
                "c1": {**login(120), "Class": ("s", "greeter")},
                "7": {**login(OTHER), "State": ("s", "closing")},
            },
        )
        assert await sensor.read() == 100.0
        asked = len(service.asked)
        wall[0], now[0] = NOW + 10, HOLDS - 1
        assert await sensor.read() == 110.0
        assert await sensor.others() == (None if os.getuid() == US else 110.0)
        assert len(service.asked) == asked
        logind(service, {"2": login(US, since=NOW)})
        now[0] = HOLDS
        assert await sensor.read() == 0.0
    sensor.close()


async def test_without_logind_nobody_knows_and_others_are_not_there(daemon: BusDaemon, bus: Bus) -> None:
    sensor = Logind(bus)
    told = await sensor.read()
    assert isinstance(told, Unknown)
    assert "neither a desktop nor logind" in told.why
    assert await sensor.others() is None
