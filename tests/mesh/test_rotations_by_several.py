"""Both rotations, with several coordinators on one store: none is the one that has to live, and nobody is refused.

In one loop with one clock, which the story moves on. Workers heartbeat and renew all the while, each at whichever
coordinator lives; every answer is looked at.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.enrolment import passphrase as strength
from coordinator_server.enrolment.passphrase import WEAKEST
from node.wire import credentials
from node.wire.encoding import b64encode
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.mesh_keys import Clock
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
STEP = 200.0  # seconds: more than a step of either rotation takes at least
SETTINGS: dict[str, Any] = {
    "key_passphrase": "six words that were drawn at random",
    "coordinator_heartbeat": 3600.0,
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strength, "STRONGEST", WEAKEST)


@dataclass
class Mesh:
    """Coordinators that share a database and a clock, and machines that talk to any of them."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    rooms: dict[str, Room] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    _stacks: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)
    _turns: Any = field(default_factory=itertools.count)

    async def start(self, name: str) -> Room:
        """Start a coordinator; of another one it has nothing but the database and the passphrase."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        database = self.folder / "coordinator.db"
        if not (place / database.name).exists():
            (place / database.name).symlink_to(database)
        stack = self._stacks[name] = contextlib.AsyncExitStack()
        self.rooms[name] = await stack.enter_async_context(coordinator_room(place, self.clock, **SETTINGS))
        return self.rooms[name]

    async def end(self, name: str) -> None:
        del self.rooms[name]
        await self._stacks.pop(name).aclose()

    async def join(self, name: str) -> None:
        room = next(iter(self.rooms.values()))
        worker = room.machine()
        wish = {"worker_id": name, "nebula_public_key": b64encode(bytes([9 + len(self.workers)]) * 32)}
        assert (await worker.enrol(await room.invite(), **wish)).status == 201
        self.workers.append(worker)

    async def beat(self) -> None:
        """Let each machine renew, report what it uses, and heartbeat, at a coordinator whose turn it is."""
        for worker in self.workers:
            room = list(self.rooms.values())[next(self._turns) % len(self.rooms)]
            worker.url, worker.session, worker.audience = room.url, room.session, room.coordinator.coordinator_id
            assert (await worker.register()).status == 200
            key = b64encode(bytes([9 + self.workers.index(worker)]) * 32)
            renewed = await worker.say("renew", nebula_public_key=key)
            assert renewed.status == 200, renewed.body
            worker.credential = renewed.json["credential"]
            vpn, progress = renewed.json["vpn"], room.coordinator.keyring.keys.progress
            report = {"bundle": vpn["bundle"], "certificate": fingerprint_of(vpn), "state": "direct"}
            answer = await worker.heartbeat(mesh_keys=progress, vpn=report)
            assert answer.status == 200, answer.body

    def check_all_believe_all(self) -> None:
        """What any coordinator signs, all others believe; and all sign certificates that all know."""
        for one, other in itertools.permutations(self.rooms.values(), 2):
            keyring = one.coordinator.keyring
            other.coordinator.keyring.trust.verify(keyring.sign(b"x"), b"x")
            credentials.verify(
                one.coordinator.token_issuer.credential, other.coordinator.keyring.trust, self.clock()
            )
            known = {authority.fingerprint for authority in signer(other).certificates}
            assert signer(one).authority.fingerprint in known


def signer(room: Room) -> Any:
    assert room.coordinator.overlay is not None
    return room.coordinator.overlay.office.signer


def fingerprint_of(vpn: Any) -> str:
    from node.wire.nebula_pem import read_certificate

    return read_certificate(vpn["certificate"]).fingerprint


def phases(room: Room) -> tuple[str, str]:
    assert room.coordinator.overlay is not None
    return room.coordinator.keyring.keys.phase, room.coordinator.overlay.office.phase


async def until_all_are(rooms: Sequence[Room], *wanted: str) -> None:
    await eventually(lambda: all(phases(room) == wanted for room in rooms), f"all are {wanted}")


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    mesh = Mesh(tmp_path)
    try:
        for name in ("a", "b", "c"):
            await mesh.start(name)
        for number in range(3):
            await mesh.join(f"w{number}")
        fleets = [room.coordinator.fleet for room in mesh.rooms.values()]
        await eventually(lambda: all(len(fleet.others) == 2 for fleet in fleets), "they know one another")
        yield mesh
    finally:
        for name in list(mesh.rooms):
            await mesh.end(name)


async def take_steps(mesh: Mesh, *wanted: str) -> None:
    """Let time pass, and whoever lives look, until both rotations are at these phases everywhere."""
    for _ in range(20):
        await mesh.beat()
        mesh.check_all_believe_all()
        if all(phases(room) == wanted for room in mesh.rooms.values()):
            return
        mesh.clock.now += STEP
        for room in list(mesh.rooms.values()):
            assert room.coordinator.overlay is not None
            await room.coordinator.key_rotation.tick()
            await room.coordinator.overlay.tick()
            mesh.check_all_believe_all()
    raise AssertionError([phases(room) for room in mesh.rooms.values()])


async def test_who_begins_may_end_and_who_was_off_catches_up(mesh: Mesh) -> None:
    await mesh.beat()
    first, second = mesh.rooms["a"], mesh.rooms["b"]
    founding, authority = first.coordinator.keyring.keys.signing, signer(first).authority
    await mesh.end("c")
    await first.coordinator.key_rotation.rotate(force=False)
    assert second.coordinator.overlay is not None
    await second.coordinator.overlay.rotate(force=False)
    await until_all_are([first, second], "spreading", "spreading")
    mesh.check_all_believe_all()
    await mesh.beat()
    await mesh.end("a")
    fourth = await mesh.start("d")  # in the middle of both
    assert phases(fourth) == ("spreading", "spreading") and not fourth.coordinator.keyring.lacking
    await take_steps(mesh, "steady", "steady")
    for name in ("a", "c"):
        room = await mesh.start(name)
        assert phases(room) == ("steady", "steady")
        assert room.coordinator.keyring.keys.signing != founding and signer(room).authority != authority
    await mesh.beat()
    mesh.check_all_believe_all()
    assert not list(mesh.folder.glob("*/mesh*.key"))
