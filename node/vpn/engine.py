"""Runs one Nebula as a child process: starts it, reloads it and makes sure of that, stops it, tells what it logs.

Nebula 1.6.1 can deadlock while it reloads, and every version answers a bad reload by keeping what it had, with one
line in the log. So a reload counts only when the log says that the new certificate was read; else Nebula is
restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Protocol

import msgspec

from node.program.child_process import ChildProcess
from node.program.data_dir import write_private_file
from node.program.orphans import end_orphan, note_run
from node.program.tasks import TaskSet
from node.vpn.binary import NebulaBinary
from node.vpn.configuration import Files, UnknownVersionError, configuration
from node.vpn.events import (
    CertificateLoaded,
    FingerprintBlocked,
    InterfaceCameUp,
    NebulaExited,
    NebulaUpdated,
    ReloadFailed,
    StartFailed,
    Told,
)
from node.vpn.log_lines import is_noise, read_line, says_up
from node.vpn.settings import Facts, Plan, SettingsError, facts_of

KEY_FILE = "node.key"
RELOAD_LIMIT = 5.0  # seconds
WRITE_AGAIN = 5.0  # seconds until settings that could not be written, as on a full disk, are tried again
STOP_LIMIT = 3.0  # seconds until it is killed
ADDRESS_PAUSE = 0.01  # seconds between two looks whether the address is there
ADDRESS_TRIES = 500
log = logging.getLogger(__name__)

IsUp = Callable[[IPv4Interface], bool]


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
        self._tasks = TaskSet("engine")
        self._is_up = is_up or is_routed
        self._reloads = reloads
        self._run: _Run | None = None

    @property
    def pid(self) -> int | None:
        return self._run.process.pid if self._run is not None and self._run.process.running else None

    async def start(self, plan: Plan) -> None:
        async with self._alone():
            await self._start(plan)

    async def update(self, plan: Plan) -> None:
        async with self._alone():
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
            run = _Run(plan, facts_of(plan), self._told, self._is_up)
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
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(self._write_again, lambda: self._tasks.start(self.update(plan), "again"))
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

    async def _reload(self, run: _Run, plan: Plan) -> str:
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
        _keep(files.ca, plan.ca)
        _keep(files.key, plan.private_key)
        _keep(files.certificate, plan.certificate)
        _keep(self._configuration, text)

    # --- what it says ---------------------------------------------------------------------------------------------

    def _told(self, told: Told) -> None:
        self._on_told(told)

    def _ended(self, run: _Run, code: int) -> None:
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


class _Run:
    """One process of Nebula: reads its log in a thread and passes it on in the loop."""

    process: ChildProcess

    def __init__(self, plan: Plan, facts: Facts, on_told: Callable[[Told], None], is_up: IsUp) -> None:
        self.plan = plan
        self.facts = facts
        self.failed: StartFailed | None = None
        self.last_words = ""
        self._noise = b""
        self._came_up = False
        self._on_told = on_told
        self._is_up = is_up
        self._tasks = TaskSet("nebula")
        self._silent = False
        self._fingerprint = ""
        self._blocked: set[str] = set()
        self._wanted: frozenset[str] = frozenset()
        self._reloading: asyncio.Future[str] | None = None

    def hush(self) -> None:
        """Pass on nothing more: it has ended, or we are ending it."""
        self._silent = True

    async def silence(self) -> None:
        """Pass on nothing more, and do nothing more."""
        self.hush()
        await self._tasks.stop()

    def expect(self, fingerprint: str, blocked: frozenset[str]) -> None:
        """Begin a reload, which shall end with this certificate and this blocklist."""
        self._fingerprint, self._wanted, self._blocked = fingerprint, blocked, set()
        self._reloading = asyncio.get_running_loop().create_future()

    async def reloaded(self) -> str:
        assert self._reloading is not None
        try:
            return await self._reloading
        finally:
            self._reloading = None

    def is_wanted(self, line: bytes) -> bool:
        """Say whether a line of the log may mean something; called in another thread."""
        self._came_up = self._came_up or says_up(line)
        if not (self._came_up and is_noise(line)):
            return True
        self._noise = line
        return False

    @property
    def complaint(self) -> str:
        """The last error that it went on after; when it ended, the reason may be in there."""
        return " " + self._noise[:300].decode("utf-8", "replace").strip() if self._noise else ""

    def read(self, line: bytes) -> None:
        """Take a line of the log."""
        log.debug("nebula: %s", line.decode("utf-8", "replace").rstrip())
        told = read_line(line)
        if told is not None:
            self._take(told)
        elif not line.startswith(b"{"):  # a panic, or a complaint before the log is set up
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        if len(self.last_words) < 300:
            self.last_words += " " + line[:150].decode("utf-8", "replace").strip()

    def _take(self, told: Told) -> None:
        if self._silent:
            return
        match told:
            case FingerprintBlocked(fingerprint):
                self._blocked.add(fingerprint)
            case CertificateLoaded(fingerprint):
                missing = self._wanted - self._blocked
                self._end_reload(
                    "another certificate is in use" if fingerprint != self._fingerprint
                    else f"{len(missing)} blocked certificates are missing" if missing
                    else ""
                )  # fmt: skip
            case ReloadFailed(text):
                log.error("Nebula keeps its old settings: %s", text)
                self._end_reload(text)
            case StartFailed():
                self.failed = told
            case InterfaceCameUp():
                self._tasks.start(self._wait_for_address(told), "address")
            case _:
                self._on_told(told)

    async def _wait_for_address(self, told: InterfaceCameUp) -> None:
        """Wait: Nebula logs that its interface is active a moment before the system has address and route."""
        for _ in range(ADDRESS_TRIES):
            if self._silent or self._is_up(self.facts.interface):
                break
            await asyncio.sleep(ADDRESS_PAUSE)
        if not self._silent:
            self._on_told(told)

    def _end_reload(self, why: str) -> None:
        if self._reloading is not None and not self._reloading.done():
            self._reloading.set_result(why)


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can change; raise OSError for one that somebody else has made there before.

    Nebula, which has more rights than others, does what the files in it say.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":  # there, the folders around it keep others out
        status, around = folder.lstat(), folder.parent.stat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), around.st_uid):
            raise PermissionError(f"{folder} is not a folder of this user's: remove it")
        if status.st_mode & 0o077:
            folder.chmod(0o700)


def _keep(path: Path, text: str) -> None:
    """Write a file unless it is like that: a full disk shall not keep a network closed that was open before."""
    data = text.encode()
    if not path.is_file() or path.read_bytes() != data:
        write_private_file(path, data)


def is_routed(interface: IPv4Interface) -> bool:
    """Say whether packets into the overlay would leave with our address there: it and the route are set by now."""
    first = interface.network.network_address + 1
    other = first if first != interface.ip else first + 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((str(other), 9))  # sends nothing
        except OSError:
            return False
        return bool(asking.getsockname()[0] == str(interface.ip))


def needs_restart(before: Plan, after: Plan) -> bool:
    """Say whether more differs than what Nebula surely takes over while it runs: certificates and blocklist."""
    reloadable = {"certificate": "", "private_key": "", "ca": "", "blocklist": ()}
    return (
        facts_of(before).interface != facts_of(after).interface
        or msgspec.structs.replace(before, **reloadable) != msgspec.structs.replace(after, **reloadable)
    )  # fmt: skip
