"""Forty thousand datagrams of every bad kind: the mesh lives, answers right, forgets nobody and does not grow."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil

from node.dht import messages
from node.dht.messages import MAX_DATAGRAM, Request, Response
from node.dht.node import DhtNode
from node.dht.settings import DhtSettings
from node.wire.encoding import fingerprint
from tests.support.dht_attackers import LOOPBACK, Tap
from tests.support.dht_nodes import Mesh, found, until, worker
from tests.support.dht_runner import DhtGroup
from tests.support.wire_values import RandomSource, make

DATAGRAMS = 40_000
AT_ONCE = 60  # no more than any socket's buffer takes
MOST_GROWTH = 12 << 20  # bytes of memory over the second half; keeping each datagram would take more
NAMES = ["one", "two", "three"]
SETTINGS = {"rpc_timeout": 1.0, "republish": 5.0, "entry_ttl": 600.0, "rejoin_first": 0.05, "rejoin_longest": 2.0}
EXPLAINED = ("malformed", "foreign", "unsolicited", "unproven", "limited", "rpc_served")


class Forge:
    """Makes datagrams of every bad kind, out of a seed and of real ones that somebody saw."""

    def __init__(self, tag: bytes, captured: list[bytes], rng: random.Random) -> None:
        self._tag = tag
        self._captured = captured
        self._rng = rng
        self._source = RandomSource(rng)
        self._kinds = (
            self._noise, self._tagged_noise, self._mutated, self._mutated, self._truncated, self._replayed,
            self._forged, self._forged, self._answer, self._glued,
        )  # fmt: skip

    def __call__(self) -> bytes:
        return self._rng.choice(self._kinds)()

    def oversized(self) -> bytes:
        """Return more than any datagram of ours has, sometimes with a good beginning."""
        data = self._rng.choice(self._captured) if self._rng.random() < 0.5 else b""
        return data + self._rng.randbytes(self._rng.randint(MAX_DATAGRAM + 1, 65_000) - len(data))

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(MAX_DATAGRAM + 1))

    def _tagged_noise(self) -> bytes:
        return self._head() + self._rng.randbytes(self._rng.randrange(600))

    def _mutated(self) -> bytes:
        data = bytearray(self._rng.choice(self._captured))
        for _ in range(self._rng.randint(1, 4)):
            data[self._rng.randrange(len(data))] ^= 1 << self._rng.randrange(8)
        return bytes(data)

    def _truncated(self) -> bytes:
        data = self._rng.choice(self._captured)
        return data[: self._rng.randrange(len(data))]

    def _replayed(self) -> bytes:
        return self._rng.choice(self._captured)

    def _forged(self) -> bytes:
        """Return a request that is right in every way, of somebody who does not exist."""
        return self._encoded(messages.REQUEST, make(Request, self._source))

    def _answer(self) -> bytes:
        return self._encoded(messages.RESPONSE, make(Response, self._source))

    def _glued(self) -> bytes:
        """Return the beginning of one datagram and the end of another."""
        one, other = self._rng.choice(self._captured), self._rng.choice(self._captured)
        at = self._rng.randrange(len(one))
        return one[:at] + other[at:]

    def _encoded(self, kind: bytes, message: Request | Response) -> bytes:
        try:
            return messages.encode(kind, self._rng.randbytes(messages.ID_BYTES), self._tag, message)
        except ValueError:  # larger than it may be
            return self._noise()

    def _head(self) -> bytes:
        kind = self._rng.choice((messages.REQUEST, messages.RESPONSE))
        return kind + self._rng.randbytes(messages.ID_BYTES) + self._tag


class Flooded:
    """The nodes under fire, seen through the program that runs them."""

    def __init__(self, group: DhtGroup) -> None:
        self._group = group
        self._process = psutil.Process(group.program.process.pid)
        self.ports = [group.look(name)["port"] for name in NAMES]

    async def publish(self) -> None:
        for name in NAMES:
            await asyncio.to_thread(self._group.publish, name, "ocr")

    async def finds(self, name: str, expected: set[str]) -> None:
        """Fail unless a node finds exactly these, now."""
        assert await asyncio.to_thread(self._group.find, name, "ocr") == expected

    async def settle(self) -> int:
        """Wait until nothing more arrives; return how many datagrams have been counted, whatever for."""
        before, now = -1, self._explained()
        while now != before:
            before, now = now, await asyncio.to_thread(self._explained)
        return now

    def memory(self) -> int:
        return int(self._process.memory_info().rss)

    async def knows(self, ports: set[int]) -> None:
        """Wait until every node's contacts are exactly the others at these ports; never is there anybody else."""
        async with asyncio.timeout(60):
            for name, own in zip(NAMES, self.ports, strict=True):
                known: set[int] = set()
                while known != ports - {own}:
                    looked = await asyncio.to_thread(self._group.look, name)
                    known = {int(contact.rpartition(":")[2]) for contact in looked["contacts"]}
                    assert known <= ports

    def _explained(self) -> int:
        stats = [self._group.look(name)["stats"] for name in NAMES]
        return sum(one[what] for one in stats for what in EXPLAINED)


