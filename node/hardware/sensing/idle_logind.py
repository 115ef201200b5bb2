"""Who is logged in at this computer, and how long each has not used it, as systemd-logind tells.

For a terminal, logind knows when something was typed last. For a graphical session it knows only what the desktop
told it: GNOME does after some minutes, KDE never does; a desktop that has never told anything is not believed.
Source: org.freedesktop.login1(5).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.hardware.sensing.bus import Bus, Signal
from node.hardware.sensing.properties import PROPERTIES
from node.hardware.sensing.told import Unknown

LOGIND = "org.freedesktop.login1"
MANAGER = "/org/freedesktop/login1"
SESSION = f"{LOGIND}.Session"
PREPARE_FOR_SLEEP = Signal(MANAGER, f"{LOGIND}.Manager", "PrepareForSleep", sender=LOGIND)
MAX_SESSIONS = 16
HOLDS = 20.0  # seconds that the list of sessions is used; the times in it are times of day, and stay true
NOBODY = Unknown("nobody is logged in at this computer's own screen, so nobody's idle time can be told")
SILENT = Unknown("this desktop does not tell for how long nobody used the computer")


@dataclass(frozen=True)
class Session:
    """A login at a screen of this computer; `since` is Unix seconds, 0.0 for never told."""

    uid: int
    graphical: bool
    active: bool
    idle: bool
    since: float

    def idle_seconds(self, now: float) -> float | None:
        """Return for how long it was not used, or None where its desktop does not tell."""
        if self.since <= 0:
            return None
        if self.graphical and not self.idle:
            return 0.0
        return max(0.0, now - self.since)


def everybodys(sessions: Sequence[Session], now: float) -> float | Unknown:
    """Return for how long no session at all was used; pure."""
    if not sessions:
        return NOBODY
    told = [idle for one in sessions if (idle := one.idle_seconds(now)) is not None]
    return min(told) if told else SILENT


def of_others(sessions: Sequence[Session], now: float, uid: int) -> float | None:
    """Return for how long nobody used a session beside our own desktop, where that can be told; pure.

    A desktop in the background counts for nothing: nobody can use it.
    """
    others = [one for one in sessions if one.active and not (one.graphical and one.uid == uid)]
    return min((idle for one in others if (idle := one.idle_seconds(now)) is not None), default=None)


class Logind:
    """Asks logind for the sessions, now and then."""

    def __init__(
        self,
        bus: Bus,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._wall_clock = wall_clock
        self._sessions: Sequence[Session] | Unknown = NOBODY
        self._read_at: float | None = None

    async def read(self) -> float | Unknown:
        """Return for how long nobody used this computer, by what logind knows alone."""
        sessions = await self._list()
        if isinstance(sessions, Unknown):
            return Unknown(f"neither a desktop nor logind tells when this computer was used: {sessions.why}")
        return everybodys(sessions, self._wall_clock())

    async def others(self) -> float | None:
        """Return for how long nobody but our own desktop's user used it, where that can be told."""
        sessions = await self._list()
        if isinstance(sessions, Unknown):
            return None
        return of_others(sessions, self._wall_clock(), os.getuid())

    def close(self) -> None:
        """Nothing is held but the bus, which belongs to others too."""

    async def _list(self) -> Sequence[Session] | Unknown:
        now = self._clock()
        if self._read_at is None or now - self._read_at >= HOLDS:
            self._sessions, self._read_at = await self._ask(), now
        return self._sessions

    async def _ask(self) -> Sequence[Session] | Unknown:
        answer = await self._bus.call(LOGIND, MANAGER, f"{LOGIND}.Manager", "ListSessions")
        if isinstance(answer, Unknown):
            return answer
        found = []
        for _id, _uid, _name, seat, path in answer[0][:MAX_SESSIONS]:
            if seat:  # else it is at another computer's screen
                properties = await self._bus.call(
                    LOGIND, path, PROPERTIES, "GetAll", signature="s", body=(SESSION,)
                )
                if not isinstance(properties, Unknown) and (session := _session(properties[0])):
                    found.append(session)
        return found


def _session(properties: Mapping[str, tuple[str, Any]]) -> Session | None:
    """Read a session's properties; None for a greeter, and for one that is ending."""
    told = {name: value for name, (_, value) in properties.items()}
    if told.get("Class") != "user" or told.get("State") == "closing":
        return None
    return Session(
        uid=int(told["User"][0]),
        graphical=told.get("Type") in ("x11", "wayland", "mir"),
        active=bool(told.get("Active")),
        idle=bool(told.get("IdleHint")),
        since=int(told.get("IdleSinceHint", 0)) / 1e6,
    )
