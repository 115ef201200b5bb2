"""A node's control API behind which very much happens, as fast as somebody wishes.

    python -m bench.desktop_support.busy_node --data-dir DIR --rate 3000 [--each]

As in a node, who follows hears of it ten times a second; with `--each` of every single change, which is more than
any node tells.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from pathlib import Path

import msgspec

from node.control import MAX_RATE
from node.program.lifetime import run_program
from node.program.tasks import TaskSet
from tests.support import samples
from tests.support.control_server import ControlServer

STEP = 0.01  # seconds between two handfuls of changes


async def keep_busy(server: ControlServer, rate: float, *, each: bool) -> None:
    """Let so many requests come in every second, and tell of each, or as a node would."""
    began, done, told_at = time.monotonic(), 0, 0.0
    stats, in_flight = samples.STATS, itertools.cycle(range(8))
    while True:
        await asyncio.sleep(STEP)
        now = time.monotonic()
        for _ in range(int((now - began) * rate) - done):
            done += 1
            stats = msgspec.structs.replace(stats, local_requests=stats.local_requests + 1)
            state = msgspec.structs.replace(server.view.state, in_flight=next(in_flight))
            if each or now - told_at >= MAX_RATE:
                told_at = now
                server.show(state, stats=stats)
                await asyncio.sleep(0)  # for it to go out alone
        await asyncio.sleep(0)


async def serve(stop: asyncio.Event, data_dir: Path, rate: float, *, each: bool) -> int:
    server, tasks = ControlServer(data_dir, samples.ONLINE), TaskSet("busy-node")
    await server.start()
    tasks.start(keep_busy(server, rate, each=each), "busy")
    stopped = tasks.start(server.stopped.wait(), "stop")
    await asyncio.wait({stopped, tasks.start(stop.wait(), "signal")}, return_when=asyncio.FIRST_COMPLETED)
    await tasks.stop()
    await server.stop()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--each", action="store_true")
    given = parser.parse_args()
    return run_program(lambda stop: serve(stop, given.data_dir, given.rate, each=given.each))


if __name__ == "__main__":
    raise SystemExit(main())
