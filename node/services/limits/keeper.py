"""Has the caps kept while a node runs: plans anew when they change, and watches what no system keeps."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.program.tasks import TaskSet
from node.rules.caps import CapReport
from node.rules.settings import Caps
from node.services.limits.disk import Room, folder_sizes, room
from node.services.limits.enforcer import Means, Start
from node.services.limits.hooks import Services
from node.services.limits.plan import Need, Plan, free_floor, plan
from node.services.limits.usage import exact_memory_of, gpu_memory_of, memory_of
from node.services.limits.verdicts import SEVERE, disk_full, heaviest, no_room, too_much
from node.wire.manifests import Manifest

log = logging.getLogger(__name__)
ROOM_AGAIN = 1.5  # times the floor that must be free before services go on


@dataclass(frozen=True, slots=True)
class Paces:
    """How often is looked, in seconds: memory grows fast, a folder slowly, and to measure one costs something."""

    memory: float = 3.0
    gpu: float = 5.0
    room: float = 15.0
    folders: float = 300.0


class ServiceLimits:
    """Holds the plan from the first `look` on, and watches between `start` and `stop`. Implements `Hooks`."""

    def __init__(
        self,
        means: Means,
        folder: Path,
        *,
        told: Callable[[tuple[CapReport, ...]], None] = lambda _reports: None,
        paces: Paces = Paces(),
        room_of: Callable[[Path], Room] = room,
    ) -> None:
        """`folder` is that of all services; `told` hears how caps are kept whenever that changes."""
        self._means = means
        self._enforcer = means.enforcer
        self._folder = folder
        self._services: Services | None = None
        self._told = told
        self._paces = paces
        self._room_of = room_of
        self._caps: Caps | None = None
        self._has_gpu = False
        self._gpu_told = False
        self._needs: tuple[Need, ...] = ()
        self._pids: dict[str, int] = {}
        self._reports: tuple[CapReport, ...] = ()
        self._full = ""  # why nothing runs, while the disk is full
        self._stored = ""  # why nothing more may be stored, while services keep more than they may
        self._holding = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None
        self._tasks = TaskSet("limits")
        self._plan = self._planned()

    @property
    def plan(self) -> Plan:
        return self._plan

    # --- what the node tells ------------------------------------------------------------------------------------

    def look(self, caps: Caps, has_gpu: bool) -> None:
        """Go by these caps from now on; costs nothing where they are the ones from before."""
        if caps is self._caps and has_gpu == self._has_gpu:
            return
        self._caps, self._has_gpu = caps, has_gpu
        self._again()
        self._keeping = self._tasks.start(self._keep(), "hold")

    def start(self) -> None:
        self._tasks.every(self._paces.memory, self.look_at_memory, "memory")
        self._tasks.every(self._paces.gpu, self.look_at_gpus, "gpu memory")
        self._tasks.every(self._paces.room, self.look_at_room, "room")
        self._tasks.every(self._paces.folders, self.look_at_folders, "folders")

    async def stop(self) -> None:
        """Let go, when no service runs any more; may be called any number of times."""
        await self._tasks.stop()
        await self._enforcer.close()
        self._means.close()

    def room_for(self, size: int) -> str:
        """Say why so many bytes may not be stored by or for services, or return nothing; for any thread."""
        if why := self._full or self._stored:
            return why
        try:
            found = self._room_of(self._folder.parent)
        except OSError:
            return ""  # whoever writes hears of it
        floor = free_floor(found.size)
        return no_room(found.free, floor) if found.free - size < floor else ""

    # --- what services ask ----------------------------------------------------------------------------------------

    def attach(self, services: Services) -> None:
        self._services = services

    def wanted(self, manifests: Sequence[Manifest]) -> None:
        self._needs = tuple(need_of(one) for one in manifests)
        self._again()

    async def ready(self) -> None:
        keeping = self._keeping
        if keeping is not None and not keeping.done():
            await asyncio.wait([keeping])

    def environment(self, name: str) -> Mapping[str, str]:
        limits = self._plan.services.get(name)
        return {} if limits is None else limits.environment()

    def command(self, name: str, words: Sequence[str]) -> Sequence[str]:
        limits = self._plan.services.get(name)
        return words if limits is None else limits.filled_in(words)

    def launch(self, name: str, start: Start) -> subprocess.Popen[bytes]:
        return self._enforcer.launch(name, start)

    async def began(self, name: str, pid: int) -> None:
        self._pids[name] = pid
        await self._enforcer.adopt(name, pid)
        self._again()  # only now it may be known what the system keeps

    def ended(self, name: str) -> str:
        self._pids.pop(name, None)
        return self._enforcer.ended(name)

    # --- what is watched ------------------------------------------------------------------------------------------

    async def look_at_memory(self) -> None:
        """End the service that is most above its share, when all together have too much memory."""
        cap, running = self._plan.together.ram_bytes, dict(self._pids)
        if cap is None or not running or self._enforcer.ability().memory != "watched":
            return
        used = await asyncio.to_thread(memory_of, running)
        if sum(used.values()) > cap:  # shared memory counts several times in that: look closely
            used = await asyncio.to_thread(exact_memory_of, running)
        self._judge("memory", used, cap, {name: one.ram_bytes for name, one in self._plan.services.items()})

    async def look_at_gpus(self) -> None:
        """Do the same for the memory of each GPU."""
        cap, running = self._plan.together.gpu_memory_bytes, dict(self._pids)
        if cap is None or not self._has_gpu or not running:
            return
        gpus = await self._means.gpu_use()
        if (gpus is not None) != self._gpu_told:
            self._gpu_told = gpus is not None
            self._again()
        for gpu in gpus or ():
            used = await asyncio.to_thread(gpu_memory_of, running, gpu)
            share = {name: one.gpu_memory_bytes for name, one in self._plan.services.items()}
            self._judge("GPU memory", {name: size for name, size in used.items() if size}, cap, share)

    async def look_at_room(self) -> None:
        """Have nothing run while the disk is as good as full, whoever has filled it."""
        try:
            found = await asyncio.to_thread(self._room_of, self._folder.parent)
        except OSError:
            return
        floor = free_floor(found.size)
        if found.free < floor:
            self._fill(no_room(found.free, floor))
        elif self._full and found.free >= floor * ROOM_AGAIN:
            self._fill("")

    async def look_at_folders(self) -> None:
        """End the service that keeps most above its share, when all together keep clearly more than they may."""
        cap = self._plan.together.disk_bytes
        if cap is None:
            self._store("")
            return
        names = [one.name for one in self._needs]
        used = await asyncio.to_thread(folder_sizes, self._folder, names)
        whole = sum(used.values())
        self._store(disk_full(whole, cap) if whole > cap else "")
        share = {name: one.disk_bytes for name, one in self._plan.services.items()}
        self._judge(
            "this disk", {name: used[name] for name in self._pids if name in used}, int(cap * SEVERE), share
        )

    def _judge(self, what: str, used: Mapping[str, int], cap: int, shares: Mapping[str, int | None]) -> None:
        name = heaviest(used, cap, {name: share for name, share in shares.items() if share is not None})
        if name is not None and name in self._pids and self._services is not None:
            self._services.give_up(name, too_much(what, used[name], shares.get(name), cap))

    def _store(self, why: str) -> None:
        if bool(why) != bool(self._stored):
            log.warning("%s", why or "Services keep no more on this disk than they may again.")
        if why != self._stored:
            self._stored = why
            self._again()

    def _fill(self, why: str) -> None:
        if bool(why) != bool(self._full):
            log.warning("%s", why or "There is room on the disk again.")
            self._full = why
            self._again()
            if self._services is not None:
                self._services.hold(why)

    # --- plan -----------------------------------------------------------------------------------------------------

    def _again(self) -> None:
        self._plan = self._planned()
        if self._caps is not None and self._plan.reports != self._reports:
            self._reports = self._plan.reports
            self._told(self._reports)

    def _planned(self) -> Plan:
        ability = replace(self._enforcer.ability(), has_gpu=self._has_gpu, gpu_told=self._gpu_told)
        return plan(self._caps or Caps(), ability, self._needs, self._full or self._stored)

    async def _keep(self) -> None:
        async with self._holding:
            await self._enforcer.hold(self._plan.together, tuple(self._pids.values()))
        self._again()


def need_of(manifest: Manifest) -> Need:
    """Return what a manifest says that its service needs."""
    needed = manifest.requirements
    return Need(
        name=manifest.name,
        ram_bytes=needed.ram_bytes,
        gpu_memory_bytes=needed.gpu_memory_bytes,
        disk_bytes=needed.disk_bytes,
        uses_gpu=manifest.tier == "gpu",
    )
