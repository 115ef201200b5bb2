"""When the mesh's key is rotated, and whom each step of that waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.mesh_keyring import PLACES_KEY, MeshKeyring
from coordinator_server.enrolment.overlay import Overlay
from coordinator_server.enrolment.rotation import RotationState, is_outlived
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.fleet.fleet import HERE, PREFIX
from coordinator_server.store.interface import Store, Write
from node.wire.credentials import CLOCK_SKEW, place_of
from node.wire.encoding import b64decode
from node.wire.messages import UNREADABLE
from node.wire.problems import Problem

HOLDER_PREFIX = "mesh-key-holder/"
LIVING = PREFIX + HERE  # below it: the leased keys of the coordinators that live
HOLDER_LIFE = 120.0  # seconds: a coordinator that has not said for so long that it is there is not waited for


class Holder(msgspec.Struct, frozen=True):
    """A coordinator that took part in a rotation at a time (Unix seconds), and how far it can go with it."""

    progress: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """Takes the steps of the keyring's rotations in time. `life` is a credential's; `settle` a step's at least."""

    coordinator_id: str
    keyring: MeshKeyring
    store: Store
    workers: Workers
    audit: Audit
    clock: Callable[[], float]
    life: float  # seconds
    settle: float  # seconds
    overlay: Overlay | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # a backup between two steps has the files of one

    async def look(self) -> None:
        """See what other coordinators did, as before something is opened that they have sealed."""
        async with self.turn:
            await self.keyring.load()

    async def tick(self) -> None:
        """See what other coordinators did, and take the next step when everybody is ready for it."""
        async with self.turn:
            await self._tick()

    async def _tick(self) -> None:
        await self.keyring.load()
        if self.keyring.keys.phase == "steady":
            return
        await self._say_that_we_are_here()
        state = await self.state()
        if state.is_due(self.clock(), self.settle) and not self.keyring.lacking:
            await self._step("coordinator")

    async def rotate(self, *, force: bool, address: str = "") -> RotationState:
        """Begin a rotation, or take its next step before everybody is ready; else raise conflict."""
        async with self.turn:
            await self.keyring.load()
            (await self.state()).check_step(force, "lose the mesh until they have renewed")
            if not await self._step("admin", address):
                raise Problem("conflict", "Another coordinator was quicker. Please look at the status.")
            return await self.state()

    async def report(self, worker_id: str, progress: int) -> None:
        """Take in how far a worker is: while a rotation runs it waits for that."""
        current = self.workers.get(worker_id)
        known = self.keyring.keys
        if current is None or known.phase == "steady" or not current.mesh_progress < progress <= known.progress:
            return
        await self.workers.replace(current, msgspec.structs.replace(current, mesh_progress=progress), None)

    async def state(self) -> RotationState:
        """Return how far a rotation is."""
        waiting = (*self._unready(), *await self._without_key())
        return RotationState(self.keyring.keys.phase, self.keyring.since, tuple(sorted(waiting)))

    # --- steps ------------------------------------------------------------------------------------------------

    async def _step(self, actor: str, address: str = "") -> bool:
        keys, now = self.keyring.keys, self.clock()
        if keys.phase == "steady":
            line = self.audit.line("mesh-key-rotation-begun", actor=actor, address=address)
            return await self.keyring.begin(now, line, await self._derived_places())
        action = "mesh-key-rotation-" + keys.onwards().phase
        done = await self.keyring.onwards(now, self.audit.line(action, actor=actor, address=address))
        if self.overlay is not None:
            await self.overlay.office.load(now)
        return done

    async def _derived_places(self) -> tuple[Write, ...]:
        """Keep the places that only the founding key could tell: they are to stay when it is gone."""
        if self.keyring.keys.progress:
            return ()
        without = [enrolment for enrolment in self.workers if not enrolment.place and not enrolment.revoked]
        places = await asyncio.to_thread(self._derive, without)
        return (Write(PLACES_KEY, msgspec.json.encode(places)),) if places else ()

    def _derive(self, enrolments: list[Enrolment]) -> dict[str, bytes]:
        return {one.worker_id: place_of(b64decode(one.identity_public_key), self.keyring) for one in enrolments}

    # --- who is waited for ------------------------------------------------------------------------------------

    def _unready(self) -> Iterator[str]:
        """Yield the workers whose credential counts somewhere, and that have not said that they are as far.

        That of a machine which waits to be let in counts nowhere: no stranger keeps a stolen key in use.
        """
        keys, now = self.keyring.keys, self.clock()
        if keys.phase == "steady" or is_outlived(self.keyring.since, now, self.life):
            return
        for enrolment in self.workers:
            # Nothing is known of credentials that were issued by an older version of this program.
            until = enrolment.credential_until or self.keyring.since + self.life
            out = enrolment.revoked or enrolment.pending
            if not out and until + 2 * CLOCK_SKEW > now and enrolment.mesh_progress < keys.progress:
                yield enrolment.worker_id

    async def _without_key(self) -> list[str]:
        """Return the coordinators that live and have not said that they can go on with the next step.

        For the first step that is to have the next key, for the second one to use it.
        """
        keys, now = self.keyring.keys, self.clock()
        if keys.phase == "steady":
            return []
        held = {
            key.removeprefix(HOLDER_PREFIX): holder
            for key, entry in await self.store.list(HOLDER_PREFIX)
            if (holder := _holder(entry.value)) is not None
        }
        alive = {key.removeprefix(LIVING) for key, _ in await self.store.list(LIVING)}
        heard = {name for name, one in held.items() if now - one.at < HOLDER_LIFE and keys.phase == "spreading"}
        ready = {name for name, one in held.items() if one.progress >= keys.progress}
        others = (alive | heard) - ready - {self.coordinator_id}
        return [*others, *([self.coordinator_id] if self.keyring.lacking else [])]

    async def _say_that_we_are_here(self) -> None:
        progress = self.keyring.keys.progress - bool(self.keyring.lacking)
        await self.store.put(
            HOLDER_PREFIX + self.coordinator_id, msgspec.json.encode(Holder(progress, self.clock()))
        )


def _holder(value: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(value, type=Holder)
    except UNREADABLE:
        return None  # who is waited for writes it anew
