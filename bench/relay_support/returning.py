"""Workers that come back all at once, when their coordinator has died and is there again, as nodes do.

Each opens its channel with the node's own `Line` and `Reconnect`, registers when it is sent away for that, and is
back when it is told what to run.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientWebSocketResponse

from bench.relay_support.members import OFFERED, PING, Member
from node.coordinator_client import CoordinatorError
from node.program.tasks import TaskSet
from node.reachability.failures import SENTENCES
from node.tunnel.line import Ended, Line
from node.tunnel.reconnect import Reconnect
from node.wire.channel import ASSIGNMENT, Close, read_type

KNOCK = 0.05  # seconds between looks whether anybody listens
FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0  # seconds until a node says again what was not heard


@dataclass(slots=True)
class Seen:
    """What the workers of one program saw since they lost their channels; times are of the monotonic clock."""

    handshakes: list[float] = field(default_factory=list)  # that were good
    refused: int = 0  # handshakes that the coordinator answered with a no
    overdue: int = 0  # and that got no answer in time
    unheard: int = 0  # tries while nothing listened, and connections that broke
    sent_away: int = 0  # channels that were closed so that their workers register
    registered: int = 0
    not_registered: int = 0  # registrations that failed, and came again
    back: list[float] = field(default_factory=list)


class Port:
    """Whether anybody listens at a port of this machine, so that ten thousand need not all find out in vain.

    Their tries would keep this one program busy, which stands for as many machines.
    """

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.is_open = True

    async def watch(self) -> None:
        loop, to = asyncio.get_running_loop(), (self._to.hostname, self._to.port)
        while True:
            await asyncio.sleep(KNOCK)
            with socket.socket() as knocking:
                knocking.setblocking(False)
                try:
                    async with asyncio.timeout(1.0):
                        await loop.sock_connect(knocking, to)
                except ConnectionRefusedError:
                    self.is_open = False
                except TimeoutError:
                    self.is_open = True  # somebody is there, who has much to do
                else:
                    self.is_open = True


class Returning:
    """One worker: its channel, and its registration when that is asked for."""

    def __init__(self, member: Member, seen: Seen, patient: ClientSession, port: Port) -> None:
        """`patient` is a session whose calls have no limit of their own."""
        self._member = member
        self._patient = patient
        self._port = port
        self._seen = seen
        self._ready = asyncio.Event()
        self._ready.set()
        self._tasks = TaskSet("registration")
        self.there = asyncio.Event()
        self.back = asyncio.Event()
        self.lost = False

    async def hold(self) -> None:
        line = Line(self._open, self._hear, self._opened, self._ended, self._ready)
        try:
            await line.keep(Reconnect())
        finally:
            await self._tasks.stop()

    async def _open(self) -> ClientWebSocketResponse:
        if not self._port.is_open:
            raise CoordinatorError("Nobody listens there.")
        client = self._member.client
        return await client.open_channel(self._member.coordinator, PING, OFFERED, session=self._patient)

    def _opened(self) -> None:
        if self.lost:
            self._seen.handshakes.append(time.monotonic())

    def _hear(self, text: str) -> None:
        if read_type(text) == ASSIGNMENT and not self.there.is_set():
            self.there.set()
            if self.lost:
                self._seen.back.append(time.monotonic())
                self.back.set()

    def _ended(self, end: Ended) -> None:
        self.there.clear()
        if not self.lost:
            self.lost = True
            return
        if end.code == Close.UNKNOWN_WORKER:
            self._seen.sent_away += 1
            self._ready.clear()
            self._tasks.start(self._register(), "register")
        elif end.status:
            self._seen.refused += 1
        elif end.detail == SENTENCES["timeout"]:
            self._seen.overdue += 1
        else:
            self._seen.unheard += 1

    async def _register(self) -> None:
        pause = FIRST_RETRY
        while True:
            try:
                await self._member.register()
            except CoordinatorError:
                self._seen.not_registered += 1
                await asyncio.sleep(pause * random.uniform(0.9, 1.0))
                pause = min(LONGEST_RETRY, 2 * pause)
            else:
                self._seen.registered += 1
                self._ready.set()
                return


async def come_back(workers: Sequence[Returning], seen: Seen, report: Path) -> None:
    """Leave a report when all of them have lost their channels and are back."""
    for worker in workers:
        await worker.back.wait()
    part = report.with_suffix(".part")
    part.write_text(json.dumps(asdict(seen)))
    part.rename(report)
