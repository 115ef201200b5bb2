"""Has systemd make the control groups: of the volunteer's own session, or of the whole system where we are root.

A slice holds all services and has the limits; each service is a scope in it. Whether limits are kept is read where
the kernel keeps them: a session's manager takes any limit, but has not everywhere got what keeps it.
Source: org.freedesktop.systemd1(5), systemd.resource-control(5).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from pathlib import Path
from typing import Any, Protocol

from node.services.limits.plan import Together

log = logging.getLogger(__name__)
SYSTEMD, PATH, MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)
INFINITY = 2**64 - 1
MOST_PROCESSES = 4096
LOOK = 0.02  # seconds between two looks whether it has
PATIENCE = 3.0  # seconds until systemd has moved a process
ROOT = Path("/")
Property = tuple[str, tuple[str, Any]]


class Caller(Protocol):
    """A D-Bus; what it returns is a tuple where the call was answered, and anything else where it was not."""

    async def call(
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        *,
        signature: str = "",
        body: tuple[Any, ...] = (),
    ) -> Any: ...


class SystemdSlice:
    """The slice of all services of this process; what the kernel keeps is known with the first one."""

    def __init__(self, bus: Caller, root: Path = ROOT) -> None:
        self._bus = bus
        self._root = root
        self._slice = f"rmamesh{os.getpid()}.slice"  # dashes would make it one within another
        self._numbers = itertools.count(1)
        self._made = False
        self._group: Path | None = None
        self._together = Together()

    async def hold(self, together: Together) -> bool:
        """Limit all services together, those that run too; say whether systemd does it."""
        self._together = together
        limits = list(limits_of(together))
        if self._made:
            return await self._ask("SetUnitProperties", "sba(sv)", (self._slice, True, limits))
        about: list[Property] = [("Description", ("s", "Services of RMA Mesh"))]
        body: tuple[Any, ...] = (self._slice, "fail", about + limits, [])
        self._made = await self._ask("StartTransientUnit", "ssa(sv)a(sa(sv))", body)
        return self._made

    async def adopt(self, name: str, pid: int) -> bool:
        """Put a service's first process in a scope of its own; say whether it is there."""
        if not self._made:
            return False
        unit = f"rmamesh{os.getpid()}-{name}-{next(self._numbers)}.scope"
        about: list[Property] = [
            ("PIDs", ("au", [pid])),
            ("Slice", ("s", self._slice)),
            ("CollectMode", ("s", "inactive-or-failed")),
        ]
        if not await self._ask("StartTransientUnit", "ssa(sv)a(sa(sv))", (unit, "fail", about, [])):
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                self._group = await self._moved(pid)
                return True
        return False

    @property
    def keeps_cpu(self) -> bool:
        """Whether the kernel has the limit of processor time that we want."""
        cores = self._together.cpu_cores
        found = self._read("cpu.max").split()
        if cores is None:
            return bool(found)
        return len(found) == 2 and found[0].isdecimal() and int(found[0]) <= int(found[1]) * cores * 1.01 + 1

    @property
    def keeps_memory(self) -> bool:
        """Whether the kernel has the limit of memory that we want."""
        ram, found = self._together.ram_bytes, self._read("memory.max")
        return bool(found) if ram is None else found.isdecimal() and int(found) <= ram

    async def close(self) -> None:
        """Have the slice taken away."""
        if self._made:
            self._made = False
            await self._ask("StopUnit", "ss", (self._slice, "fail"))

    async def _ask(self, member: str, signature: str, body: tuple[Any, ...]) -> bool:
        answer = await self._bus.call(SYSTEMD, PATH, MANAGER, member, signature=signature, body=body)
        if not isinstance(answer, tuple):
            log.info("systemd does not keep limits for us: %s", getattr(answer, "why", answer))
            return False
        return True

    async def _moved(self, pid: int) -> Path:
        """Wait until a process is in the slice: systemd answers before it has done its work."""
        while True:
            group = self._group_of(pid)
            if group is not None:
                return group
            await asyncio.sleep(LOOK)

    def _group_of(self, pid: int) -> Path | None:
        """Return the slice's folder, when the process is in it."""
        with contextlib.suppress(OSError):
            for line in (self._root / f"proc/{pid}/cgroup").read_text().splitlines():
                path = line.removeprefix("0::/")
                if path != line and self._slice in path.split("/") and ".." not in path:
                    return self._root / "sys/fs/cgroup" / path.partition(self._slice)[0] / self._slice
        return None

    def _read(self, name: str) -> str:
        if self._group is None:
            return ""
        try:
            return (self._group / name).read_text().strip()
        except OSError:
            return ""


def limits_of(together: Together) -> tuple[Property, ...]:
    """Return the limits as systemd's properties; pure."""
    cores, ram = together.cpu_cores, together.ram_bytes
    return (
        ("CPUQuotaPerSecUSec", ("t", INFINITY if cores is None else max(10_000, round(cores * 1_000_000)))),
        ("CPUWeight", ("t", 1)),
        ("MemoryMax", ("t", INFINITY if ram is None else ram)),
        ("MemorySwapMax", ("t", INFINITY if ram is None else 0)),
        ("TasksMax", ("t", MOST_PROCESSES)),
    )
