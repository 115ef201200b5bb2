"""systemd on a real bus: what it is asked, in what form, and that only what the kernel has counts as kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.hardware.sensing.bus import Bus
from node.program.tasks import TaskSet
from node.services.limits.plan import Together
from node.services.limits.systemd import INFINITY, MANAGER, PATH, SYSTEMD, SystemdSlice, limits_of
from tests.support.dbus import BusDaemon, StandIn, bus_daemon, stand_in

pytestmark = pytest.mark.needs("dbus-daemon")
SLICE = f"rmamesh{os.getpid()}.slice"
GROUP = f"user.slice/user-1000.slice/user@1000.service/{SLICE}"


class Manager:
    """Answers as systemd 252 does, and moves processes in a folder that looks like the kernel's."""

    def __init__(self, service: StandIn, root: Path) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.moves = True
        self._root = root
        for member in ("StartTransientUnit", "SetUnitProperties", "StopUnit"):
            service.answers(PATH, MANAGER, member, lambda *words, member=member: self._take(member, words))

    def _take(self, member: str, words: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        self.calls.append((member, words))
        if member == "StartTransientUnit" and words[0].endswith(".scope") and self.moves:
            (pid,) = dict(words[2])["PIDs"][1]
            folder = self._root / f"proc/{pid}"
            folder.mkdir(parents=True)
            (folder / "cgroup").write_text(f"0::/{GROUP}/{words[0]}\n")
        return ("", ()) if member == "SetUnitProperties" else ("o", ("/org/freedesktop/systemd1/job/1",))

    def keep(self, cpu: str, memory: str) -> None:
        group = self._root / "sys/fs/cgroup" / GROUP
        group.mkdir(parents=True, exist_ok=True)
        (group / "cpu.max").write_text(cpu)
        (group / "memory.max").write_text(memory)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[BusDaemon]:
    with bus_daemon(tmp_path) as running:
        yield running


@pytest.fixture
async def bus(daemon: BusDaemon) -> AsyncIterator[Bus]:
    tasks = TaskSet("bus")
    made = Bus("session bus", lambda: daemon.address, tasks)
    yield made
    made.close()
    await tasks.stop()


async def test_services_come_into_a_slice_with_the_limits_and_changes_reach_it(
    daemon: BusDaemon, bus: Bus, tmp_path: Path
) -> None:
    async with stand_in(daemon, SYSTEMD) as service:
        manager, made = Manager(service, tmp_path), SystemdSlice(bus, tmp_path)
        assert await made.hold(Together(cpu_cores=1.5, ram_bytes=2**30))
        assert not made.keeps_cpu  # it said so, but nobody has seen it
        assert await made.adopt("ner-extraction", 77)
        manager.keep("150000 100000", str(2**30))
        assert made.keeps_cpu
        assert made.keeps_memory

        (start, (name, mode, properties, aux)), (_, (scope, _, about, _)) = manager.calls
        assert (start, name, mode, aux) == ("StartTransientUnit", SLICE, "fail", [])
        told = dict(properties)
        assert told["CPUQuotaPerSecUSec"] == ("t", 1_500_000)
        assert told["MemoryMax"] == ("t", 2**30)
        assert told["MemorySwapMax"] == ("t", 0)
        assert scope.startswith(f"rmamesh{os.getpid()}-ner-extraction-")
        assert dict(about)["Slice"] == ("s", SLICE)

        assert await made.hold(Together(ram_bytes=2**29))
        assert manager.calls[-1] == (
            "SetUnitProperties",
            (SLICE, True, [tuple(one) for one in limits_of(Together(ram_bytes=2**29))]),
        )
        assert not made.keeps_memory  # the kernel has the limit from before
        manager.keep("max 100000", str(2**29))
        assert made.keeps_memory
        assert made.keeps_cpu
        await made.close()
        await made.close()
        assert [member for member, _ in manager.calls].count("StopUnit") == 1


async def test_a_session_without_the_means_takes_the_limit_but_keeps_none(
    daemon: BusDaemon, bus: Bus, tmp_path: Path
) -> None:
    async with stand_in(daemon, SYSTEMD) as service:
        Manager(service, tmp_path)
        made = SystemdSlice(bus, tmp_path)
        assert await made.hold(Together(cpu_cores=1.0, ram_bytes=5))
        assert await made.adopt("service", 78)
        assert not made.keeps_cpu
        assert not made.keeps_memory


async def test_without_systemd_it_says_no(bus: Bus, tmp_path: Path) -> None:
    made = SystemdSlice(bus, tmp_path)
    assert not await made.hold(Together(cpu_cores=1.0))
    assert not await made.adopt("service", 79)


async def test_a_process_that_is_not_moved_is_not_kept(
    daemon: BusDaemon, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.services.limits.systemd.PATIENCE", 0.05)
    async with stand_in(daemon, SYSTEMD) as service:
        manager = Manager(service, tmp_path)
        manager.moves = False
        made = SystemdSlice(bus, tmp_path)
        assert await made.hold(Together(cpu_cores=1.0))
        assert not await made.adopt("service", 80)


def test_no_limit_is_infinity() -> None:
    told = dict(limits_of(Together()))
    assert told["CPUQuotaPerSecUSec"] == told["MemoryMax"] == told["MemorySwapMax"] == ("t", INFINITY)
