"""Workers of a coordinator on this machine, in one process, until SIGTERM.

    python -m bench.relay_support.workers --url URL --code CODE serve
    python -m bench.relay_support.workers --url URL --code CODE idle --count 1000 --name a
    python -m bench.relay_support.workers --url URL --code CODE returning --count 1000 --name a --report FILE

`serve` is two workers with a service each and the same doors: one is asked at its port, the other, whose port is
closed, by relay. `idle` are workers that run nothing and hold a channel on which they offer relay connections; so
are those that are `returning`, which open it again when they have lost it, and report when all of them are back.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.gateway_support.processes import free_port
from bench.relay_support.members import OFFERED, Member, Site, join
from bench.relay_support.returning import Port, Returning, Seen, come_back
from node.forwarding.http1.exchange import Exchange
from node.forwarding.plane import DataPlane
from node.program.lifetime import print_json, run_program
from node.program.tasks import TaskSet
from node.program.web import bind
from node.tunnel.relay import RelayConnections

DIRECT, RELAY = "ner-extraction", "document-processing"  # the service of each way
PIECE = bytes(256 * 1024)
SMALL = b'{"ok":true}'
BEAT = 2.0  # seconds, of workers that serve: one that failed once is back after that
IDLE_BEAT = 30.0  # of those that do not, as nodes do
AT_ONCE = 20  # machines that are joining
LARGEST = 2**34
CALL = 5.0  # seconds, as nodes have
NOBODY = 9  # the port of workers that nobody asks


class Doors:
    """Answers small requests at once, and leaves bodies up and down to an application."""

    def __init__(self) -> None:
        self.app = web.Application(client_max_size=LARGEST)
        for name in (DIRECT, RELAY):
            self.app.router.add_get(f"/service/{name}/down", self._down)
            self.app.router.add_post(f"/service/{name}/up", self._up)

    def begin(self, exchange: Exchange) -> None:
        if exchange.head.target.endswith("/small"):
            exchange.answer(200, b"Content-Type: application/json\r\n", SMALL)
        else:
            exchange.to_app()

    def finished(self, exchange: Exchange) -> None:
        """Keep no account."""

    async def _down(self, request: web.Request) -> web.StreamResponse:
        left = int(request.query["bytes"])
        answer = web.StreamResponse(headers={"Content-Length": str(left)})
        await answer.prepare(request)
        while left:
            await answer.write(PIECE[:left])
            left -= len(PIECE[:left])
        return answer

    async def _up(self, request: web.Request) -> web.Response:
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        return web.json_response({"bytes": size})


async def serve(site: Site, stop: asyncio.Event, tasks: TaskSet) -> None:
    doors = Doors()
    plane = DataPlane(doors, doors.app, bind("127.0.0.1", 0))
    await plane.start()
    async with session() as http, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as relays:
        direct = await join(http, site, "direct", plane.port, DIRECT)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else will
            relayed = await join(http, site, "relay", closed.getsockname()[1], RELAY)
            relay = RelayConnections(
                lambda _url, ticket: relayed.client.open_relay(relays, relayed.coordinator, ticket),
                plane.connection,
                OFFERED,
            )
            relay.start()
            for member in (direct, relayed):
                tasks.every(BEAT, member.beat, f"heartbeat of {member.worker_id}")
            opened = asyncio.Event()
            url = relayed.coordinator.url
            listening = relayed.listen(opened, lambda tickets: relay.asked(url, tickets))
            try:
                await hold([(opened, tasks.start(listening, "channel"))])
                print_json({"event": "ready"})
                await stop.wait()
            finally:
                await tasks.stop()
                await relay.stop()
                await plane.stop()


async def idle(site: Site, name: str, count: int, stop: asyncio.Event, tasks: TaskSet) -> None:
    async with session() as http:
        members: list[Member] = []
        try:
            for start in range(0, count, AT_ONCE):
                names = [f"{name}-{number}" for number in range(start, min(count, start + AT_ONCE))]
                members += await asyncio.gather(*(join(http, site, one, free_port()) for one in names))
                some = [(opened := asyncio.Event(), tasks.start(one.listen(opened, _nothing), one.worker_id))
                        for one in members[start:]]  # fmt: skip
                await hold(some)
            print_json({"event": "ready", "count": len(members)})
            tasks.start(beat_all(members), "heartbeats")
            await stop.wait()
        finally:
            await tasks.stop()


async def returning(site: Site, arguments: argparse.Namespace, stop: asyncio.Event, tasks: TaskSet) -> None:
    name, count = arguments.name, arguments.count
    async with session(CALL) as http, session() as patient:
        workers: list[Returning] = []
        seen, port = Seen(), Port(site.url)
        tasks.start(port.watch(), "port")
        try:
            for start in range(0, count, AT_ONCE):
                names = [f"{name}-{number}" for number in range(start, min(count, start + AT_ONCE))]
                members = await asyncio.gather(*(join(http, site, one, NOBODY) for one in names))
                some = [Returning(member, seen, patient, port) for member in members]
                await hold([(one.there, tasks.start(one.hold(), "channel")) for one in some])
                workers += some
            print_json({"event": "ready", "count": len(workers)})
            tasks.start(come_back(workers, seen, arguments.report), "report")
            await stop.wait()
        finally:
            await tasks.stop()


async def hold(channels: list[tuple[asyncio.Event, asyncio.Task[None]]]) -> None:
    """Wait until these channels are open; raise what kept one from it."""
    for opened, task in channels:
        while not opened.is_set():
            if task.done():
                raise SystemExit(f"{task.get_name()} has no channel: {task.exception()}")
            await asyncio.sleep(0.005)


async def beat_all(members: list[Member]) -> None:
    """Have every member say that it is there, evenly spread."""
    while True:
        for member in members:
            await asyncio.sleep(IDLE_BEAT / len(members))
            await member.beat()


def session(call: float | None = None) -> aiohttp.ClientSession:
    """Make one without limits; `call` is how many seconds each call may take."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=call, sock_connect=CALL)
    )


def _nothing(_tickets: object) -> None:
    """Open nothing: an idle worker is not asked."""


async def run(arguments: argparse.Namespace, stop: asyncio.Event) -> int:
    site, tasks = Site(arguments.url, arguments.code), TaskSet("bench")
    if arguments.what == "serve":
        await serve(site, stop, tasks)
    elif arguments.what == "returning":
        await returning(site, arguments, stop, tasks)
    else:
        await idle(site, arguments.name, arguments.count, stop, tasks)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("serve", "idle", "returning"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--code", required=True, help="an invite")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--name", default="idle")
    parser.add_argument("--report", type=Path, help="where those that are returning say how it went")
    arguments = parser.parse_args()
    run_program(lambda stop: run(arguments, stop))


if __name__ == "__main__":
    main()
