"""Takes heartbeats in and answers them, whether they come on a worker's channel or as requests of their own."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import msgspec

from coordinator_server.application import Coordinator
from coordinator_server.channel.answer import Answers
from coordinator_server.channel.line import Line, Proof
from coordinator_server.operation.clocks import steady_seconds
from coordinator_server.store.interface import StoreError
from node.wire.channel import Beat, Close, encode_answer, encode_refusal
from node.wire.messages import Assignment, CoordinatorInfo, HeartbeatRequest
from node.wire.problems import Problem

log = logging.getLogger(__name__)

SOON = 1.0  # seconds until a worker comes back whose assignment is not settled yet
SET = 120.0  # seconds by which a clock that is set makes tokens useless: their life, and what clocks may be apart
KEEPING = 1.0  # seconds that the store gets to keep what a worker says of its keys


@dataclass(slots=True)
class Taken:
    """How many heartbeats were taken in, by their way."""

    http: int = 0
    channel: int = 0


class Beats:
    """Whoever calls `take` has seen to it that the heartbeat is its worker's own; `hear` sees to it itself."""

    def __init__(self, coordinator: Coordinator, answers: Answers) -> None:
        self._coordinator = coordinator
        self._answers = answers
        self.taken = Taken()

    def told(self, worker_id: str, about_us: CoordinatorInfo) -> Assignment:
        """Return what a worker is told, and when to come back; raise unknown-worker."""
        told = self._answers.to(worker_id, about_us)
        if self._coordinator.planning.is_settled(worker_id):
            return told
        usual = told.heartbeat_interval
        return msgspec.structs.replace(told, heartbeat_interval=min(SOON, usual), usual_interval=usual)

    def check_stays(self) -> None:
        """Send a worker to another coordinator, where there is one, before we end."""
        if self._coordinator.readiness.draining and self._coordinator.fleet.others:
            raise Problem("draining", "This coordinator is shutting down.", headers={"Retry-After": "5"})

    async def take(self, request: HeartbeatRequest, about_us: CoordinatorInfo) -> bytes:
        """Take in how a worker is; return, encoded, what it is to run now; raise a Problem."""
        self.check_stays()
        self._coordinator.registry.heartbeat(request)
        await self._keep_progress(request)
        return self._answers.encode(self.told(request.worker_id, about_us))

    async def _keep_progress(self, request: HeartbeatRequest) -> None:
        """Keep how far a worker is in a rotation of keys; every heartbeat says it again until that is done.

        A store that does not answer meanwhile shall cost nobody its coordinator.
        """
        coordinator = self._coordinator
        try:
            async with asyncio.timeout(KEEPING):
                await coordinator.key_rotation.report(request.worker_id, request.mesh_keys)
                if coordinator.overlay is not None:
                    await coordinator.overlay.report(request.worker_id, request.vpn)
        except (StoreError, TimeoutError) as error:
            log.debug("what %s says of its keys could not be kept: %s", request.worker_id, error or "no answer")

    async def hear(self, line: Line, beat: Beat) -> bytes | None:
        """Take in what came on a channel; return the message that answers it, or end the channel.

        Its worker then asks on HTTP, and is told there what is wrong.
        """
        if beat.heartbeat.worker_id != line.worker_id:
            await self._acted_for_another(line, beat.heartbeat.worker_id)
            return None
        if not self._still_counts(line):
            return None
        try:
            told = await self.take(beat.heartbeat, line.about_us)
        except Problem as problem:
            return encode_refusal(beat.number, problem)
        except Exception:
            log.exception("a heartbeat of %s could not be answered", line.worker_id)
            return encode_refusal(beat.number, Problem("internal-error", "The coordinator's log says more."))
        self.taken.channel += 1
        return encode_answer(beat.number, told)

    def _still_counts(self, line: Line) -> bool:
        """Say whether what was proved when the channel was opened would still be accepted; else close it."""
        coordinator, proof = self._coordinator, line.proof
        enrolment = coordinator.workers.get(line.worker_id)
        if enrolment is None or coordinator.workers.is_revoked(line.worker_id):
            line.close(Close.EXPELLED, "put out of the mesh")
            return False
        by_key = proof.mesh_id is None  # without a credential, as only who waits to be let in may
        accepted = enrolment.pending if by_key else coordinator.keyring.trust.accepts(proof.mesh_id or b"")
        same_key = enrolment.identity_public_key == proof.public_key
        if accepted and same_key and coordinator.clock() <= proof.expires_at and not self._was_set(proof):
            return True
        line.close(Close.EXPIRED, "what it was opened with counts no longer")
        return False

    def _was_set(self, proof: Proof) -> bool:
        """Say whether our clock was set since: then no token would be accepted, ours nowhere else either.

        A worker that stayed would be reached by nobody who asks another coordinator.
        """
        return proof.apart is not None and abs(self._coordinator.clock() - steady_seconds() - proof.apart) > SET

    async def _acted_for_another(self, line: Line, worker_id: str) -> None:
        audit = self._coordinator.audit
        text = f"This channel is {line.worker_id}'s: it cannot act for {worker_id}."
        note = audit.line(
            "acted-for-another",
            actor=f"worker:{line.worker_id}",
            subject=line.worker_id,
            detail=text,
            address=line.address,
            outcome="refused",
        )
        try:
            await audit.refusal(note)
        finally:
            line.close(Close.EXPELLED, "this is another worker's channel")
