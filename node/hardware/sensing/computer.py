"""All sensors of this computer as one, whichever operating system it has."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.hardware.sensing import idle_macos, idle_windows, metered_windows
from node.hardware.sensing.battery import Power, power
from node.hardware.sensing.gpu_watch import GpuWatch
from node.hardware.sensing.look import Look, Pace, in_thread
from node.hardware.sensing.programs import programs
from node.hardware.sensing.sleeping import Sleeping
from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet
from node.rules.sensed import ALL_FIELDS, GpuSensed, Sensed, SensedField

PACES = {  # what costs nothing is asked each time; the rest seldom enough to cost nothing
    "idle": Pace(),
    "power": Pace(),
    "metered": Pace(holds=4.0),
    "programs": Pace(holds=9.0),
    "gpus": Pace(holds=4.0, limit=60.0),
}
NO_MAC_METER = Unknown("macOS tells only apps of Apple's own kind whether the network is metered")
SUBJECTS = {
    "idle": "when it was used last",
    "power": "whether it runs on its battery",
    "metered": "whether its network is metered",
    "programs": "which programs run",
    "gpus": "how hot its GPUs are and who uses them",
}


@dataclass(frozen=True)
class Asking:
    """How each subject is asked on one system, and what is to be let go at the end."""

    idle: Callable[[], Awaitable[float | Unknown]]
    power: Callable[[], Awaitable[Power | Unknown]]
    metered: Callable[[], Awaitable[bool | Unknown]]
    programs: Callable[[], Awaitable[frozenset[str] | Unknown]]
    gpus: Callable[[], Awaitable[tuple[GpuSensed, ...] | Unknown]]
    close: Callable[[], None]
    system: Any = None  # the system bus, where there is one


class ComputerSensors:
    """The real `Sensors`; made anywhere, it starts with the first reading."""

    def __init__(
        self,
        *,
        on_resume: Callable[[], None] = lambda: None,
        on_sleep: Callable[[], None] = lambda: None,
        ours: Callable[[int], bool] | None = None,
        asking: Callable[[TaskSet, Callable[[int], bool] | None], Asking] | None = None,
    ) -> None:
        """`ours` says of a process on a GPU whether it is one of ours; else whatever we have started is."""
        self._tasks = TaskSet("sensors")
        self._sleeping = Sleeping(on_resume, on_sleep)
        self._make = asking or asking_here
        self._ours = ours
        self._asking: Asking | None = None
        self._looks: Mapping[str, Look[Any]] = {}
        self._closed = False

    @property
    def resumed_at(self) -> float | None:
        """Return when this computer woke up last, by the monotonic clock, or None if it did not since our start."""
        return self._sleeping.resumed_at

    async def start(self) -> None:
        """Begin to look whether the computer slept; the first reading does it too."""
        if self._asking is None and not self._closed:
            self._asking = self._make(self._tasks, self._ours)
            self._looks = {
                subject: Look(SUBJECTS[subject], getattr(self._asking, subject), self._tasks, pace)
                for subject, pace in PACES.items()
            }
            await self._sleeping.watch(self._tasks, self._asking.system)

    async def read(self, wanted: frozenset[SensedField] = ALL_FIELDS) -> Sensed:
        """Return what can be told now; see `node.rules.sensed.Sensors`."""
        await self.start()
        subjects = sorted({_subject(field) for field in wanted} & self._looks.keys())
        answers = await asyncio.gather(*(self._looks[subject].read() for subject in subjects))
        return gather(dict(zip(subjects, answers, strict=True)), wanted)

    async def close(self) -> None:
        """Let go of connections and processes. May be called any number of times."""
        self._closed = True
        if self._asking is not None:
            self._asking.close()
        await self._tasks.stop()
        if self._asking is not None:
            self._asking.close()  # of what a task opened meanwhile


def gather(answers: Mapping[str, Any], wanted: frozenset[SensedField]) -> Sensed:
    """Make one reading of all answers; pure."""
    values: dict[str, Any] = {}
    unknown: dict[SensedField, str] = {}
    for field in wanted:
        answer = answers.get(_subject(field), Unknown("the sensors have been let go"))
        if isinstance(answer, Unknown):
            unknown[field] = answer.why[:1].upper() + answer.why[1:] + "."
        elif isinstance(answer, Power):
            values[field] = answer.on_battery if field == "on_battery" else answer.percent
        else:
            values[field] = answer
    return Sensed(**values, unknown=unknown)


def _subject(field: SensedField) -> str:
    """Return what is asked for a field."""
    return {"on_battery": "power", "battery_percent": "power", "idle_seconds": "idle"}.get(field, field)


def asking_here(tasks: TaskSet, ours: Callable[[int], bool] | None) -> Asking:
    """Return how this computer is asked."""
    return _linux(tasks, ours) if sys.platform == "linux" else _others(ours)


def _others(ours: Callable[[int], bool] | None) -> Asking:
    gpus = GpuWatch(ours)
    windows = sys.platform == "win32"
    return Asking(
        idle=in_thread(idle_windows.idle_seconds if windows else idle_macos.idle_seconds),
        power=in_thread(power),
        metered=in_thread(metered_windows.metered if windows else lambda: NO_MAC_METER),
        programs=in_thread(programs),
        gpus=gpus.read,
        close=gpus.close,
    )


def _linux(tasks: TaskSet, ours: Callable[[int], bool] | None) -> Asking:
    from node.hardware.sensing.battery_linux import BatteryLinux
    from node.hardware.sensing.bus import Bus, session_address, system_address
    from node.hardware.sensing.idle_bus import Mutter, ScreenSaver, SessionManager
    from node.hardware.sensing.idle_linux import IdleLinux
    from node.hardware.sensing.idle_logind import Logind
    from node.hardware.sensing.idle_wayland import Wayland
    from node.hardware.sensing.idle_x11 import X11
    from node.hardware.sensing.metered_linux import MeteredLinux

    session = Bus("desktop session's bus", session_address, tasks)
    system = Bus("system bus", system_address, tasks)
    ways = (Wayland(tasks), Mutter(session), X11(), ScreenSaver(session))
    idle = IdleLinux(ways, Logind(system), SessionManager(session).is_watched)
    gpus = GpuWatch(ours)

    def close() -> None:
        for thing in (idle, gpus, session, system):
            thing.close()

    return Asking(
        idle=idle.read,
        power=BatteryLinux(system).read,
        metered=MeteredLinux(system).read,
        programs=in_thread(programs),
        gpus=gpus.read,
        close=close,
        system=system,
    )
