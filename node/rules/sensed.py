"""What the computer's sensors told at one moment, and what a set of sensors must do for us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, get_args

import msgspec

SensedField = Literal["on_battery", "battery_percent", "metered", "idle_seconds", "programs", "gpus"]
ALL_FIELDS: frozenset[SensedField] = frozenset(get_args(SensedField))


class GpuSensed(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU; `memory_used_by_others_bytes` leaves out what our own services hold. None: cannot be told."""

    index: int
    celsius: float | None = None
    memory_used_by_others_bytes: int | None = None


class Sensed(msgspec.Struct, frozen=True, kw_only=True):
    """One reading. None cannot be told (or was not asked for): its rule does not apply.

    `unknown` says why for each field that was asked for and cannot be told, in a sentence that a volunteer reads.
    A computer without a battery is `on_battery=False`; one without a GPU has `gpus=()`: both are told, not unknown.
    """

    on_battery: bool | None = None
    battery_percent: float | None = None  # 0 to 100; None without a battery too
    metered: bool | None = None
    idle_seconds: float | None = None  # since keyboard, mouse or screen of any local session were used last
    programs: frozenset[str] | None = None  # lower-case names of what runs, such as "game.exe" or "blender"
    gpus: tuple[GpuSensed, ...] | None = None
    unknown: Mapping[SensedField, str] = {}


class Sensors(Protocol):
    """The sensors of one operating system. One reader at a time; nothing of it may block the loop."""

    async def read(self, wanted: frozenset[SensedField] = ALL_FIELDS) -> Sensed:
        """Return what can be told now of the wanted fields, within 2 seconds and without ever raising.

        What was not wanted stays None and need not be looked at: listing programs costs most, and only volunteers
        with exclusive programs need it. Called every 5 seconds: cheap things only (below 0.1 % of one core).
        """

    async def close(self) -> None:
        """Let go of connections and processes. May be called any number of times; nothing is read afterwards."""


class NoSensors:
    """Tells nothing: for a machine that shall not be looked at, and for tests."""

    def __init__(self, why: str = "There are no sensors for this system yet.") -> None:
        self._why = why

    async def read(self, wanted: frozenset[SensedField] = ALL_FIELDS) -> Sensed:
        """Return a reading in which everything is unknown."""
        return Sensed(unknown=dict.fromkeys(wanted, self._why))

    async def close(self) -> None:
        """Do nothing: nothing is open."""
