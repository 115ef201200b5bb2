"""Starts the gateway processes, puts another in the place of one that ends, and ends all of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiohttp import web

from coordinator_server.application import Coordinator
from coordinator_server.fleet.far import FRESH, Everywhere, RelayWays
from coordinator_server.gateway.access import Access
from coordinator_server.gateway.plane import relay_base
from coordinator_server.gateway_processes.channel import Channel
from coordinator_server.gateway_processes.desk import Desk, Shared
from coordinator_server.gateway_processes.from_gateways import FromGateways
from coordinator_server.gateway_processes.leases import Office
from coordinator_server.gateway_processes.messages import (
    LARGEST_REPORT,
    Drain,
    FromGateway,
    Welcome,
    from_gateway,
)
from coordinator_server.gateway_processes.publisher import Publisher
from coordinator_server.gateway_processes.reports import Elsewhere
from coordinator_server.metrics import Metrics
from coordinator_server.relay.hub import RelayHub
from coordinator_server.relay.pipes import RelayPipes
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.listeners import take_no_more
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.routing.router import Router

log = logging.getLogger(__name__)
PROGRAM = Path(__file__).with_name("__main__.py")
SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM) if sys.platform != "win32" else ()
START = 60.0  # seconds that a process may take until it serves
LAST_CALL = 0.2  # seconds that handshakes under way get to end
LATE = 5.0  # seconds beyond the deadline after which a process is killed
OUTPUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})  # names of our own standard output
STUCK = 120.0  # seconds without a word
STEADY = 10.0  # seconds after which a process that dies is no reason to wait
SHORTEST, LONGEST = 0.25, 15.0  # seconds between two starts that came to nothing


class Process:
    """One gateway process, from its start to its end."""

    def __init__(
        self,
        number: int,
        listener: socket.socket,
        shared: Shared,
        app: str,
        *,
        retire: Callable[[Process], None],
        leaving: Callable[[int], None],
    ) -> None:
        self.number = number
        self.serving = asyncio.Event()
        self.lost = asyncio.Event()
        self.retiring = False  # it asks to be replaced, and that is being done
        self.started_at = self.heard_at = asyncio.get_running_loop().time()
        self._suspected_at = 0.0
        self._listener = listener
        self._coordinator = shared.coordinator
        self._app = app
        self._leaving = leaving
        self._program: subprocess.Popen[bytes] | None = None
        self._channel: Channel[FromGateway] = Channel(
            from_gateway, heard=self._heard, lost=self.lost.set, largest=LARGEST_REPORT
        )
        self._desk = Desk(shared, number, self._channel.send, serving=self.serving.set, retire=lambda: retire(self))

    @property
    def pid(self) -> int:
        return self._program.pid if self._program is not None else 0

    async def start(self) -> None:
        """Start the program, and tell it what it has to know; raise OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                output = self._coordinator.config.access_log in OUTPUT
                self._program = start_program(self._listener, theirs, output=output)
            except OSError:
                ours.close()
                raise
        try:
            await self._channel.open(ours)
        except BaseException:
            ours.close()
            self._program.kill()  # it would wait for a welcome
            self.lost.set()
            raise
        config = dataclasses.replace(self._coordinator.config, admin_token="")
        self._channel.send(Welcome(self.number, config, self._coordinator.catalogue.manifests, self._app))
        self._desk.open()

    async def until_serving(self) -> bool:
        """Wait until it takes requests; tell whether it does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START):
                await _first_of(self.serving, self.lost)
        return self.serving.is_set() and not self.lost.is_set()

    def drain(self, deadline: float) -> None:
        self._channel.send(Drain(deadline))
        self._leaving(self.number)

    async def ended(self, patience: float | None) -> int:
        """Wait until the program has ended, at most so long: then it is killed. Return its exit status."""
        program = self._program
        if program is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.lost.wait()
        self._channel.close()
        await self._desk.close()
        if program is None:
            return 0
        status = await asyncio.to_thread(_wait, program, LATE if self.lost.is_set() else 0.0)
        if status is None:
            log.warning("gateway process %d did not end by itself and is killed", program.pid)
            program.kill()
            status = await asyncio.to_thread(program.wait)
        return status

    def cut_if_stuck(self) -> None:
        """Kill a program that has not said anything for long; it reports several times a second.

        At the second look only: after the first one, what it said while we were stuck ourselves is heard.
        """
        if self._program is None or asyncio.get_running_loop().time() - self.heard_at <= STUCK:
            return
        if self._suspected_at == self.heard_at:
            log.error("gateway process %d is stuck and is killed", self.pid)
            self._program.kill()
        self._suspected_at = self.heard_at

    def _heard(self, message: FromGateway) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        self._desk.hear(message)


class GatewayProcesses:
    """All gateway processes of a coordinator, each with a socket of its own that outlives it."""

    def __init__(
        self,
        coordinator: Coordinator,
        *,
        router: Router,
        access: Access,
        metrics: Metrics,
        elsewhere: Elsewhere,
        app: web.Application,
        tls: ssl.SSLContext | None,
        listeners: Sequence[socket.socket],
        hub: RelayHub | None = None,
        everywhere: Everywhere | None = None,
        ways: RelayWays | None = None,
        kept: bool = False,
    ) -> None:
        """`everywhere` stands in place of the coordinator's registry; `ways` says where relays reach workers.

        `kept` listeners are others', too, who go on with them when we end.
        """
        self._kept = kept
        self._coordinator = coordinator
        self._listeners = tuple(listeners)
        self._from_gateways = FromGateways(app, tls)
        issue, hearing = coordinator.token_issuer.issue, coordinator.config.sharing_timeout
        relay = ways or (lambda record: (relay_base(record),))
        self._publisher = Publisher(everywhere or coordinator.registry, issue, hearing, relay)
        self._everywhere = everywhere
        self._shared = Shared(
            coordinator=coordinator,
            router=router,
            metrics=metrics,
            elsewhere=elsewhere,
            office=Office(access.buckets),
            publisher=self._publisher,
        )
        self._numbers = itertools.count(1)
        self._places: list[Place] = []
        self._tasks = TaskSet("gateway-processes")
        self._restarting = asyncio.Lock()
        self._ending = False
        self._pipes: RelayPipes | None = None
        if hub is not None:
            self._pipes = RelayPipes(hub)
            self._from_gateways.relayed = self._pipes.take
        self.leaving: Callable[[int], None] = lambda _number: None  # called with a process that takes no more

    @property
    def bridge(self) -> AppBridge:
        """What gives the application requests that came to any of the processes."""
        return self._from_gateways.bridge

    @property
    def pids(self) -> list[int]:
        return [place.process.pid for place in self._places if place.process is not None]

    async def start(self) -> None:
        """Start all, and return when they serve; raise UserFacingError where one does not come about."""
        await self._from_gateways.start()
        self._publisher.start()
        if self._everywhere is not None:
            self._tasks.every(FRESH, self._everywhere.look, "workers elsewhere")
        self._coordinator.keys.revoked = self._publisher.revoked
        before = self._coordinator.workers.changed

        def changed(worker_id: str) -> None:
            before(worker_id)
            self._publisher.hurry()

        self._coordinator.workers.changed = changed
        self._places = [Place(listener, self._make) for listener in self._listeners]
        if not all(await asyncio.gather(*(place.fill() for place in self._places))):
            raise UserFacingError(
                "A gateway process did not start.",
                "The lines above say why.",
                "Serve with --workers 1 to do without them.",
            )
        for place in self._places:
            self._tasks.start(place.keep_filled(), "keep")
        self._tasks.every(STUCK / 10, self._look_after, "look after")

    def restart(self) -> None:
        """Put a new process in the place of each, one after another; no connection is refused meanwhile."""
        if not self._ending:
            self._tasks.start(self._restart(), "restart")

    async def drain(self, deadline: float) -> None:
        """Have all take no new connections and end; what waits on their sockets is served before."""
        self._ending = True
        await self._tasks.stop()  # nobody takes a place any more
        if not self._kept and sum(map(take_no_more, self._listeners)):
            await asyncio.sleep(LAST_CALL)
        for place in self._places:
            place.drain(deadline)
        for listener in self._listeners:
            listener.close()
        await asyncio.gather(*(place.emptied(deadline + LATE) for place in self._places))

    async def stop(self) -> None:
        """End all at once, where they have not ended before; may be called any number of times."""
        self._ending = True
        await self._tasks.stop()
        for place in self._places:
            place.drain(0.0)
        await asyncio.gather(*(place.emptied(LATE) for place in self._places))
        self._places = []
        for listener in self._listeners:
            listener.close()
        await self._publisher.stop()
        if self._pipes is not None:
            await self._pipes.stop()
        await self._from_gateways.stop()

    async def _restart(self) -> None:
        async with self._restarting:
            log.info("putting a new process in the place of each gateway process")
            for place in self._places:
                await place.refill(self._coordinator.config.drain_deadline)

    async def _retire(self, place: Place, process: Process) -> None:
        try:
            await place.refill(self._coordinator.config.drain_deadline, process)
        finally:
            process.retiring = False

    async def _look_after(self) -> None:
        for place in self._places:
            if place.process is not None:
                place.process.cut_if_stuck()

    def _make(self, place: Place) -> Process:
        def retire(process: Process) -> None:
            if not (self._ending or process.retiring):
                process.retiring = True
                self._tasks.start(self._retire(place, process), "retire")

        return Process(
            next(self._numbers),
            place.listener,
            self._shared,
            self._from_gateways.path,
            retire=retire,
            leaving=self.leaving,
        )


class Place:
    """One listening socket and the process that serves it; an older one may be ending beside it."""

    def __init__(self, listener: socket.socket, make: Callable[[Place], Process]) -> None:
        self.listener = listener
        self.process: Process | None = None
        self._make = make
        self._leaving: set[Process] = set()
        self._tasks = TaskSet("place")
        self._filling = asyncio.Lock()
        self._changed = asyncio.Event()

    async def fill(self) -> bool:
        """Start a process and make it the one of this place; tell whether it serves."""
        process = self._make(self)
        try:
            await process.start()
            if await process.until_serving():
                self.process = process
                self._changed.set()
                return True
        except OSError as error:
            log.error("a gateway process cannot be started: %s", error)
        except BaseException:
            self._see_off(process, 0.0)
            raise
        self._see_off(process, 0.0)
        return False

    async def keep_filled(self) -> None:
        """Start another process whenever the one of this place has died; wait longer where it comes to nothing."""
        pause = 0.0
        while True:
            process = self.process
            if process is None:
                await asyncio.sleep(pause)
                pause = min(max(SHORTEST, 2 * pause), LONGEST)
                async with self._filling:
                    if self.process is None:
                        await self.fill()
                continue
            self._changed.clear()
            await _first_of(process.lost, self._changed)
            if self.process is not process:
                continue
            self.process = None
            if asyncio.get_running_loop().time() - process.started_at >= STEADY:
                pause = 0.0
            log.warning("gateway process %d has died; another takes its place", process.pid)
            self._see_off(process, 0.0)

    async def refill(self, deadline: float, which: Process | None = None) -> None:
        """Put a new process in the place of the present one (or of `which` only), which gets so long to end."""
        async with self._filling:
            old = self.process
            if old is None or (which is not None and which is not old):
                return  # it has died just now, and is being replaced, or was replaced already
            if await self.fill():
                self._see_off(old, deadline)
            else:
                log.error("the new gateway process did not come about; the old one (%d) goes on", old.pid)

    def drain(self, deadline: float) -> None:
        if self.process is not None:
            self._leaving.add(self.process)
            self.process = None
        for process in self._leaving:
            process.drain(deadline)

    async def emptied(self, patience: float) -> None:
        """Wait until all processes of this place have ended; they are killed when it takes longer."""
        await asyncio.gather(*(process.ended(patience) for process in tuple(self._leaving)))
        self._leaving.clear()
        await self._tasks.stop()

    def _see_off(self, process: Process, deadline: float) -> None:
        """Let a process end, and see to it that it does."""
        self._leaving.add(process)
        process.drain(deadline)
        self._tasks.start(self._until_ended(process, deadline + LATE), "see off")

    async def _until_ended(self, process: Process, patience: float) -> None:
        status = await process.ended(patience)
        self._leaving.discard(process)
        log.info("gateway process %d has ended (status %d)", process.pid, status)


def start_program(listener: socket.socket, line: socket.socket, *, output: bool = False) -> subprocess.Popen[bytes]:
    """Start a program that inherits these two sockets and nothing else of ours, but for the `output` where it logs.

    Signals wait until it has said what it does with them: Ctrl-C goes to all of us, and ends nobody but the first.
    """
    numbers = (listener.fileno(), line.fileno())
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=None if output else subprocess.DEVNULL,
            env=without_secrets(os.environ),
            pass_fds=numbers,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("RMA_")}


async def _first_of(*events: asyncio.Event) -> None:
    """Return when one of the events is set."""
    waits = TaskSet("events")
    try:
        tasks = [waits.start(event.wait(), "event") for event in events]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await waits.stop()


def _wait(program: subprocess.Popen[bytes], patience: float) -> int | None:
    try:
        return program.wait(patience)
    except subprocess.TimeoutExpired:
        return None
