"""The life of one service: spawn, wait until it serves, watch its health, restart with backoff, end.

One task per service runs `ServiceLife.run()`; nothing else changes its report.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from node.program.nameless_path import nameless
from node.services.limits.hooks import Hooks, NoHooks
from node.services.process import ServiceProcess
from node.services.reconcile import backoff, failures_after
from node.services.service_log import ServiceLog
from node.wire.manifests import Manifest
from node.wire.messages import ServiceReport, ServiceState

log = logging.getLogger(__name__)
SOURCE = Path(__file__).resolve().parents[2]
NOT_FOR_SERVICES = ("RMA_", "TUNNEL_TOKEN", "CLOUDFLARE_API_TOKEN")  # beginnings of names: our settings


@dataclass(frozen=True, slots=True)
class Timings:
    """How patient we are with a service; all in seconds except the count of misses."""

    health_interval: float = 5.0
    health_timeout: float = 2.0
    misses: int = 3
    start_deadline: float = 30.0
    stop_deadline: float = 5.0


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """Where a running local service listens, and the token that it asks for."""

    base_url: str
    service_token: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every service of a node is given: its folder's parent, how to reach the node, and how it is started."""

    data_dir: Path
    node_url: Callable[[], str]
    local_token: Callable[[str], str]  # of a service, by which the node knows it
    command: Callable[[Manifest], Sequence[str]]
    timings: Timings
    jitter: Callable[[], float]  # random numbers from 0 to 1
    limits: Hooks = field(default_factory=NoHooks)


class Ready(msgspec.Struct, frozen=True):
    """The line that a service prints once it listens."""

    event: str
    port: int


class ServiceFailed(Exception):  # noqa: N818 - said in the past tense to the volunteer
    """Why a service is not running, in a sentence for people."""


