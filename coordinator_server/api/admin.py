"""What the operator may see and do, with the admin token; every action is in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from aiohttp import web

from coordinator_server.api import admin_token, audit, backup, doctor, mesh_keys, overlay, plan
from coordinator_server.api.addresses import client_address
from coordinator_server.api.guard import Guard
from coordinator_server.api.shapes import (
    AdminWorker,
    AdminWorkers,
    ApproveWish,
    CoordinatorStatus,
    Doctor,
    Done,
    Gaps,
    Invites,
    InviteView,
    InviteWish,
    Keys,
    KeyView,
    KeyWish,
    NewInvite,
    NewKey,
    OverlayStatus,
    ProbationView,
    RevokeWish,
)
from coordinator_server.api.topology import count_workers, find_gaps
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.enrolment.invites import InviteRecord
from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.front import FRONT
from coordinator_server.gateway.key_uses import Use
from coordinator_server.gateway.keys import ApiKey
from coordinator_server.gateway.rates import RateError
from coordinator_server.operation import overview as overview_of
from node.program.web import json_response, read_body
from node.wire.invites import InviteLink
from node.wire.messages import Capabilities
from node.wire.problems import Problem


def add_routes(app: web.Application) -> None:
    config = app[COORDINATOR].config
    guard = Guard(Lockout(config.admin_wrong_tries, config.admin_window))
    for method, path, handler in (
        ("GET", "/api/admin/status", status),
        ("GET", "/api/admin/overview", overview_of.overview),
        ("GET", "/api/admin/doctor", examine),
        ("GET", "/api/admin/workers", list_workers),
        ("GET", "/api/coordinator/workers", list_workers),
        ("GET", "/api/admin/workers/{id}", show_worker),
        ("POST", "/api/admin/workers/{id}/approve", approve_worker),
        ("POST", "/api/admin/workers/{id}/refuse", refuse_worker),
        ("POST", "/api/admin/workers/{id}/pardon", pardon_worker),
        ("POST", "/api/admin/workers/{id}/drain", drain_worker),
        ("POST", "/api/admin/workers/{id}/undrain", undrain_worker),
        ("POST", "/api/admin/workers/{id}/revoke", revoke_worker),
        ("GET", "/api/admin/gaps", gaps),
        ("GET", "/api/admin/plan", plan.show),
        ("GET", "/api/admin/audit", audit.list_lines),
        ("GET", "/api/admin/audit/verify", audit.verify_log),
        ("GET", "/api/admin/invites", list_invites),
        ("POST", "/api/admin/invites", create_invite),
        ("DELETE", "/api/admin/invites/{id}", revoke_invite),
        ("GET", "/api/admin/keys", list_keys),
        ("POST", "/api/admin/keys", create_key),
        ("DELETE", "/api/admin/keys/{id}", revoke_key),
        ("POST", "/api/admin/token/rotate", admin_token.rotate_token),
        ("POST", "/api/admin/mesh/rotate-ca", overlay.rotate_authority),
        ("POST", "/api/admin/mesh/rotate-key", mesh_keys.rotate_key),
        ("POST", "/api/admin/backup", backup.send),
    ):
        app.router.add_route(method, path, guard.watch(handler))


# --- state ----------------------------------------------------------------------------------------------------


async def status(request: web.Request) -> web.Response:
    """Say in short how this coordinator does."""
    coordinator, front = request.app[COORDINATOR], request.app[FRONT]
    now, readiness = coordinator.clock(), coordinator.readiness
    invites, keys = await coordinator.invites.list(), await coordinator.keys.list()
    topology = await front.stream.now()
    return json_response(
        CoordinatorStatus(
            status="draining" if readiness.draining else "ok" if readiness.ready else "starting",
            coordinator=coordinator.coordinator_id,
            version=front.version,
            url=coordinator.info.url,
            uptime_seconds=round(max(0.0, now - front.started_at), 1),
            coordinators=topology.coordinators,
            workers=count_workers(coordinator),
            services={service.name: service.healthy for service in topology.services},
            gaps=len(find_gaps(topology)),
            pending=coordinator.workers.waiting(),
            invites_open=sum(not invite.refusal(now) for invite in invites),
            keys=sum(not key.expired(now) for key in keys),
            requests=front.metrics.total,
            entry_points=len(front.entry_points.listed()),
            dht=msgspec.to_builtins(coordinator.dht.stats()),
            mesh_keys=await mesh_keys.describe(coordinator),
            overlay=_overlay(coordinator),
        )
    )


def _overlay(coordinator: Coordinator) -> OverlayStatus | None:
    if coordinator.overlay is None:
        return None
    return overlay.describe(coordinator.overlay, coordinator.station)


async def examine(request: web.Request) -> web.Response:
    """Look at everything once."""
    front = request.app[FRONT]
    checks = await doctor.examine(request.app[COORDINATOR], await front.stream.now(), front.hub, front.far)
    checks.append(doctor.entry_points(len(front.entry_points.listed()), front.copy.standing()))
    return json_response(Doctor(ok=all(check.ok for check in checks), checks=checks))


async def gaps(request: web.Request) -> web.Response:
    """List the services that lack workers, and why."""
    topology = await request.app[FRONT].stream.now()
    found = find_gaps(topology)
    empty = [gap.service for gap in found if gap.running == 0]
    message = "Every service has the workers that it needs."
    if found:
        message = f"{len(found)} of {len(topology.services)} services have fewer workers than wanted."
    if empty:
        message += f" Nobody runs {', '.join(empty)}."
    return json_response(Gaps(gaps=found, message=message))


# --- workers --------------------------------------------------------------------------------------------------


async def list_workers(request: web.Request) -> web.Response:
    """List every enrolled machine, whether it is here or not; those that wait to be let in come first."""
    coordinator = request.app[COORDINATOR]
    enrolled = sorted(coordinator.workers, key=lambda one: (not one.waits, one.worker_id))
    views = [_worker(coordinator, enrolment) for enrolment in enrolled]
    return json_response(AdminWorkers(workers=views, count=len(views)))


async def show_worker(request: web.Request) -> web.Response:
    """Show one machine."""
    coordinator = request.app[COORDINATOR]
    return json_response(_worker(coordinator, _enrolment(request)))


async def approve_worker(request: web.Request) -> web.Response:
    """Let in a machine that waits for it; trust one that is let in with personal data."""
    wish, enrolment, address = await read_body(request, ApproveWish), _usable(request), client_address(request)
    workers = request.app[COORDINATOR].workers
    if enrolment.waits:
        await workers.let_in(enrolment.worker_id, wish.trust or enrolment.trust, address=address)
        return json_response(Done(id=enrolment.worker_id, status="let-in"))
    if wish.trust == "volunteer":
        text = f"{enrolment.worker_id} is let in already. To trust it with less, revoke it and invite it anew."
        raise Problem("conflict", text)
    if wish.trust is None and enrolment.trust != "vetted" and request.app[COORDINATOR].config.require_approval:
        # Whoever lets it in once more, as after a lost answer or together with a colleague, did not mean this.
        text = f"{enrolment.worker_id} is let in already. To trust it with personal data, too, say --trust vetted."
        raise Problem("conflict", text)
    await workers.approve(enrolment.worker_id, address=address)
    return json_response(Done(id=enrolment.worker_id, status="approved"))


async def refuse_worker(request: web.Request) -> web.Response:
    """Turn away a machine that waits to be let in."""
    enrolment = _usable(request)
    if not enrolment.waits:
        raise Problem("conflict", f"{enrolment.worker_id} is let in already; revoke it to put it out.")
    await request.app[COORDINATOR].workers.refuse(enrolment.worker_id, address=client_address(request))
    return json_response(Done(id=enrolment.worker_id, status="refused"))


async def pardon_worker(request: web.Request) -> web.Response:
    """Forget what is held against a machine whose answers were wrong."""
    enrolment = _usable(request)
    if not await request.app[COORDINATOR].warden.pardon(enrolment.worker_id, address=client_address(request)):
        raise Problem("conflict", f"Nothing is held against {enrolment.worker_id}.")
    return json_response(Done(id=enrolment.worker_id, status="pardoned"))


def _probations(coordinator: Coordinator, worker_id: str) -> tuple[ProbationView, ...]:
    records = sorted(coordinator.warden.book.of(worker_id).items())
    return tuple(
        ProbationView(service=service, since=record.since, reason=record.reason, suspected=record.suspected)
        for service, record in records
        if record.since is not None
    )


async def drain_worker(request: web.Request) -> web.Response:
    """Give a machine no new work."""
    return await _drain(request, draining=True)


async def undrain_worker(request: web.Request) -> web.Response:
    """Give a drained machine work again."""
    return await _drain(request, draining=False)


async def _drain(request: web.Request, *, draining: bool) -> web.Response:
    enrolment = _usable(request)
    workers = request.app[COORDINATOR].workers
    await workers.drain(enrolment.worker_id, draining, address=client_address(request))
    return json_response(Done(id=enrolment.worker_id, status="draining" if draining else "active"))


async def revoke_worker(request: web.Request) -> web.Response:
    """Put a machine out for good, whatever is known of it here."""
    wish, worker_id = await read_body(request, RevokeWish), request.match_info["id"]
    workers = request.app[COORDINATOR].workers
    await workers.revoke(worker_id, unknown=wish.unknown, address=client_address(request))
    return json_response(Done(id=worker_id, status="revoked"))


def _worker(coordinator: Coordinator, enrolment: Enrolment) -> AdminWorker:
    everybody, own = coordinator.everybody, coordinator.registry.member(enrolment.worker_id)
    member = own or everybody.member(enrolment.worker_id)
    base = AdminWorker(
        worker_id=enrolment.worker_id,
        name=enrolment.name,
        status="revoked" if enrolment.revoked else "pending" if enrolment.pending else "offline",
        trust=enrolment.trust,
        type=(member.capabilities if member else Capabilities()).worker_type,
        allowed=enrolment.services,
        enrolled_at=enrolment.enrolled_at,
        address=enrolment.address,
        probation=_probations(coordinator, enrolment.worker_id),
        vpn_ip=enrolment.vpn.ip if enrolment.vpn else "",
        certificate_expires_at=enrolment.vpn.newest.not_after if enrolment.vpn else None,
    )
    if member is None or enrolment.revoked:
        return base
    return msgspec.structs.replace(
        base,
        status="pending" if enrolment.pending else everybody.status(member),
        coordinator=everybody.coordinator_of(member, coordinator.coordinator_id),
        services=member.running,
        assigned=coordinator.planning.assigned(member.worker_id),
        reports=member.services,
        load=round(member.load, 3),
        in_flight=member.in_flight,
        last_seen=own.last_seen if own is not None else None,
        endpoints=own.endpoints if own is not None else None,
        capabilities=member.capabilities,
        detail=coordinator.planning.why_nothing(member.worker_id)
        or coordinator.planning.why_moves(member.worker_id),
    )


def _enrolment(request: web.Request) -> Enrolment:
    worker_id = request.match_info["id"]
    enrolment = request.app[COORDINATOR].workers.get(worker_id)
    if enrolment is None:
        raise Problem("unknown-worker", f"No machine with the id {worker_id[:64]!r} is enrolled.")
    return enrolment


def _usable(request: web.Request) -> Enrolment:
    enrolment = _enrolment(request)
    if enrolment.revoked:
        raise Problem("conflict", f"{enrolment.worker_id} was revoked. It can come back only with a new invite.")
    return enrolment


# --- invites and keys -----------------------------------------------------------------------------------------


async def list_invites(request: web.Request) -> web.Response:
    """List all invites, without their codes."""
    coordinator = request.app[COORDINATOR]
    now = coordinator.clock()
    return json_response(Invites(invites=[_invite(record, now) for record in await coordinator.invites.list()]))


async def create_invite(request: web.Request) -> web.Response:
    """Make an invite; its code and link are told only now."""
    coordinator = request.app[COORDINATOR]
    wish = await read_body(request, InviteWish)
    record, invite = await coordinator.invites.create(
        uses=wish.uses,
        life=float(wish.expires_in),
        trust=wish.trust,
        services=_known_services(coordinator, wish.services),
        address=client_address(request),
    )
    made = NewInvite(
        id=record.id,
        code=invite.code,
        link=InviteLink(coordinator.info.url, invite).url,
        expires_at=record.expires_at,
        uses=record.uses,
        trust=record.trust,
        services=record.services,
    )
    return json_response(made, status=201)


async def revoke_invite(request: web.Request) -> web.Response:
    """Let nobody in with it any more."""
    invite_id = request.match_info["id"]
    found = await request.app[COORDINATOR].invites.revoke(invite_id, address=client_address(request))
    if found is None:
        raise Problem("not-found", f"There is no invite with the id {invite_id[:64]!r}.")
    return json_response(Done(id=invite_id, status="revoked"))


async def list_keys(request: web.Request) -> web.Response:
    """List all API keys, without their secrets."""
    coordinator = request.app[COORDINATOR]
    now, uses = coordinator.clock(), await coordinator.keys.book.last()
    return json_response(Keys(keys=[_key(key, now, uses.get(key.id)) for key in await coordinator.keys.list()]))


async def create_key(request: web.Request) -> web.Response:
    """Make an API key; its text is told only now."""
    coordinator = request.app[COORDINATOR]
    wish = await read_body(request, KeyWish)
    try:
        key, text = await coordinator.keys.create(
            wish.name,
            services=_known_services(coordinator, wish.services),
            rate=wish.rate or coordinator.config.default_key_rate,
            expires_at=None if wish.expires_in is None else coordinator.clock() + wish.expires_in,
            address=client_address(request),
        )
    except RateError as error:
        raise Problem("invalid-body", f"rate: {error}", field="rate") from None
    made = NewKey(
        id=key.id, key=text, name=key.name, services=key.services, rate=key.rate, expires_at=key.expires_at
    )
    return json_response(made, status=201)


async def revoke_key(request: web.Request) -> web.Response:
    """Refuse a key from now on."""
    key_id = request.match_info["id"]
    if not await request.app[COORDINATOR].keys.revoke(key_id, address=client_address(request)):
        raise Problem("not-found", f"There is no API key with the id {key_id[:64]!r}.")
    return json_response(Done(id=key_id, status="revoked"))


def _invite(record: InviteRecord, now: float) -> InviteView:
    state: Literal["open", "spent", "expired", "revoked"]
    if record.revoked_at is not None:
        state = "revoked"
    elif record.used >= record.uses:
        state = "spent"
    else:
        state = "expired" if now >= record.expires_at else "open"
    return InviteView(
        id=record.id,
        status=state,
        uses=record.uses,
        used=record.used,
        expires_at=record.expires_at,
        trust=record.trust,
        services=record.services,
    )


def _key(key: ApiKey, now: float, use: Use | None) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        status="expired" if key.expired(now) else "active",
        services=key.services,
        rate=key.rate,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=use.at if use is not None else None,
        last_used_from=use.household if use is not None else "",
    )


def _known_services(coordinator: Coordinator, names: Iterable[str]) -> tuple[str, ...]:
    """Return the services' own names; raise Problem for one that the catalogue does not have."""
    found: dict[str, None] = {}
    for name in names:
        manifest = coordinator.catalogue.resolve(name)
        if manifest is None:
            known = ", ".join(manifest.name for manifest in coordinator.catalogue.manifests)
            raise Problem(
                "invalid-body", f"services: no service is named {name!r}; there are {known}.", field="services"
            )
        found[manifest.name] = None
    return tuple(found)
