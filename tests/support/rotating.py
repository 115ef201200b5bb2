"""Several coordinators on one store, in one loop with one clock, and machines that serve while keys are rotated.

A machine renews and heartbeats at its own coordinator, or else at any, follows the mesh's keys as a node does, and
serves whoever proves itself by them. The store is a database that all share, or etcd.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from coordinator_server.store.sqlite import FILE_NAME
from node.program.tasks import TaskSet
from node.program.web import HttpServer, bind
from node.wire import credentials, headers
from node.wire.encoding import b64decode, b64encode
from node.wire.manifests import Catalogue, Manifest
from node.wire.mesh_keys import MeshTrust, founded, verified
from node.wire.messages import RenewAnswer
from node.wire.nebula_pem import read_certificate
from node.wire.tokens import TokenError, TokenVerifier
from tests.support.coordinators import HOURLY, Answer, Room, Worker, coordinator_room
from tests.support.mesh_keys import Clock
from tests.support.waiting import eventually

STEP = 200.0  # seconds: more than a step of either rotation takes at least
MOST_MACHINES = 5
LIMIT = 60.0  # seconds
PAUSE = 0.01  # seconds between requests
CALM: dict[str, Any] = {  # what happens besides, the story has happen
    "coordinator_heartbeat": 3600.0,
    **HOURLY,
    "address_rate": "10000000/min",  # its bucket does not fill while the clock stands
}
SERVICE = Manifest(name="ner", title="Entities", data_class="public", replicas=MOST_MACHINES)


class Machine:
    """A worker: it trusts the keys that the mesh has told it of, and no others."""

    def __init__(self, worker: Worker, number: int, home: str) -> None:
        self.worker = worker
        self.home = home  # the coordinator that it talks to while that one lives
        self.trust: MeshTrust | None = None
        self.served: list[str] = []  # who has sent it a request
        self.refused: list[str] = []  # why it has served somebody not
        self._nebula_key = b64encode(bytes([9 + number]) * 32)
        app = web.Application()
        app.router.add_post("/service/{tail:.*}", self._serve)
        self._server = HttpServer(app, bind("127.0.0.1", 0))

    async def join(self, code: str, name: str) -> None:
        answer = await self.worker.enrol(code, worker_id=name, nebula_public_key=self._nebula_key)
        assert answer.status == 201, answer.body
        await self._server.start()
        told = msgspec.json.decode(answer.body, type=RenewAnswer)
        known = founded(b64decode(answer.json["mesh_public_key"]))
        self.trust = MeshTrust(known if told.mesh_keys is None else verified(told.mesh_keys))

    async def stop(self) -> None:
        await self._server.stop()

    async def beat(self, room: Room) -> None:
        """Register at a coordinator, renew, report what is in use, and heartbeat; nothing of it may be refused."""
        worker = self.worker
        worker.url, worker.session, worker.audience = room.url, room.session, room.coordinator.coordinator_id
        _good(await worker.register(port=self._server.port))
        wish = {"nebula_public_key": self._nebula_key}
        renewed = _good(await worker.say("renew", **wish))
        worker.credential = renewed.json["credential"]
        self._follow(renewed, msgspec.json.encode({"worker_id": worker.worker_id, **wish}))
        assert self.trust is not None
        vpn = renewed.json["vpn"]
        fingerprint = read_certificate(vpn["certificate"]).fingerprint
        report = {"bundle": vpn["bundle"], "certificate": fingerprint, "state": "direct"}
        _good(await worker.heartbeat("ner", mesh_keys=self.trust.keys.progress, vpn=report))

    def _follow(self, renewed: Answer, asked: bytes) -> None:
        """Believe an answer as a node does."""
        assert self.trust is not None
        told = msgspec.json.decode(renewed.body, type=RenewAnswer).mesh_keys
        keys = self.trust.keys if told is None else self.trust.keys.follow(told)
        signed = headers.RENEWAL_CONTEXT + hashlib.sha256(asked).digest() + renewed.body
        keys.check_answer(b64decode(renewed.headers[headers.SIGNATURE]), signed)
        self.trust.keys = keys

    async def _serve(self, request: web.Request) -> web.Response:
        assert self.trust is not None
        verifier = TokenVerifier(self.trust, self.worker.worker_id, self.worker.clock)
        try:
            self.served.append(verifier.verify(request.headers.get(headers.MESH_TOKEN, "")).subject)
        except TokenError as error:
            self.refused.append(str(error))
            raise web.HTTPUnauthorized from None
        return web.json_response({}, headers={headers.WORKER: self.worker.worker_id})


@dataclass
class Mesh:
    """Coordinators that share a store and a clock, and machines that talk to any of them."""

    folder: Path
    store: str = ""  # etcd's address; else they share a database
    clock: Clock = field(default_factory=Clock)
    rooms: dict[str, Room] = field(default_factory=dict)
    machines: list[Machine] = field(default_factory=list)
    calls: int = 0
    failures: list[tuple[str, int, bytes]] = field(default_factory=list)
    _key: str = ""
    _called: set[str] = field(default_factory=set)  # where requests are sent
    _on_its_way: asyncio.Lock = field(default_factory=asyncio.Lock)  # a request; nobody leaves meanwhile
    _stacks: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)
    _turns: Iterator[int] = field(default_factory=itertools.count)
    _tasks: TaskSet = field(default_factory=lambda: TaskSet("mesh"))

    # --- coordinators -----------------------------------------------------------------------------------------

    async def start(self, name: str, **settings: Any) -> Room:
        """Start a coordinator; of another one it has nothing but the store and what the settings give it."""
        place = self.folder / name
        more: dict[str, Any] = {**CALM, **({"store": self.store} if self.store else {}), **settings}
        place.mkdir(exist_ok=True)
        if not self.store and not (place / FILE_NAME).exists():
            (place / FILE_NAME).symlink_to(self.folder / FILE_NAME)
        catalogue = Catalogue((SERVICE,))
        async with contextlib.AsyncExitStack() as stack:
            room = await stack.enter_async_context(coordinator_room(place, self.clock, catalogue, **more))
            self._stacks[name] = stack.pop_all()
        self.rooms[name] = room
        if self._key:
            await self._serve_at(name)
        return room

    async def end(self, name: str) -> None:
        """End a coordinator when it has answered what was asked of it."""
        async with self._on_its_way:
            del self.rooms[name]
            self._called.discard(name)
        await self._stacks.pop(name).aclose()

    async def stop(self) -> None:
        await self._tasks.stop()
        for machine in self.machines:
            await machine.stop()
        for name in list(self._stacks):
            self.rooms.pop(name, None)
            await self._stacks.pop(name).aclose()

    # --- machines and requests --------------------------------------------------------------------------------

    async def join(self, name: str, home: str) -> None:
        room = next(iter(self.rooms.values()))
        machine = Machine(room.machine(), len(self.machines), home)
        self.machines.append(machine)
        await machine.join(await room.invite(), name)

    async def beat(self) -> None:
        """Let each machine renew, report what it uses and heartbeat."""
        for machine in self.machines:
            names = [machine.home] if machine.home in self.rooms else list(self.rooms)
            await machine.beat(self.rooms[names[next(self._turns) % len(names)]])

    async def call_on_and_on(self) -> None:
        """Have requests served at all coordinators from now on; `failures` is what came of the others."""
        _, self._key = await next(iter(self.rooms.values())).coordinator.keys.create("story", rate="10000000/min")
        for name in self.rooms:
            await self._serve_at(name)
        self._tasks.start(self._call_on_and_on(), "calls")

    async def _call_on_and_on(self) -> None:
        while True:
            for name in list(self._called):
                async with self._on_its_way:
                    if name in self._called:
                        status, said = await self._call(self.rooms[name])
                        self.calls += 1
                        self.failures += [(name, status, said)] if status != 200 else []
            await asyncio.sleep(PAUSE)

    async def _serve_at(self, name: str) -> None:
        """Have the machine whose home is a coordinator come to it; when requests are served there, they go on."""
        room = self.rooms[name]
        for machine in self.machines:
            if machine.home == name:
                await machine.beat(room)
        deadline = time.monotonic() + LIMIT
        while (said := await self._call(room))[0] != 200:
            assert time.monotonic() < deadline, said
            await asyncio.sleep(PAUSE)
        self._called.add(name)

    async def _call(self, room: Room) -> tuple[int, bytes]:
        sent = {"X-API-Key": self._key}
        async with room.session.post(f"{room.url}/service/ner/x", data=b"{}", headers=sent) as answer:
            return answer.status, await answer.read()

    # --- rotations --------------------------------------------------------------------------------------------

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

    async def take_steps(self, *wanted: str) -> None:
        """Let time pass, and whoever lives look, until both rotations are at these phases everywhere."""
        for _ in range(20):
            await self.beat()
            self.check_all_believe_all()
            if all(phases(room) == wanted for room in self.rooms.values()):
                return
            async with self._on_its_way:  # its token would be old all at once
                self.clock.now += STEP
            for room in list(self.rooms.values()):
                assert room.coordinator.overlay is not None
                await room.coordinator.key_rotation.tick()
                await room.coordinator.overlay.tick()
                self.check_all_believe_all()
        raise AssertionError([phases(room) for room in self.rooms.values()])

    def key_files(self) -> Sequence[str]:
        """Return where private keys of the mesh stand in files."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob("*/mesh*.key"))


@contextlib.asynccontextmanager
async def rotating_mesh(folder: Path, store: str = "") -> AsyncIterator[Mesh]:
    """Lend a mesh of which nothing runs yet; at the end nothing runs any more."""
    mesh = Mesh(folder, store)
    try:
        yield mesh
    finally:
        await mesh.stop()


def signer(room: Room) -> Any:
    assert room.coordinator.overlay is not None
    return room.coordinator.overlay.office.signer


def phases(room: Room) -> tuple[str, str]:
    """Return how far the rotation of the mesh's key is, and that of the overlay's authority."""
    assert room.coordinator.overlay is not None
    return room.coordinator.keyring.keys.phase, room.coordinator.overlay.office.phase


async def until_all_are(rooms: Sequence[Room], *wanted: str) -> None:
    await eventually(lambda: all(phases(room) == wanted for room in rooms), f"all are {wanted}")


def _good(answer: Answer) -> Answer:
    assert answer.status == 200, answer.body
    return answer
