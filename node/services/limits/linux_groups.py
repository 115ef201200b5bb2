"""Keeps limits on Linux by the best there is: systemd's groups, else our own, and priority and cores always."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from node.services.limits.cgroup import ControlGroup
from node.services.limits.enforcer import Start
from node.services.limits.linux import LinuxPriority
from node.services.limits.plan import Ability, Together
from node.services.limits.systemd import SystemdSlice

log = logging.getLogger(__name__)


class LinuxGroups:
    """Finds out with the first limits which way works; what a group keeps is not kept by whole cores, too."""

    def __init__(
        self,
        priority: LinuxPriority,
        *,
        make_group: Callable[[], ControlGroup | None] = ControlGroup.make,
        systemd: SystemdSlice | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`close` lets go of what systemd is asked by."""
        self._priority = priority
        self._make_group = make_group
        self._systemd = systemd
        self._close = close
        self._group: ControlGroup | None = None
        self._sought = False
        self._usable = True
        self._pids: dict[str, int] = {}
        self._together = Together()

    def ability(self) -> Ability:
        ability = self._priority.ability()
        if self._group is not None and self._usable:
            return replace(
                ability, cpu="exact", cpu_by="A control group", memory="kept", memory_by="A control group"
            )
        if self._systemd is None:
            return ability
        if self._systemd.keeps_cpu:
            ability = replace(ability, cpu="exact", cpu_by="systemd")
        if self._systemd.keeps_memory:
            ability = replace(ability, memory="kept", memory_by="systemd")
        return ability

    async def hold(self, together: Together, pids: Collection[int]) -> None:
        self._together = together
        if self._systemd is not None and not await self._systemd.hold(together):
            await self._systemd.close()
            self._systemd = None
        if self._systemd is None and not self._sought:
            self._sought = True
            self._group = await asyncio.to_thread(self._make_group)
        if self._group is not None and self._usable:
            try:
                await asyncio.to_thread(self._group.hold, together)
            except OSError as error:
                self._give_up(error)
        await self._pin(pids)

    def launch(self, name: str, start: Start) -> subprocess.Popen[bytes]:
        process = self._priority.launch(name, start)
        if self._group is not None and self._usable:
            try:
                self._group.enter(name, process.pid)
            except ProcessLookupError:
                pass  # it has ended already
            except OSError as error:
                self._give_up(error)
        return process

    async def adopt(self, name: str, pid: int) -> None:
        if self._systemd is not None:
            await self._systemd.adopt(name, pid)
        self._pids[name] = pid
        await self._pin(tuple(self._pids.values()))  # now it is known whether a group keeps the limit

    def ended(self, name: str) -> str:
        self._pids.pop(name, None)
        return self._group.ended(name) if self._group is not None else ""

    async def close(self) -> None:
        if self._systemd is not None:
            await self._systemd.close()
        if self._group is not None:
            await asyncio.to_thread(self._group.remove)
        if self._close is not None:
            await self._close()

    async def _pin(self, pids: Collection[int]) -> None:
        whole = None if self.ability().cpu == "exact" else self._together.whole_cores
        await self._priority.hold(replace(self._together, whole_cores=whole), pids)

    def _give_up(self, error: OSError) -> None:
        log.warning("the control group cannot be used, so limits are kept in another way: %s", error)
        self._usable = False