@contextlib.asynccontextmanager
async def guest_of(mesh: Mesh, flooded: Flooded, captured: list[bytes]) -> AsyncIterator[DhtNode]:
    """Join a node of this process, publish with it, and keep a copy of everything that it sends."""
    settings = DhtSettings(**SETTINGS)  # type: ignore[arg-type]  # only times come this way
    guest = mesh.node("guest", settings=settings)
    async with mesh.running(guest):
        Tap(guest, lambda data, _: captured.append(data))
        guest.set_bootstrap([(LOOPBACK, flooded.ports[0])])
        await until(lambda: len(guest.contacts()) == len(NAMES), "the guest knows everybody")
        await guest.publish(worker("guest"), ["ocr"])
        await found(guest, "ocr", "guest", *NAMES)
        yield guest


@contextlib.contextmanager
def attackers(count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as closing:
        opened = [closing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
        for one in opened:
            one.bind((LOOPBACK, 0))
        yield opened


async def fire(flooded: Flooded, guest: DhtNode, forge: Forge, rng: random.Random, count: int) -> int:
    """Send so many datagrams, never more at once than a socket takes, with lookups between; return how many."""
    sent, everybody = 0, {"guest", *NAMES}
    with attackers(4) as doors:
        for turn in range(count // AT_ONCE):
            target = (LOOPBACK, flooded.ports[turn % len(NAMES)])
            for _ in range(AT_ONCE):
                rng.choice(doors).sendto(forge(), target)
            await flooded.settle()
            rng.choice(doors).sendto(forge.oversized(), target)
            await flooded.settle()
            sent += AT_ONCE + 1
            if turn % 25 == 0:
                await flooded.finds(NAMES[turn % len(NAMES)], everybody)
                await found(guest, "ocr", *everybody)
    return sent


async def test_a_flood_harms_nobody(tmp_path: Path) -> None:
    mesh, rng, captured = Mesh(), random.Random(40), list[bytes]()
    group = DhtGroup.here(mesh, [mesh.member(name) for name in NAMES], tmp_path, f"{LOOPBACK}:0", **SETTINGS)
    with contextlib.closing(group.program):
        flooded = Flooded(group)
        await flooded.publish()
        async with guest_of(mesh, flooded, captured) as guest:
            honest = {guest.port, *flooded.ports}
            await flooded.knows(honest)
            tag = fingerprint(mesh.key.public_key().public_bytes_raw())[: messages.MESH_TAG_BYTES]
            forge = Forge(tag, captured[:], rng)
            counted = await flooded.settle()
            sent = await fire(flooded, guest, forge, rng, DATAGRAMS // 2)
            before = flooded.memory()
            sent += await fire(flooded, guest, forge, rng, DATAGRAMS // 2)
            growth = flooded.memory() - before
            explained = await flooded.settle() - counted
            print(f"{sent} sent, {explained} counted, {growth} bytes more than at half time")
            assert explained >= sent * 0.9
            assert growth < MOST_GROWTH
            await flooded.knows(honest)
            for name in NAMES:
                await flooded.finds(name, {"guest", *NAMES})
        assert group.program.log_text() == ""  # not a warning, and no traceback