class ServiceLife:
    """One wanted service. `target` is set exactly while requests may be sent to it."""

    def __init__(
        self,
        manifest: Manifest,
        surroundings: Surroundings,
        http: aiohttp.ClientSession,
        changed: Callable[[], None],
    ) -> None:
        self.manifest = manifest
        self.report = ServiceReport(name=manifest.name, state="starting", detail="Starting.")
        self.target: LocalTarget | None = None
        self._around = surroundings
        self._timings = surroundings.timings
        self._http = http
        self._changed = changed
        self._folder = surroundings.data_dir / "services" / manifest.name
        self._log = ServiceLog(self._folder / "service.log")
        self._failures = 0
        self._last_failure = ""
        self._restart_wanted = False
        self._wake = asyncio.Event()
        self._process: ServiceProcess | None = None
        self._given_up = ""  # why its process was ended for what it did to this machine
        self._held = ""  # why it may not run now

    async def run(self) -> None:
        """Keep the service running until cancelled; then end its process before returning."""
        while True:
            await self._until_allowed()
            began = time.monotonic()
            try:
                await self._live()
                self._failures, self._last_failure = 0, ""
                continue
            except ServiceFailed as failure:
                self._failures = failures_after(self._failures, time.monotonic() - began)
                self._last_failure = self._given_up or str(failure)
            except Exception as error:
                log.exception("service %s: an error that nobody expected", self.manifest.name)
                self._failures = failures_after(self._failures, time.monotonic() - began)
                self._last_failure = f"Something unexpected went wrong ({type(error).__name__})."
            await self._back_off()

    @property
    def pid(self) -> int | None:
        """Return its first process, while there is one."""
        return self._process.pid if self._process is not None else None

    def restart(self) -> None:
        """End the process, or the wait for the next try, and start anew at once."""
        self._restart_wanted = True
        self._wake.set()

    def give_up(self, why: str) -> None:
        """Kill the process, which takes more than it may; it is started again after a while, and says why."""
        if self._process is not None:
            self._given_up = why
            self._process.kill_now()

    def hold(self, why: str) -> None:
        """Do not run while there is a reason against it; an empty one lets it run again."""
        self._held = why
        if why:
            self.give_up(why)
        elif self._process is None:
            self._wake.set()

    async def _until_allowed(self) -> None:
        while self._held:
            self._say("failed", self._held)
            self._wake.clear()
            await self._wake.wait()

    async def _live(self) -> None:
        """Run the process once; return when a restart was asked for, raise ServiceFailed when it ended or hung."""
        self._restart_wanted, self._given_up = False, ""
        self._wake.clear()
        self._say("starting", f"Starting again. {self._last_failure}" if self._last_failure else "Starting.")
        token = secrets.token_urlsafe(24)
        process = self._process = await self._spawn(token)
        try:
            if self._held:
                raise ServiceFailed(self._held)
            await self._around.limits.began(self.manifest.name, process.pid)
            target = await self._until_ready(process, token)
            await self._until_healthy(process, target)
            self.target = target
            self._say("running", self._running_detail())
            await self._watch(process, target)
        finally:
            self.target = self._process = None
            try:
                await _end(process, self._timings.stop_deadline)
            finally:
                self._given_up = self._around.limits.ended(self.manifest.name) or self._given_up

    async def _spawn(self, token: str) -> ServiceProcess:
        try:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # services keep documents in there
            self._folder.mkdir(mode=0o700, exist_ok=True)
            limits, name = self._around.limits, self.manifest.name
            await limits.ready()
            command, env = limits.command(name, self._around.command(self.manifest)), self._environment(token)
            launch = functools.partial(limits.launch, name)
            return await ServiceProcess.spawn(command, env, self._folder, self._on_line, launch)
        except OSError as error:
            raise ServiceFailed(f"It could not be started: {error.strerror or error}.") from None

    async def _until_ready(self, process: ServiceProcess, token: str) -> LocalTarget:
        try:
            async with asyncio.timeout(self._timings.start_deadline):
                line = await asyncio.shield(process.first_line)
            if not line:
                code = await _end(process, 1.0)
                raise ServiceFailed(f"It ended while starting: {describe_exit(code)}. {self._see_log()}")
            ready = msgspec.json.decode(line, type=Ready)
        except TimeoutError:
            raise ServiceFailed(f"It was not ready within {self._timings.start_deadline:g} s.") from None
        except msgspec.MsgspecError:
            raise ServiceFailed(f"It said something else than that it is ready. {self._see_log()}") from None
        return LocalTarget(f"http://127.0.0.1:{ready.port}", token, self.manifest)

    async def _until_healthy(self, process: ServiceProcess, target: LocalTarget) -> None:
        deadline = time.monotonic() + self._timings.start_deadline
        while not await self._is_healthy(target):
            if process.ended.done():
                raise ServiceFailed(f"It ended while starting: {describe_exit(process.ended.result())}.")
            if time.monotonic() > deadline:
                raise ServiceFailed(f"It was not healthy within {self._timings.start_deadline:g} s.")
            await asyncio.sleep(0.1)

    async def _watch(self, process: ServiceProcess, target: LocalTarget) -> None:
        misses = 0
        while misses < self._timings.misses:
            await self._until_next_check(process)
            if process.ended.done():
                raise ServiceFailed(f"It ended: {describe_exit(process.ended.result())}. {self._see_log()}")
            if self._restart_wanted:
                return
            misses = 0 if await self._is_healthy(target) else misses + 1
        self.target = None
        self._say("unhealthy", f"It did not answer {misses} health checks in a row. It is ended and started again.")
        raise ServiceFailed(f"It did not answer {misses} health checks in a row.")

    async def _until_next_check(self, process: ServiceProcess) -> None:
        """Wait one health interval, or less when the process ends or a restart is asked for."""
        process.ended.add_done_callback(self._wake_up)
        try:
            async with asyncio.timeout(self._timings.health_interval):
                await self._wake.wait()
        except TimeoutError:
            pass
        finally:
            process.ended.remove_done_callback(self._wake_up)

    def _wake_up(self, _: object = None) -> None:
        self._wake.set()

    async def _back_off(self) -> None:
        self._wake.clear()  # the end of the process has set it
        if self._restart_wanted:
            return
        delay = backoff(self._failures, self._around.jitter())
        self._say("failed", f"{self._last_failure} Try {self._failures + 1} starts in {delay:.1f} s.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wake.wait()

    async def _is_healthy(self, target: LocalTarget) -> bool:
        timeout = aiohttp.ClientTimeout(total=self._timings.health_timeout)
        try:
            async with self._http.get(target.base_url + self.manifest.health_path, timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _environment(self, token: str) -> dict[str, str]:
        """Give it our environment without our own settings, which may hold secrets that are not for it."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_SERVICES)}
        paths = [str(SOURCE), *filter(None, [env.get("PYTHONPATH")])]
        return env | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONSAFEPATH": "1",  # its working directory is data, not code
            "PYTHONUNBUFFERED": "1",
            "RMA_SERVICE_DATA_DIR": str(self._folder),
            "RMA_SERVICE_TOKEN": token,
            "RMA_SERVICE_MAX_BODY_BYTES": str(self.manifest.max_body_bytes),
            "RMA_NODE_URL": self._around.node_url(),
            "RMA_NODE_TOKEN": self._around.local_token(self.manifest.name),
            **self._around.limits.environment(self.manifest.name),
        }

    def _on_line(self, line: bytes) -> None:
        self._log.write(line)
        log.debug("%s: %s", self.manifest.name, line.decode("utf-8", "replace").rstrip())

    def _running_detail(self) -> str:
        return f"Running again. {self._last_failure}" if self._last_failure else "Running."

    def _see_log(self) -> str:
        return f"Its log is {nameless(self._folder / 'service.log')}."  # coordinators read it, too

    def _say(self, state: ServiceState, detail: str) -> None:
        report = ServiceReport(name=self.manifest.name, state=state, detail=detail[:500])
        if report == self.report:
            return
        self.report = report
        log.info("service %s is %s: %s", report.name, report.state, report.detail)
        self._changed()


def builtin_command(manifest: Manifest) -> Sequence[str]:
    """Return the command line of a service that ships with us."""
    return [sys.executable, "-m", "node.services.builtin", manifest.name]


def describe_exit(code: int) -> str:
    """Say an exit code of `subprocess` in words: `exit code 3`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


async def _end(process: ServiceProcess, deadline: float) -> int:
    """End the process; if we are cancelled meanwhile, kill it."""
    try:
        return await process.stop(deadline)
    except asyncio.CancelledError:
        process.kill_now()
        raise
