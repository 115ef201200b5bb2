"""Has a coordinator that serves be known to the others, follow what they do, and join the DHT by them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from coordinator_server.application import Coordinator
from coordinator_server.config import is_wildcard
from node.program.tasks import TaskSet
from node.wire.messages import CoordinatorInfo


@contextlib.asynccontextmanager
async def among_others(coordinator: Coordinator) -> AsyncIterator[None]:
    """Be one of them; at the end the others are told."""
    fleet, registry = coordinator.fleet, coordinator.registry
    info = as_others_know_it(coordinator.info, coordinator.public_host)

    async def beat() -> None:
        loads = [member.load for member in registry.members()]
        await fleet.beat(info, len(loads), round(sum(loads) / len(loads), 2) if loads else 0.0)

    async def look() -> None:
        await fleet.look()
        if fleet.others:
            await coordinator.workers.prune()  # whom they put out is out here, too

    def changed() -> None:
        places = [(other.dht_host, other.dht_port) for other in fleet.others]
        coordinator.dht.set_bootstrap([(host, port) for host, port in places if host and port])

    tasks = TaskSet("fleet")

    async def go_on(pause: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        await asyncio.sleep(pause)
        tasks.every(pause, work, name)

    fleet.changed = changed
    try:
        await beat()
        await look()
        tasks.start(go_on(fleet.heartbeat, beat, "beat"), "first beat")
        tasks.start(go_on(fleet.look_every, look, "look"), "first look")
        yield
    finally:
        await tasks.stop()
        await fleet.leave()


def as_others_know_it(info: CoordinatorInfo, public_host: str) -> CoordinatorInfo:
    """Return what others are told of us: where our DHT node listens everywhere, it is where our URL leads."""
    if not is_wildcard(info.dht_host or ""):
        return info
    return msgspec.structs.replace(info, dht_host=public_host or None)
