"""Has a coordinator that serves be known to the others, follow what they do, and join the DHT by them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import msgspec

from coordinator_server.application import Coordinator
from coordinator_server.config import is_wildcard
from coordinator_server.enrolment import certificates, kept_blocklist, lighthouses, mesh_keyring, workers
from coordinator_server.fleet.fleet import PREFIX
from coordinator_server.gateway import keys as api_keys
from coordinator_server.probation import book as probation
from coordinator_server.store.interface import Seen
from node.program.tasks import TaskSet
from node.wire.messages import CoordinatorInfo

PAUSE = 2.0  # seconds before a watch that ended is begun again


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
        if fleet.others or coordinator.workers.unsure:
            await coordinator.workers.prune()  # whom they put out is out here, too

    told = fleet.changed

    def changed() -> None:
        places = [(other.dht_host, other.dht_port) for other in fleet.others]
        coordinator.dht.set_bootstrap([(host, port) for host, port in places if host and port])
        told()

    tasks = TaskSet("fleet")

    async def go_on(pause: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        await asyncio.sleep(pause)
        tasks.every(pause, work, name)

    fleet.changed = changed
    try:
        await beat()
        await look()
        tasks.start(go_on(fleet.heartbeat, beat, "beat"), "first beat")
        tasks.start(go_on(fleet.heartbeat, look, "look"), "first look")
        tasks.every(PAUSE, lambda: follow_others(coordinator, beat), "following the others")
        for prefix, take in what_others_change(coordinator):
            tasks.every(PAUSE, functools.partial(follow, coordinator, prefix, take), f"following {prefix}")
        yield
    finally:
        await tasks.stop()
        fleet.changed = told
        await fleet.leave()


async def follow_others(coordinator: Coordinator, beat: Callable[[], Awaitable[None]]) -> None:
    """Hear of them at once: to look again and again is for what that might miss."""
    async with coordinator.store.watch(PREFIX) as watch:
        async for seen in watch:
            coordinator.fleet.take(seen)
            if coordinator.fleet.is_missing:
                await beat()


Take = Callable[[Seen], Awaitable[None]]


async def follow(coordinator: Coordinator, prefix: str, take: Take) -> None:
    """Have something be done with whatever changes below a prefix."""
    async with coordinator.store.watch(prefix) as watch:
        async for seen in watch:
            await take(seen)
            del seen  # which may be everything that there is: until the next change nobody needs it


def what_others_change(coordinator: Coordinator) -> Iterator[tuple[str, Take]]:
    """Yield what is to be known at once that another coordinator has done, and who takes it in."""

    async def put_out(_: Seen) -> None:
        await coordinator.workers.prune()

    async def keys_changed(_: Seen) -> None:
        await coordinator.key_rotation.tick()

    yield workers.PREFIX, coordinator.workers.take
    yield probation.PREFIX, coordinator.warden.book.take
    yield kept_blocklist.BLOCKLIST_KEY, put_out
    yield mesh_keyring.KEY, keys_changed
    yield api_keys.PREFIX, coordinator.keys.take
    if coordinator.overlay is not None:
        overlay = coordinator.overlay

        async def lighthouses_changed(_: Seen) -> None:
            await overlay.lighthouses.load()

        async def authorities_changed(_: Seen) -> None:
            await coordinator.key_rotation.look()  # it may be sealed with a key that we have not heard of yet
            await overlay.office.load(coordinator.clock())

        yield lighthouses.PREFIX, lighthouses_changed
        yield certificates.KEY, authorities_changed


def as_others_know_it(info: CoordinatorInfo, public_host: str) -> CoordinatorInfo:
    """Return what others are told of us: where our DHT node listens everywhere, it is where our URL leads."""
    if not is_wildcard(info.dht_host or ""):
        return info
    return msgspec.structs.replace(info, dht_host=public_host or None)
