"""All simulated workers of a coordinator in one process, which does what lines on its standard input say.

    python -m bench.coordinator_support.crowd --url URL --id COORDINATOR --identities FILE --period 30

Each line is a JSON object: {"do": "join", ...} and so on, a method of `Crowd` below; each is answered by a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.coordinator_support.connections import (
    LIMIT,
    Answer,
    BrokenError,
    Call,
    Channel,
    Upstream,
    call,
    upgrade,
)
from bench.coordinator_support.identities import Identity
from bench.coordinator_support.seen import Seen, spread
from bench.coordinator_support.speech import Answered, Registered, Speech, Told, Worker, worker_of
from node.program.lifetime import print_json
from node.program.tasks import TaskSet
from node.wire.channel import ANSWER, ASSIGNMENT, read_type

PING = 20.0  # seconds between pings on a channel, as nodes do
STARTING = (0.5, 1.5)  # seconds that a service takes to start, after which its worker says so
TROUBLE = (OSError, BrokenError, TimeoutError)
TRIES = 30
PATIENCE = 60.0  # seconds in which all that was said has settled


class Crowd:
    """The workers, of which those from `join` on are there; the rest may come later."""

    def __init__(self, url: str, coordinator_id: str, workers: list[Worker], period: float, upstream: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._speech = Speech(coordinator_id, parts.netloc, upstream)
        self._spare = workers
        self._here: list[Worker] = []
        self._period = period
        self._random = random.Random(7)
        self._tasks = TaskSet("crowd")
        self._channels = True
        self._by_channel = True
        self._arrivals: list[float] = []
        self.seen = Seen()

    async def stop(self) -> None:
        await self._tasks.stop()
        for worker in self._here:
            worker.gone = True
            if worker.line is not None:
                worker.line.close()

    # --- what can be asked for --------------------------------------------------------------------------------

    async def join(self, count: int, at_once: int = 32, channels: bool = True) -> dict[str, Any]:
        """Register so many and open their channels, so many at a time; then all beat, evenly spread."""
        self._channels = channels
        loop, took = asyncio.get_running_loop(), list[float]()
        began = loop.time()
        coming = iter([self._spare.pop() for _ in range(count)])

        async def some() -> None:
            for worker in coming:
                took.append((await self._arrive_at_last(worker)).seconds)
                self._here.append(worker)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(some())
        seconds = loop.time() - began
        self._tasks.start(self._beat_for_ever(), "heartbeats")
        if channels:
            self._tasks.start(self._ping_for_ever(), "pings")
        return {"seconds": seconds, **spread(took), "beats": len(self.seen.beats), "errors": self.seen.errors}

    async def settle(self) -> dict[str, Any]:
        """Wait until nobody hears anything new for a while."""
        loop = asyncio.get_running_loop()
        end, quiet = loop.time() + PATIENCE, 0
        while quiet < 4 and loop.time() < end:
            before = self.seen.pushes
            await asyncio.sleep(1.0)
            unsettled = sum(not worker.told.services for worker in self._here) if self._arrivals else 0
            quiet = 0 if self.seen.pushes != before or unsettled > len(self._here) // 2 else quiet + 1
        return {"busy": sum(bool(worker.told.services) for worker in self._here), "here": len(self._here)}

    async def measure(self, seconds: float, by_channel: bool = True) -> dict[str, Any]:
        """Return what heartbeats were like for so long, by the channel from now on, or as requests."""
        self._by_channel = by_channel
        self.seen = Seen()
        await asyncio.sleep(seconds)
        return self.seen.told()

    async def churn(self, seconds: float, rate: float) -> dict[str, Any]:
        """Have so many a second leave and others come; return how long those had to wait for something to do."""
        self.seen, self._arrivals = Seen(), []
        tasks, loop = TaskSet("churn"), asyncio.get_running_loop()
        began, many = loop.time(), math.ceil(seconds * rate)
        for number in range(many):
            await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
            tasks.start(self._one_for_another(), "one")
        while len(tasks) and loop.time() < began + seconds + PATIENCE:  # noqa: ASYNC110 - they end by themselves
            await asyncio.sleep(0.1)
        await asyncio.sleep(2.0)
        await tasks.stop()
        return {"assigned": spread(self._arrivals), "wanted": many, "heartbeats": self.seen.told()}

    async def ask(self, seconds: float, rate: float, service: str, key: str) -> dict[str, Any]:
        """Ask for a service so often; return what the whole took, and what the decision alone."""
        loop = asyncio.get_running_loop()
        line: Call | None = None
        request, whole, routes, errors = self._speech.service(service, key), [], [], 0
        began = loop.time()
        try:
            for number in range(int(seconds * rate)):
                await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
                if loop.time() - began > 2 * seconds:  # it is far too slow: what there is shows that
                    break
                try:
                    answer, line = await call(self._host, self._port, request, line)
                except TROUBLE:
                    line, errors = None, errors + 1
                    continue
                if answer.status == 200:
                    whole.append(answer.seconds)
                    routes.append(timing(answer.head, b"route"))
                else:
                    errors += 1
        finally:
            if line is not None:
                line.close()
        return {"whole": spread(whole), "route": spread(routes), "errors": errors}

    async def listen(self, seconds: float, listeners: int) -> dict[str, Any]:
        """Have so many follow the topology for so long; what is told of deltas is of one of them, on average."""
        followed = [await self._follow() for _ in range(listeners)]
        snapshots = [sizes.pop(0) for _, sizes in followed]
        self.seen = Seen()
        await asyncio.sleep(seconds)
        for line, _ in followed:
            line.close()
        deltas = [size for _, sizes in followed for size in sizes]
        return {
            "listeners": listeners,
            "snapshot_bytes": max(snapshots, default=0),
            "deltas_per_second": len(deltas) / seconds / max(1, listeners),
            "delta_bytes": sum(deltas) / max(1, len(deltas)),
            "heartbeats": self.seen.told(),
        }

    async def _follow(self) -> tuple[Channel, list[int]]:
        """Return a line on which the snapshot has come, and the sizes of it and of all that comes after it."""
        sizes, come = list[int](), asyncio.Event()

        def heard(data: bytes) -> None:
            sizes.append(len(data))
            come.set()

        request = upgrade("/api/topology/stream", self._speech.host, "")
        _, line = await asyncio.get_running_loop().create_connection(
            lambda: Channel(request, heard, _nothing), self._host, self._port
        )
        async with asyncio.timeout(PATIENCE):
            await come.wait()
        return line, sizes

    # --- one worker -------------------------------------------------------------------------------------------

    async def _arrive_at_last(self, worker: Worker) -> Answer:
        for _ in range(TRIES):
            try:
                return await self._arrive(worker)
            except TROUBLE as error:
                self.seen.wrong[wrong(error)] += 1
                await asyncio.sleep(1.0)
        raise SystemExit(f"{worker.identity.worker_id} could not register in {TRIES} tries")

    async def _arrive(self, worker: Worker) -> Answer:
        loop = asyncio.get_running_loop()
        worker.begun = loop.time()
        answer = await self._call(worker, self._speech.register(worker))
        if answer.status != 200:
            raise SystemExit(f"a worker cannot register: HTTP {answer.status} {answer.body[:300]!r}")
        self._hear(worker, msgspec.json.decode(answer.body, type=Registered).assignment)
        if self._channels:
            await self._open(worker)
        return answer

    async def _open(self, worker: Worker) -> None:
        def heard(data: bytes) -> None:
            kind = read_type(data)
            if kind == ANSWER and worker.answered is not None and not worker.answered.done():
                worker.answered.set_result(data)
            elif kind == ASSIGNMENT:
                self.seen.pushes += 1
                self._hear(worker, msgspec.json.decode(data, type=Told))

        def ended() -> None:
            worker.line = None
            if worker.answered is not None and not worker.answered.done():
                worker.answered.set_exception(BrokenError("it was closed"))

        request = self._speech.channel(worker)
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Channel(request, heard, ended), self._host, self._port)
        if await line.opened != 101:
            raise SystemExit("a worker can open no channel")
        worker.line = line

    def _hear(self, worker: Worker, told: Told) -> None:
        before, worker.told = worker.told, told
        loop = asyncio.get_running_loop()
        if worker.begun and (told.services or told.heartbeat_interval >= self._period):
            self._arrivals.append(loop.time() - worker.begun)
            worker.begun = 0.0
        if told.services != before.services:
            self._soon(worker, self._random.uniform(*STARTING))
        elif told.heartbeat_interval < self._period:
            self._soon(worker, told.heartbeat_interval)

    def _soon(self, worker: Worker, pause: float) -> None:
        async def later() -> None:
            await asyncio.sleep(pause)
            await self._beat(worker, asyncio.get_running_loop().time())

        self._tasks.start(later(), "a heartbeat soon")

    async def _beat(self, worker: Worker, due: float) -> None:
        if worker.gone:
            return
        seen, late = self.seen, asyncio.get_running_loop().time() - due
        if self._by_channel and worker.line is not None and worker.answered is None:
            try:
                told = await self._say(worker, worker.line)
            except TROUBLE as error:
                self._failed(seen, worker, wrong(error))
                return
            seen.late.append(late)
            self._hear(worker, told)
            return
        try:
            answer = await self._call(worker, self._speech.heartbeat(worker, self._random.betavariate(2, 6)))
        except TROUBLE as error:
            self._failed(seen, worker, wrong(error))
            return
        if answer.status != 200:
            self._failed(seen, worker, f"HTTP {answer.status}")
            return
        seen.beats.append(answer.seconds)
        seen.late.append(late)
        seen.sent += answer.sent
        seen.got += answer.got
        self._hear(worker, msgspec.json.decode(answer.body, type=Told))

    def _failed(self, seen: Seen, worker: Worker, why: str) -> None:
        if worker in self._here:
            seen.wrong[why] += 1

    async def _say(self, worker: Worker, line: Channel) -> Told:
        """Send a heartbeat by the channel; return what it is answered."""
        worker.beats += 1
        worker.answered = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        try:
            self.seen.sent += line.say(self._speech.beat(worker, self._random.betavariate(2, 6)))
            async with asyncio.timeout(LIMIT):
                data = await worker.answered
        finally:
            worker.answered = None
        answer = msgspec.json.decode(data, type=Answered)
        if answer.told is None:
            raise BrokenError("it was refused")
        self.seen.beats.append(time.perf_counter() - began)
        self.seen.got += len(data)
        return answer.told

    async def _one_for_another(self) -> None:
        if not self._spare:
            return
        leaving = self._here.pop(self._random.randrange(len(self._here)))
        leaving.gone = True
        await self._call(leaving, self._speech.leave(leaving))
        if leaving.line is not None:
            leaving.line.close()
        coming = self._spare.pop()
        await self._arrive(coming)
        self._here.append(coming)

    async def _call(self, worker: Worker, request: bytes) -> Answer:
        answer, worker.call = await call(self._host, self._port, request, worker.call)
        return answer

    # --- all of them ------------------------------------------------------------------------------------------

    async def _beat_for_ever(self) -> None:
        await self._each_in(
            self._period, lambda worker, due: self._tasks.start(self._beat(worker, due), "heartbeat")
        )

    async def _ping_for_ever(self) -> None:
        await self._each_in(PING, lambda worker, _due: worker.line.ping() if worker.line is not None else None)

    async def _each_in(self, period: float, do: Callable[[Worker, float], object]) -> None:
        """Do something with each of those that are here once a period, evenly spread."""
        loop, number = asyncio.get_running_loop(), 0
        due = loop.time()
        while True:
            due += period / len(self._here)
            await asyncio.sleep(max(0.0, due - loop.time()))
            do(self._here[number % len(self._here)], due)
            number += 1


def wrong(error: BaseException) -> str:
    """Return what went wrong, in few words that are the same each time."""
    number = getattr(error, "errno", None)
    return f"{type(error).__name__} {number}" if number else str(error) or type(error).__name__


def timing(head: bytes, name: bytes) -> float:
    """Return the seconds that an answer's Server-Timing tells under a name."""
    _, found, rest = head.partition(name + b";dur=")
    return float(rest.split(b",")[0].split(b"\r\n")[0]) / 1000 if found else 0.0


def _nothing() -> None:
    """Have nothing to do when a channel ends."""


async def lines() -> asyncio.StreamReader:
    """Return what is written to our standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def run(arguments: argparse.Namespace) -> None:
    identities = msgspec.json.decode(arguments.identities.read_bytes(), type=list[Identity])
    workers = [worker_of(one) for one in identities]
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(Upstream, "127.0.0.1", 0)
    crowd = Crowd(arguments.url, arguments.id, workers, arguments.period, upstream.sockets[0].getsockname()[1])
    orders = await lines()
    print_json({"event": "ready"})
    try:
        while line := await orders.readline():
            order = json.loads(line)
            work: Callable[..., Awaitable[dict[str, Any]]] = getattr(crowd, order.pop("do"))
            print_json(await work(**order))
    finally:
        await crowd.stop()
        upstream.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--id", required=True, help="of the coordinator")
    parser.add_argument("--identities", type=Path, required=True)
    parser.add_argument(
        "--period", type=float, default=30.0, help="seconds between two heartbeats of a worker (30)"
    )
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
