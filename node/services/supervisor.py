"""Makes the services that run here the ones that are wanted, and reports how they are."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp

from node.program.tasks import TaskSet
from node.services.builtin import NAMES
from node.services.lifecycle import LocalTarget, ServiceLife, Surroundings, Timings, builtin_command
from node.services.limits.hooks import Hooks, NoHooks
from node.services.reconcile import difference
from node.services.service_log import log_of
from node.wire.manifests import Manifest
from node.wire.messages import ServiceReport
from node.wire.problems import Problem

__all__ = ["LocalTarget", "ServiceSupervisor", "Timings"]


class ServiceSupervisor:
    """Owns the processes of all local services. `on_change` gets all reports whenever one changes."""

    def __init__(
        self,
        *,
        data_dir: Path,
        node_url: Callable[[], str],
        local_token: Callable[[str], str],
        on_change: Callable[[tuple[ServiceReport, ...]], None],
        command: Callable[[Manifest], Sequence[str]] = builtin_command,
        timings: Timings = Timings(),  # noqa: B008 - frozen
        jitter: Callable[[], float] = random.random,
        limits: Hooks | None = None,
    ) -> None:
        limits = limits or NoHooks()
        limits.attach(self)
        self._around = Surroundings(data_dir, node_url, local_token, command, timings, jitter, limits)
        self._held = ""  # why no service may run now
        self._on_change = on_change
        self._wanted: dict[str, Manifest] = {}
        self._lives: dict[str, ServiceLife] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._refused: dict[str, ServiceReport] = {}
        self._told: tuple[ServiceReport, ...] = ()
        self._tasks = TaskSet("services")
        self._http: aiohttp.ClientSession | None = None
        self._stopped = False

    async def reconcile(self, wanted: Sequence[Manifest]) -> None:
        """Start what is missing and stop what is no longer wanted, without waiting for either."""
        if self._stopped:
            return
        todo = difference(self._wanted, wanted)
        self._around.limits.wanted(wanted)
        for name in todo.stop:
            self._end(name)
        for manifest in todo.start:
            self._begin(manifest)
        self._wanted = {manifest.name: manifest for manifest in wanted}
        self._changed()

    def target(self, service: str) -> LocalTarget | None:
        """Return where a running service listens, or None."""
        life = self._lives.get(service)
        return life.target if life is not None else None

    def log_of(self, name: str) -> Path:
        """Return where a service's log is, or would be."""
        return log_of(self._around.data_dir, name)

    def pids(self) -> dict[str, int]:
        """Return the first process of each service that has one."""
        return {name: life.pid for name, life in self._lives.items() if life.pid is not None}

    def reports(self) -> tuple[ServiceReport, ...]:
        """Report every wanted service, and those that are still ending."""
        wanted = [self._refused.get(name) or self._lives[name].report for name in self._wanted]
        ending = [
            ServiceReport(name=name, state="draining", detail="Ending: it is no longer wanted here.")
            for name in self._ending
            if name not in self._wanted
        ]
        return (*wanted, *ending)

    async def restart(self, name: str) -> None:
        """Start a service anew, at once and without backoff; raise a Problem where it does not run here."""
        life = self._lives.get(name)
        if life is None:
            raise Problem("unknown-service", f"The service {name!r} does not run on this machine.")
        life.restart()

    def give_up(self, name: str, why: str) -> None:
        """Kill a service that takes more than it may; it starts again after a while, and says why."""
        if name in self._lives:
            self._lives[name].give_up(why)

    def hold(self, why: str) -> None:
        """Let no service run while there is a reason against it; an empty one lets them run again."""
        self._held = why
        for life in self._lives.values():
            life.hold(why)

    async def stop(self) -> None:
        """End all services and wait for them; may be called any number of times."""
        self._stopped = True
        for name in list(self._lives):
            self._end(name)
        self._wanted.clear()
        self._refused.clear()
        while self._ending:
            await asyncio.wait(list(self._ending.values()))
        await self._tasks.stop()
        if self._http is not None:
            await self._http.close()
        self._changed()

    def _begin(self, manifest: Manifest) -> None:
        reason = unsupported(manifest)
        if reason is not None:
            self._refused[manifest.name] = ServiceReport(name=manifest.name, state="failed", detail=reason)
            return
        if self._http is None:
            self._http = aiohttp.ClientSession(trust_env=False)
        life = ServiceLife(manifest, self._around, self._http, self._changed)
        life.hold(self._held)
        self._lives[manifest.name] = life
        predecessor = self._ending.get(manifest.name)
        self._runs[manifest.name] = self._tasks.start(self._run(life, predecessor), manifest.name)

    def _end(self, name: str) -> None:
        self._refused.pop(name, None)
        if self._lives.pop(name, None) is None:
            return
        run = self._runs.pop(name)
        run.cancel()
        self._ending[name] = self._tasks.start(self._await_end(name, run), f"end {name}")

    async def _run(self, life: ServiceLife, predecessor: asyncio.Task[None] | None) -> None:
        if predecessor is not None:  # both would write to one data directory
            await asyncio.wait([predecessor])
        await life.run()

    async def _await_end(self, name: str, run: asyncio.Task[None]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([run])
        if self._ending.get(name) is asyncio.current_task():
            del self._ending[name]
        self._changed()

    def _changed(self) -> None:
        reports = self.reports()
        if reports != self._told:
            self._told = reports
            self._on_change(reports)


def unsupported(manifest: Manifest) -> str | None:
    """Say why this program cannot run a service, or return None."""
    if manifest.runtime != "builtin":
        return f"It needs the runtime {manifest.runtime!r}; this version runs builtin services only."
    if manifest.name not in NAMES:
        return f"No builtin service is named {manifest.name!r}; there are " + ", ".join(NAMES) + "."
    return None
