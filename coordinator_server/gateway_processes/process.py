"""A gateway process: inherits a listening socket and a line to the first, and serves until it is told to end.

It starts no programs and holds no keys: tokens, API keys and settings come over the line. Whoever has the other end
is the first; when that is gone, what is under way ends, and so does the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import assert_never

from coordinator_server.audit import Audit
from coordinator_server.gateway.keys import ApiKeys
from coordinator_server.gateway.plane import router_over
from coordinator_server.gateway.readiness import Readiness
from coordinator_server.gateway_processes.channel import Channel
from coordinator_server.gateway_processes.first import First, FirstStore
from coordinator_server.gateway_processes.from_gateways import remove_socket
from coordinator_server.gateway_processes.gateway import LeasedAccess, LeasedGateway
from coordinator_server.gateway_processes.messages import (
    LARGEST,
    Change,
    Drain,
    Failed,
    FromFirst,
    Granted,
    KeyIs,
    KeyRevoked,
    Noted,
    Report,
    Resync,
    Retire,
    Seen,
    Serving,
    Snapshot,
    Welcome,
    from_first,
)
from coordinator_server.gateway_processes.offers import SharedRegistry
from coordinator_server.gateway_processes.reports import ended_of, took_of
from coordinator_server.gateway_processes.to_first import ToFirst
from coordinator_server.gateway_processes.tokens import Tokens
from coordinator_server.listening import read_tls, server_limits
from coordinator_server.metrics import Metrics, Reading
from coordinator_server.relay.pipes import ToHub
from node.forwarding.access_log import open_access_log
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.program.garbage import looked_through, settle
from node.program.lifetime import guarded, make_loop
from node.program.logs import configure_logging
from node.program.tasks import TaskSet
from node.routing.router import Router
from node.wire.manifests import Catalogue

log = logging.getLogger(__name__)
REPORT = 0.25  # seconds
TICK = 0.05  # seconds
RETIRING = 0.5  # seconds: SIGTERM may have gone to all of us, and then the first ends us anyway
FAREWELL = 5.0  # seconds to get the last report out
SETTLING = 60.0  # seconds for a welcome and the first snapshot
LONGEST_ORPHANED = 30.0  # seconds that requests get to end when the first is gone


class GatewayProcess:
    """Serves on one socket, by the first's word; `run` is its whole life."""

    def __init__(self, listener: socket.socket, welcomed: Callable[[Welcome], None]) -> None:
        """`welcomed` is called with what the first said before anything is served."""
        self._listener = listener
        self._welcomed = welcomed
        self._channel: Channel[FromFirst] = Channel(
            from_first, heard=self._heard, lost=self._ending_alone, largest=LARGEST
        )
        send = self._channel.send
        self._first = First(send)
        self._tokens = Tokens(send)
        self._registry = SharedRegistry(failed=lambda worker_id: send(Failed(worker_id[:500])))
        self._keys = ApiKeys(FirstStore(self._first), time.time)
        self._readiness = Readiness()
        self._welcome: Welcome | None = None
        self._ready = asyncio.Event()  # who may be asked is known, or the first is gone
        self._ending = asyncio.Event()
        self._deadline = 0.0
        self._orphaned = False
        self._gone = asyncio.Event()  # the line is closed
        self.connections: Callable[[], int] = lambda: 0

    async def run(self, line: socket.socket) -> int:
        """Serve until the first says so, or is gone; return the exit code."""
        await self._channel.open(line)
        welcome = await self._settle()
        if welcome is None:
            self._listener.close()
            self._channel.close()
            return 1
        try:
            await self._serve(welcome)
        finally:
            self._channel.close()
            if self._orphaned:
                remove_socket(welcome.app)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._gone.wait()
        return 0

    def retire(self) -> None:
        """Ask the first to put another process in our place."""
        self._channel.send(Retire())

    async def _settle(self) -> Welcome | None:
        """Wait for what has to be known before anything can be served."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLING):
                await self._ready.wait()
        return None if self._gone.is_set() else self._welcome

    async def _serve(self, welcome: Welcome) -> None:
        config = welcome.config
        self._welcomed(welcome)
        self._first.patience = self._tokens.patience = config.sharing_timeout
        metrics = Metrics(Reading, coordinator="", version="")
        catalogue = Catalogue(welcome.manifests)
        router = router_over(
            config,
            catalogue,
            self._registry,
            self._registry.token_for,
            metrics.ended,
            relayed=ToHub(welcome.app, welcome.number),
            relay=self._registry.ways,
        )
        self._registry.lost, self._registry.appeared = router.invalidate_worker, router.appeared
        gateway = LeasedGateway(
            self._tokens,
            access=LeasedAccess(self._keys, time.time, config, self._tokens),
            router=router,
            catalogue=catalogue,
            metrics=metrics,
            readiness=self._readiness,
            audit=Audit(FirstStore(self._first), time.time),
            origins=config.cors_origins,
            secure=bool(config.tls_cert),
            access_log=open_access_log(config.access_log, config.access_log_sample),
        )
        server = Http1Server(
            gateway,
            [self._listener],
            sweep=Sweep(),
            limits=server_limits(config),
            tls=read_tls(config),
            app=ToFirst(welcome.app, welcome.number),
            shared=True,
        )
        self.connections = lambda: len(server.connections)
        tasks = TaskSet("gateway-process")
        try:
            await server.start()
            self._readiness.ready = True
            self._channel.send(Serving())
            tasks.every(TICK, self._tick, "tokens")
            tasks.every(REPORT, lambda: self._report(gateway, router, metrics), "report")
            await self._ending.wait()
            self._readiness.draining, self._readiness.ready = True, False
            router.drain()
            await server.drain(self._deadline)
        finally:
            await server.stop()
            await gateway.stop()
            await tasks.stop()
            await self._report(gateway, router, metrics)

    async def _tick(self) -> None:
        self._tokens.tick()

    async def _report(self, gateway: LeasedGateway, router: Router, metrics: Metrics) -> None:
        counted, stats, access_log = metrics.drain(), router.stats(), gateway.access_log
        self._channel.send(
            Report(
                ended=ended_of(counted),
                took=took_of(counted),
                rejected=counted.rejected,
                loads=self._registry.take_loads(),
                queues=router.queue_depths(),
                keys=self._keys.uses.take(),
                came=self._keys.uses.all_came(),
                in_flight=gateway.in_flight,
                retries=stats.retries,
                failovers=stats.failovers,
                hedged=stats.hedged,
                log_lines=access_log.written if access_log is not None else 0,
                log_lost=access_log.lost if access_log is not None else 0,
            )
        )

    # --- what the first says ------------------------------------------------------------------------------------

    def _heard(self, message: FromFirst) -> None:
        match message:
            case Granted():
                self._tokens.granted(message)
            case KeyIs() | Noted():
                self._first.answered(message)
            case Change():
                if not self._registry.take_change(message):
                    self._channel.send(Resync())
            case Snapshot():
                self._registry.take_snapshot(message)
                self._ready.set()
            case KeyRevoked():
                self._keys.forget(message.key_id)
                self._channel.send(Seen(message.number))
            case Welcome():
                self._welcome = message
            case Drain():
                self._end(message.deadline)
            case _:
                assert_never(message)

    def _ending_alone(self) -> None:
        """End in good order where the first is gone: nobody else would end us."""
        self._gone.set()
        if not self._ending.is_set():
            self._orphaned = True
            self._end(LONGEST_ORPHANED)
        self._tokens.fail_all()
        self._first.fail_all()
        self._ready.set()

    def _end(self, deadline: float) -> None:
        self._deadline = deadline
        self._ending.set()


def main(arguments: Sequence[str]) -> int:
    """Run a gateway process; the arguments are the numbers of the two files that it inherits."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the first gets them too, and tells us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGHUP, signal.SIGTERM))
    listener, line = (_inherited(int(text)) for text in arguments)
    return guarded(lambda: _run(listener, line))


def _run(listener: socket.socket, line: socket.socket) -> int:
    async def live() -> int:
        process = GatewayProcess(listener, _configure_log)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, loop.call_later, RETIRING, process.retire)
        settle()
        async with looked_through(lambda: process.connections()):  # noqa: PLW0108 - they are known once it serves
            return await process.run(line)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(live())


def _inherited(number: int) -> socket.socket:
    os.set_inheritable(number, False)
    return socket.socket(fileno=number)


def _configure_log(welcome: Welcome) -> None:
    """Log as the first does, each line with the number of our process."""
    configure_logging(welcome.config.log_format, welcome.config.log_level)

    def name(record: logging.LogRecord) -> bool:
        record.gateway_process = welcome.number
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(name)
