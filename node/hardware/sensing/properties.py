"""The properties of one D-Bus object, read once and again only when the service says that they changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from node.hardware.sensing.bus import Bus, Signal
from node.hardware.sensing.told import Unknown

PROPERTIES = "org.freedesktop.DBus.Properties"
LASTS = 60.0  # seconds, should a signal be missed
RETRY = 15.0  # seconds until a service that did not tell is asked again, unless it comes


class Properties:
    """All properties of an object's interface, without their types."""

    def __init__(
        self, bus: Bus, service: str, path: str, interface: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bus = bus
        self._where = (service, path, interface)
        self._clock = clock
        self._known: Mapping[str, Any] | Unknown | None = None
        self._read_at = 0.0
        self._generation = -1
        self._changes = 0
        self._listening = False

    async def read(self) -> Mapping[str, Any] | Unknown:
        """Return the properties, most times without asking."""
        if not self._listening:
            await self._listen()
        if self._known is not None and self._is_fresh():
            return self._known
        service, path, interface = self._where
        changes = self._changes
        answer = await self._bus.call(service, path, PROPERTIES, "GetAll", signature="s", body=(interface,))
        found = answer if isinstance(answer, Unknown) else {name: value for name, (_, value) in answer[0].items()}
        if changes == self._changes:  # else it may be older than the change that we were told of
            self._known, self._read_at, self._generation = found, self._clock(), self._bus.generation
        return found

    def _is_fresh(self) -> bool:
        age = self._clock() - self._read_at
        if isinstance(self._known, Unknown):
            return age < RETRY
        return age < LASTS and self._bus.connected and self._generation == self._bus.generation

    async def _listen(self) -> None:
        self._listening = True
        service, path, interface = self._where
        await self._bus.listen(Signal(path, PROPERTIES, "PropertiesChanged", interface, service), self._changed)
        owner = Signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", service)
        await self._bus.listen(owner, self._changed)

    def _changed(self, _: tuple[Any, ...]) -> None:
        self._changes += 1
        self._known = None
