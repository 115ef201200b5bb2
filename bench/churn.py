"""Requests at a fixed rate while workers are killed and started and the gateway's processes are replaced.

A real coordinator and real nodes; whatever happens to them, every request that may be repeated gets its right
answer: the exit code is 1 when one did not. Two nodes that serve are always left alone: a mesh without any worker
may say that it has none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.churn_support.blows import ROUND, Blow, blows, victim
from bench.churn_support.client import Client
from bench.churn_support.programs import Mesh, Node
from bench.churn_support.results import Event, document, table
from node.program.lifetime import make_loop
from node.program.tasks import TaskSet

LOOK = 0.25  # seconds between two looks at who serves
SETTLED = 2.0  # seconds that a node has served before it counts as one
LONGEST = 240.0  # seconds beyond those that were asked for
JOINING = 120.0  # seconds for all nodes to serve at first


class Storm:
    """Deals blows, and starts again who fell; `run` goes on until it is stopped."""

    def __init__(self, mesh: Mesh, seed: int, *, nodes_pause: float, gateways_pause: float) -> None:
        self._mesh = mesh
        self._rng = random.Random(seed)
        self._gateways_rng = random.Random(seed)
        self._pauses = (nodes_pause, gateways_pause)
        self._tasks = TaskSet("storm")
        self._began = 0.0
        self.events: list[Event] = []

    def begin(self) -> None:
        self._began = time.monotonic()
        self._tasks.start(self._over_nodes(), "nodes")
        if self._mesh.has_gateways:
            self._tasks.start(self._over_gateways(), "gateways")

    async def stop(self) -> None:
        await self._tasks.stop()

    def dealt(self) -> tuple[int, int]:
        """Return how many blows nodes and gateway processes have got."""
        nodes = sum(event.what in ROUND for event in self.events)
        return nodes, sum(event.what == Blow.RENEW_GATEWAYS for event in self.events)

    async def _over_nodes(self) -> None:
        for blow in blows(self._rng):
            await asyncio.sleep(self._rng.uniform(0.5, 1.5) * self._pauses[0])
            name = await self._spare_one()
            self._strike(blow, self._mesh.nodes[name])

    async def _over_gateways(self) -> None:
        while True:
            await asyncio.sleep(self._gateways_rng.uniform(0.5, 1.5) * self._pauses[1])
            self._note(Blow.RENEW_GATEWAYS, "all, one after another")
            self._mesh.coordinator.signal(signal.SIGHUP)

    async def _spare_one(self) -> str:
        while True:
            name = victim(self._rng, self._mesh.serving(SETTLED))
            if name is not None:
                return name
            await asyncio.sleep(LOOK)

    def _strike(self, blow: Blow, node: Node) -> None:
        node.serves_since = None
        if blow == Blow.KILL_SERVICE:
            if node.kill_child():
                self._note(blow, node.name)
            return
        node.signal(signal.SIGKILL if blow == Blow.KILL_NODE else signal.SIGTERM)
        self._note(blow, node.name)
        self._tasks.start(self._raise_again(node, self._rng.uniform(0.2, 2.0)), "start")

    async def _raise_again(self, node: Node, pause: float) -> None:
        await node.ended()
        await asyncio.sleep(pause)
        await node.start()
        self._note("node started again", node.name)

    def _note(self, what: str, whom: str) -> None:
        self.events.append(Event(time.monotonic() - self._began, str(what), whom))


async def look_on(mesh: Mesh) -> None:
    while True:
        await mesh.look()
        await asyncio.sleep(LOOK)


async def all_serve(mesh: Mesh) -> None:
    async with asyncio.timeout(JOINING):
        while len(mesh.serving(SETTLED)) < len(mesh.nodes):  # noqa: ASYNC110 - other programs come about it
            await asyncio.sleep(LOOK)


async def enough(storm: Storm, options: argparse.Namespace) -> None:
    """Wait on where a slow machine has not seen as much as is wanted."""
    limit = time.monotonic() + LONGEST
    wanted = (options.blows, min(1, options.blows) if options.workers > 1 else 0)
    while any(found < least for found, least in zip(storm.dealt(), wanted, strict=True)):
        if time.monotonic() >= limit:
            raise SystemExit(f"only {storm.dealt()} blows were dealt: too few nodes serve")
        await asyncio.sleep(LOOK)


async def churn(options: argparse.Namespace, folder: Path) -> int:
    """Run the whole of it; return the exit code."""
    whole = asyncio.current_task()
    assert whole is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)  # what was started is ended then
    tasks = TaskSet("churn")
    async with Mesh(folder, options.nodes, options.workers, options.connect_timeout) as mesh:
        where = urlsplit(mesh.url)
        client = Client(str(where.hostname), int(where.port or 80), mesh.key)
        storm = Storm(mesh, options.seed, nodes_pause=options.pause, gateways_pause=options.gateways_pause)
        over = asyncio.Event()
        try:
            tasks.start(look_on(mesh), "look")
            await all_serve(mesh)
            began = time.monotonic()
            storm.begin()
            asking = tasks.start(client.run(options.rate, over), "client")
            await asyncio.sleep(options.seconds)
            await enough(storm, options)
            over.set()
            seconds = time.monotonic() - began
            await asking
        finally:
            await tasks.stop()
            await storm.stop()
            await client.stop()
    logged = mesh.access_log.read_bytes().count(b'"path":"/service/')
    found = document(client.sent, seconds, client.tally, storm.events, logged)
    print(json.dumps(found) if options.json else table(found, storm.events, client.tally.failures))
    return 1 if client.tally.failed else 0


def run(options: argparse.Namespace, folder: Path) -> int:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(churn(options, folder))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of requests, at least (60)")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second (300)")
    parser.add_argument("--nodes", type=int, default=4, help="of which two are always spared (4)")
    parser.add_argument("--workers", type=int, default=3, help="processes of the gateway (3)")
    parser.add_argument(
        "--pause", type=float, default=2.0, help="seconds between blows against nodes, on average (2)"
    )
    parser.add_argument("--gateways-pause", type=float, default=8.0, help="the same for gateway processes (8)")
    parser.add_argument("--blows", type=int, default=0, help="go on until nodes have got so many (0)")
    parser.add_argument(
        "--connect-timeout", type=float, default=2.0, help="the coordinator's setting, in seconds (2)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of what happens to whom, and when (1)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--keep", type=Path, help="folder for data and logs, which stay there")
    options = parser.parse_args(argv)
    if options.keep is not None:
        options.keep.mkdir(parents=True)
        return run(options, options.keep)
    with tempfile.TemporaryDirectory(prefix="rma-churn-") as folder:
        return run(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
