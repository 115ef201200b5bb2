"""How long nobody used this desktop, as the desktop's own services on the session bus tell it.

Mutter (GNOME) and Muffin (Cinnamon) tell milliseconds. `GetSessionIdleTime` is told in milliseconds by KDE and in
seconds by others, and stays 0 where a desktop cannot tell; so it is believed once it has been seen to grow, and the
speed at which it grows is its unit.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.told import Unknown

MONITORS = (
    ("org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core"),
    ("org.cinnamon.Muffin.IdleMonitor", "/org/cinnamon/Muffin/IdleMonitor/Core"),
)
SESSION_MANAGER = "org.gnome.SessionManager"
FOR_IDLE = 8  # of what can be asked for: log-out, switching users, sleep, and this
SCREEN_SAVER = "org.freedesktop.ScreenSaver"
NOT_SEEN = Unknown("this desktop's screen saver service has not told a time that grows")


class Mutter:
    """The idle monitor of the window manager."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._monitors = list(MONITORS)  # the one that answered last first

    async def read(self) -> float | Unknown:
        """Return seconds since keyboard or mouse were used last."""
        answer: tuple[object, ...] | Unknown = Unknown("")
        for monitor in tuple(self._monitors):
            answer = await self._bus.call(*monitor, monitor[0], "GetIdletime")
            if not isinstance(answer, Unknown):
                self._monitors.sort(key=lambda one: one != monitor)
                break
        return answer if isinstance(answer, Unknown) else _number(answer) / 1000

    def close(self) -> None:
        """Nothing is held but the bus, which belongs to others too."""


class SessionManager:
    """Knows whether a program asked that this session be not taken for idle, as one does that plays a film.

    GNOME, Cinnamon and MATE have it. Source: org.gnome.SessionManager, IsInhibited.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def is_watched(self) -> bool:
        """Say whether somebody looks at the screen without touching anything."""
        answer = await self._bus.call(
            SESSION_MANAGER, "/org/gnome/SessionManager", SESSION_MANAGER, "IsInhibited",
            signature="u", body=(FOR_IDLE,),
        )  # fmt: skip
        return answer == (True,)


class ScreenSaver:
    """The screen saver service, believed as far as it was seen to tell the truth."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._unit = Unit()

    async def read(self) -> float | Unknown:
        """Return seconds since this session was used last."""
        path = "/" + SCREEN_SAVER.replace(".", "/")
        answer = await self._bus.call(SCREEN_SAVER, path, SCREEN_SAVER, "GetSessionIdleTime")
        if isinstance(answer, Unknown):
            return answer
        return self._unit.seconds(_number(answer), self._clock())

    def close(self) -> None:
        """Nothing is held but the bus, which belongs to others too."""


class Unit:
    """Finds out from readings how long the unit is in which they are told."""

    def __init__(self) -> None:
        self._per_second: float | None = None
        self._last: tuple[float, float] | None = None

    def seconds(self, value: float, now: float) -> float | Unknown:
        """Return the reading in seconds, or that its unit is not known yet."""
        if self._per_second is None and self._last is not None:
            grown, passed = value - self._last[0], now - self._last[1]
            if grown > 0 and passed >= 1:
                self._per_second = 1000.0 if grown / passed > 100 else 1.0
        self._last = (value, now)
        return NOT_SEEN if self._per_second is None else value / self._per_second


def _number(answer: tuple[object, ...]) -> float:
    """Return the one number of an answer."""
    value = answer[0]
    if not isinstance(value, int) or value < 0:
        raise ValueError("the desktop tells no time")
    return float(value)
