"""Control groups (v2) of our own making, where the system lets us: exact shares of processor time, and memory.

One group holds all services and has the limits, with a group in it for each service, so that the kernel tells which
of them it had to end. Source: the kernel's admin-guide/cgroup-v2 (delegation, cpu.max, memory.events).
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from node.services.limits.plan import Together
from node.services.limits.verdicts import size

log = logging.getLogger(__name__)
ROOT = Path("/")
PERIOD = 100_000  # microseconds over which processor time is measured out
LEAST_QUOTA = 1000  # microseconds, the least that the kernel takes
MOST_PROCESSES = 4096  # with their threads, of all services
NAME = "rma-mesh-services-"
NEEDED = frozenset({"cpu", "memory", "pids"})
TOO_MUCH = (
    "It was ended by the system because services had more memory than the {} that they may have by your rules."
)


class ControlGroup:
    """The group of all services of this process; `make` finds the place for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._limit = 0
        self._kills: dict[str, int] = {}

    @classmethod
    def make(cls, root: Path = ROOT) -> ControlGroup | None:
        """Make it as near to our own group as we may; None where we may nowhere."""
        for parent in _places(root):
            group = cls(parent / f"{NAME}{os.getpid()}")
            try:
                group._begin(parent)
            except OSError as error:
                log.debug("no control group in %s: %s", parent, error)
                group.remove()
            else:
                return group
        return None

    def hold(self, together: Together) -> None:
        """Limit all services together; what runs in the group is held at once. Raise OSError."""
        cores, ram = together.cpu_cores, together.ram_bytes
        quota = "max" if cores is None else str(max(LEAST_QUOTA, round(cores * PERIOD)))
        self._write("cpu.max", f"{quota} {PERIOD}")
        self._write("memory.max", "max" if ram is None else str(ram))
        with contextlib.suppress(OSError):  # there is no such file where nothing is ever swapped
            self._write("memory.swap.max", "max" if ram is None else "0")
        self._limit = ram or 0

    def enter(self, name: str, pid: int) -> None:
        """Put a service's first process in its group, and so all that it starts. Raise OSError."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):  # kernels before 4.19
            (folder / "memory.oom.group").write_text("1")
        (folder / "cgroup.procs").write_text(str(pid))
        self._kills[name] = self._killed(name)

    def ended(self, name: str) -> str:
        """Say whether the kernel ended a service, and take its group away."""
        killed = name in self._kills and self._killed(name) > self._kills.pop(name)
        with contextlib.suppress(OSError):
            (self.path / name).rmdir()
        return TOO_MUCH.format(size(self._limit)) if killed and self._limit else ""

    def remove(self) -> None:
        """Take the group away, where nothing runs in it any more."""
        with contextlib.suppress(OSError):
            for folder in self.path.iterdir():
                if folder.is_dir():
                    folder.rmdir()
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _begin(self, parent: Path) -> None:
        _enable(parent)
        _forget_dead(parent)
        self.path.mkdir()
        _enable(self.path)
        self._write("pids.max", str(MOST_PROCESSES))
        with contextlib.suppress(OSError):
            self._write("cpu.weight", "1")  # beside everybody else's 100
        # Whether processes may be moved here from where we are is decided by the group above both.
        (self.path / "try").mkdir()
        if not os.access(parent / "cgroup.procs", os.W_OK):
            raise PermissionError("processes cannot be moved here")
        (self.path / "try").rmdir()

    def _killed(self, name: str) -> int:
        try:
            for line in (self.path / name / "memory.events").read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        except (OSError, ValueError):
            pass
        return 0

    def _write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)


def _places(root: Path) -> Iterator[Path]:
    """Yield the group above ours, in which there are only groups, and those above it."""
    mounted = root / "sys/fs/cgroup"
    own = ""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                own = line[3:]
    if not own or ".." in own or not (mounted / "cgroup.controllers").exists():
        return  # none, or not the unified hierarchy
    group = Path(own.lstrip("/"))
    yield from (mounted / part for part in (group.parents if own != "/" else (group,)))


def _enable(group: Path) -> None:
    """Have limits in the groups below this one. Raise OSError."""
    enabled = set((group / "cgroup.subtree_control").read_text().split())
    if missing := NEEDED - enabled:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(missing)))


def _forget_dead(parent: Path) -> None:
    """Take away what a node has left behind that was killed."""
    for folder in parent.glob(f"{NAME}*"):
        pid = folder.name.removeprefix(NAME)
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            ControlGroup(folder).remove()
