"""What enrolled machines, and those that want to be, ask of a coordinator."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

import msgspec
from aiohttp import web

from coordinator_server.api import seen
from coordinator_server.api.addresses import client_address
from coordinator_server.api.dht import contacts, info
from coordinator_server.api.once_only import OnceOnly
from coordinator_server.api.worker_auth import (
    ONCE_ONLY,
    authenticate,
    authenticate_member,
    check_signed_whole,
    check_speaks_for_itself,
)
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.front import FRONT
from node.program.web import json_response, read_body
from node.wire import headers
from node.wire.credentials import Name
from node.wire.encoding import b64encode
from node.wire.messages import (
    EnrollAnswer,
    EnrollRequest,
    HeartbeatRequest,
    RegisterAnswer,
    RegisterRequest,
    RenewAnswer,
    RenewRequest,
    VpnGrant,
    WorkerRecord,
    WorkersAnswer,
)
from node.wire.problems import Problem

log = logging.getLogger(__name__)

MAX_PEERS = 100


class WorkerOnly(msgspec.Struct, frozen=True):
    """The body of /api/worker/leave."""

    worker_id: Name


def add_routes(app: web.Application) -> None:
    app[ONCE_ONLY] = OnceOnly(app[COORDINATOR].clock())
    app.router.add_post("/api/enroll", enroll)
    app.router.add_post("/api/worker/register", register)
    app.router.add_post("/api/worker/heartbeat", heartbeat)
    app.router.add_post("/api/worker/renew", renew)
    app.router.add_post("/api/worker/leave", leave)
    app.router.add_get("/api/worker/peers", peers)
    seen.add_routes(app)


async def enroll(request: web.Request) -> web.Response:
    """Let a machine in; the mesh key that its invite pins signs the answer."""
    coordinator = request.app[COORDINATOR]
    wish = await read_body(request, EnrollRequest)
    enrolment, credential = await coordinator.enroller.enrol(wish, client_address(request))
    overlay = coordinator.overlay
    body = msgspec.json.encode(
        EnrollAnswer(
            worker_id=enrolment.worker_id,
            credential=credential,
            mesh_public_key=b64encode(coordinator.mesh_key.public_key().public_bytes_raw()),
            trust=enrolment.trust,
            coordinators=(info(request), *coordinator.fleet.others),
            dht=() if enrolment.pending else contacts(request),
            vpn=overlay.granted(enrolment, wish.nebula_public_key) if overlay is not None else None,
            mesh_keys=coordinator.keyring.chain,
        )
    )
    signature = b64encode(coordinator.mesh_key.sign(headers.ENROLMENT_CONTEXT + body))
    return web.Response(
        status=201, body=body, content_type="application/json", headers={headers.SIGNATURE: signature}
    )


async def register(request: web.Request) -> web.Response:
    """Take in where a worker is and what it has; tell it what to run."""
    coordinator = request.app[COORDINATOR]
    enrolment = await authenticate(request, waiting_is_fine=True)
    body = await read_body(request, RegisterRequest)
    await check_speaks_for_itself(request, enrolment, body.worker_id)
    front = request.app[FRONT]
    front.beats.check_stays()
    # Requests are sent to where this one comes from.
    await check_signed_whole(request, enrolment, "register")
    member = coordinator.registry.register(body, client_address(request))
    front.channels.mark([member.worker_id])
    assignment = front.beats.told(member.worker_id, info(request))
    return json_response(RegisterAnswer(assignment=assignment, catalogue=coordinator.catalogue_office.signed))


async def heartbeat(request: web.Request) -> web.Response:
    """Take in how a worker is; tell it what to run now."""
    beats = request.app[FRONT].beats
    enrolment = await authenticate(request, waiting_is_fine=True)
    body = await read_body(request, HeartbeatRequest)
    await check_speaks_for_itself(request, enrolment, body.worker_id)
    answer = await beats.take(body, info(request))
    beats.taken.http += 1
    return web.Response(body=answer, content_type="application/json")


async def renew(request: web.Request) -> web.Response:
    """Issue a new credential and certificate, also to a machine whose old ones have expired meanwhile.

    The mesh key signs the answer together with what was asked: nobody on the way can put in another overlay.
    """
    coordinator = request.app[COORDINATOR]
    enrolment = await authenticate(request, expired_is_fine=True, waiting_is_fine=True)
    wish = await read_body(request, RenewRequest)
    await check_speaks_for_itself(request, enrolment, wish.worker_id)
    if wish.nebula_public_key:  # a certificate is good for days, and whoever has the key's other half
        await check_signed_whole(request, enrolment, "renew")
    grant, why_none = await _renewed_grant(coordinator, enrolment, wish.nebula_public_key)
    asked = hashlib.sha256(await request.read()).digest()
    if wish.mesh_keys > coordinator.keyring.keys.progress:
        log.warning("%s knows newer keys of the mesh than we: was an older backup restored?", enrolment.worker_id)
    credential = await coordinator.enroller.renewed(enrolment)
    chain = coordinator.keyring.chain
    answer = RenewAnswer(
        credential=credential,
        mesh_keys=chain,
        vpn=grant,
        vpn_detail=why_none,
        vpn_off=coordinator.overlay is None,
    )
    body = msgspec.json.encode(answer)
    signature = b64encode(coordinator.mesh_key.sign(headers.RENEWAL_CONTEXT + asked + body))
    return web.Response(body=body, content_type="application/json", headers={headers.SIGNATURE: signature})


async def _renewed_grant(coordinator: Coordinator, enrolment: Enrolment, key: str) -> tuple[VpnGrant | None, str]:
    """Return the worker's place in the overlay, or why it has none: its credential is renewed nevertheless."""
    if not key:
        return None, ""
    if enrolment.pending:
        return None, "It gets a place in the private network when the operator has let it in."
    if coordinator.overlay is None:
        return None, "This coordinator runs without the overlay network."
    try:
        return await coordinator.overlay.renew(enrolment, key), ""
    except Problem as problem:
        if problem.kind not in ("no-address", "rate-limited"):
            raise
        return None, problem.detail


async def leave(request: web.Request) -> web.Response:
    """End an enrolment because its machine wishes so."""
    coordinator = request.app[COORDINATOR]
    enrolment = await authenticate(request, waiting_is_fine=True)
    body = await read_body(request, WorkerOnly)
    await check_speaks_for_itself(request, enrolment, body.worker_id)
    await check_signed_whole(request, enrolment, "leave")
    address = client_address(request)
    await coordinator.workers.remove(body.worker_id, actor=f"worker:{body.worker_id}", address=address)
    return json_response({})


async def peers(request: web.Request) -> web.Response:
    """Tell a node whose DHT found nobody who runs a service, or another coordinator."""
    coordinator = request.app[COORDINATOR]
    asker = await authenticate_member(request)
    manifest = coordinator.catalogue.resolve(request.query.get("service", ""))
    if manifest is None:
        raise Problem("unknown-service", f"No service has the name {request.query.get('service', '')[:64]!r}.")
    return json_response(WorkersAnswer(workers=chosen(coordinator.registry.peers(manifest.name, asker))))


def chosen(found: Sequence[WorkerRecord]) -> tuple[WorkerRecord, ...]:
    """Return the least loaded; of many some are vetted, as who has personal data may ask no others."""
    by_load = sorted(found, key=lambda record: record.load)
    vetted = [record.worker_id for record in by_load if record.trust == "vetted"]
    kept = frozenset(vetted[: MAX_PEERS // 2])
    first = sorted(by_load, key=lambda record: record.worker_id not in kept)[:MAX_PEERS]
    return tuple(sorted(first, key=lambda record: record.load))
