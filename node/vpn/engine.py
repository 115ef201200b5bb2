"""Runs one Nebula as a child process: starts it, reloads it and makes sure of that, stops it, tells what it logs.

Nebula 1.6.1 can deadlock while it reloads, and every version answers a bad reload by keeping what it had, with one
line in the log. So a reload counts only when the log says that the new certificate was read; else Nebula is
restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from node.program.child_process import ChildProcess
from node.program.orphans import end_orphan, note_run
from node.program.tasks import TaskSet
from node.vpn.binary import NebulaBinary
from node.vpn.configuration import Files, UnknownVersionError, configuration
from node.vpn.events import NebulaExited, NebulaUpdated, StartFailed, Told
from node.vpn.private_files import keep, make_private
from node.vpn.run import IsUp, Run, is_routed
from node.vpn.settings import Plan, SettingsError, facts_of

KEY_FILE = "node.key"
RELOAD_LIMIT = 5.0  # seconds
WRITE_AGAIN = 5.0  # seconds until settings that could not be written, as on a full disk, are tried again
STOP_LIMIT = 3.0  # seconds until it is killed
log = logging.getLogger(__name__)


class Engine(Protocol):
    """Whatever runs Nebula for us: we ourselves, or the privileged helper."""

    async def start(self, plan: Plan) -> None:
        """Start Nebula, after ending one that runs; whether that works, events tell."""
        ...

    async def update(self, plan: Plan) -> None:
        """Bring a new plan into the running Nebula."""
        ...

    async def stop(self) -> None: ...


class LocalEngine:
    """Nebula as our own child; `on_told` gets what it does, in the loop's thread. Calls come one after another."""

    def __init__(
        self,
        binary: NebulaBinary,
        folder: Path,
        device: str,
        on_told: Callable[[Told], None],
        *,
        reload_limit: float = RELOAD_LIMIT,
        stop_limit: float = STOP_LIMIT,
        write_again: float = WRITE_AGAIN,
        is_up: IsUp | None = None,
        reloads: bool = sys.platform != "win32",
    ) -> None:
        """Begin with nothing that runs. `reloads`: there is a signal by which Nebula reads its settings anew."""
        self._binary = binary
        self._folder = folder
        self._device = device
        self._on_told = on_told
        self._reload_limit = reload_limit
        self._stop_limit = stop_limit
        self._write_again = write_again
        self._busy = asyncio.Lock()  # what is tried again meets what is asked for
        self._later: asyncio.TimerHandle | None = None
        self._newest: Plan | None = None
        self._tasks = TaskSet("engine")
        self._is_up = is_up or is_routed
        self._reloads = reloads
        self._run: Run | None = None

    @property
    def pid(self) -> int | None:
        return self._run.process.pid if self._run is not None and self._run.process.running else None

    async def start(self, plan: Plan) -> None:
        self._newest = plan
        async with self._alone():
            await self._start(plan)

    async def update(self, plan: Plan) -> None:
        self._newest = plan
        async with self._alone():
            await self._update(plan)

    async def _update_again(self, plan: Plan) -> None:
        """Try once more what could not be written, unless something newer has been asked for meanwhile."""
        async with self._busy:
            if plan is self._newest:
                await self._update(plan)

    async def stop(self) -> None:
        async with self._alone():
            await self._stop()
        await self._tasks.stop()

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Do one thing at a time, in place of what was to be tried again."""
        async with self._busy:
            if self._later is not None:
                self._later.cancel()
            yield

    async def _start(self, plan: Plan) -> None:
        await self._stop()
        try:
            await asyncio.to_thread(self._prepare, plan)
            run = Run(plan, facts_of(plan), self._told, self._is_up)
        except (OSError, UnknownVersionError, SettingsError) as error:
            self._on_told(NebulaExited("refused", str(error)))
            return
        command = [str(self._binary.path), "-config", str(self._configuration)]
        try:
            run.process = await ChildProcess.spawn(
                command, self._folder, run.read, lambda code: self._ended(run, code), run.is_wanted
            )
        except OSError as error:
            self._on_told(NebulaExited("refused", f"{self._binary.path}: {error.strerror or error}"))
            return
        self._run = run
        await asyncio.to_thread(note_run, self._note, run.process.pid)

    async def _update(self, plan: Plan) -> None:
        run = self._run
        if run is None or not run.process.running:
            return  # that it ended was told; whoever wants it back starts it
        try:
            await asyncio.to_thread(self._write, plan)
        except OSError as error:
            log.error("Nebula goes on with its old settings, the new ones cannot be written: %s", error)
            again = partial(self._update_again, plan)
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(self._write_again, lambda: self._tasks.start(again(), "again"))
            return
        if not self._reloads or needs_restart(run.plan, plan):
            await self._restart(plan, "")
            return
        why = await self._reload(run, plan)
        if why:
            log.warning("Nebula did not take its new settings (%s); it is restarted", why)
            await self._restart(plan, why)
        else:
            self._on_told(NebulaUpdated(restarted=False))

    async def _stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            try:
                await run.silence()
            finally:  # also for one who is cancelled: nobody else knows of this process
                await run.process.stop(self._stop_limit)
            await asyncio.to_thread(self._note.unlink, missing_ok=True)

    async def _restart(self, plan: Plan, why: str) -> None:
        await self._start(plan)
        self._on_told(NebulaUpdated(restarted=True, why=why))

    async def _reload(self, run: Run, plan: Plan) -> str:
        """Return why the reload did not work, or nothing."""
        facts = facts_of(plan)
        wanted = frozenset(plan.blocklist) if self._binary.logs_blocklist else frozenset()
        run.expect(facts.fingerprint, wanted)
        if not run.process.hang_up():
            return "it cannot be asked to reload on this system"
        try:
            async with asyncio.timeout(self._reload_limit):
                why = await run.reloaded()
        except TimeoutError:
            return f"no word within {self._reload_limit:.0f} s"
        run.plan = plan
        return why

    # --- files ----------------------------------------------------------------------------------------------------

    @property
    def _configuration(self) -> Path:
        return self._folder / "nebula.json"

    @property
    def _note(self) -> Path:
        return self._folder / "nebula.run"

    def _prepare(self, plan: Plan) -> None:
        make_private(self._folder)
        end_orphan(self._note, self._configuration)
        self._write(plan)

    def _write(self, plan: Plan) -> None:
        files = Files(self._folder / "ca.crt", self._folder / "node.crt", self._folder / KEY_FILE)
        text = configuration(plan, files, self._device, self._binary.version)
        keep(files.ca, plan.ca)
        keep(files.key, plan.private_key)
        keep(files.certificate, plan.certificate)
        keep(self._configuration, text)

    # --- what it says ---------------------------------------------------------------------------------------------

    def _told(self, told: Told) -> None:
        self._on_told(told)

    def _ended(self, run: Run, code: int) -> None:
        if run is not self._run:
            return  # we ended it
        self._run = None
        run.hush()  # it may still wait for its address
        with contextlib.suppress(OSError):
            self._note.unlink(missing_ok=True)
        failed = run.failed or StartFailed(
            "crashed", f"it ended with code {code}.{run.last_words or run.complaint}"
        )
        self._on_told(NebulaExited(failed.kind, failed.text))


def needs_restart(before: Plan, after: Plan) -> bool:
    """Say whether more differs than what Nebula surely takes over while it runs: certificates and blocklist."""
    reloadable = {"certificate": "", "private_key": "", "ca": "", "blocklist": ()}
    return (
        facts_of(before).interface != facts_of(after).interface
        or msgspec.structs.replace(before, **reloadable) != msgspec.structs.replace(after, **reloadable)
    )  # fmt: skip
