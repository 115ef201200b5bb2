"""Looks at everything once, the way a frontend's request would find it: what works, what not, what to do."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec

from coordinator_server.api.shapes import Check, Topology
from coordinator_server.api.topology import count_workers, find_gaps
from coordinator_server.application import Coordinator
from coordinator_server.entry_points.kv_sync import KvStanding
from coordinator_server.fleet.far import FarWorkers
from coordinator_server.gateway.plane import relay_bases
from coordinator_server.operation.conditions import store_hint
from coordinator_server.operation.overview import silence
from coordinator_server.registry.membership import Member
from coordinator_server.relay.hub import RelayHub
from coordinator_server.relay.question import status_of
from node.routing.candidates import candidate_from_record
from node.wire import headers
from node.wire.manifests import Manifest
from node.wire.problems import Problem

PROBE_LIMIT = 5.0  # seconds for one service on one worker
AT_ONCE = 8
INVITE_HINT = "Make an invite with `rma-mesh-coordinator invite create` and give its link to a volunteer."
LOOK_HINT = "`rma-mesh-coordinator worker list` shows who is here and what each machine runs."
NO_ENTRY_POINT = "No worker takes frontends' requests directly; this coordinator's /service does."
KV_HINT = "See CF_ACCOUNT_ID, CF_KV_NAMESPACE_ID and CF_API_TOKEN, and Cloudflare's dashboard."
APPROVE_HINT = (
    "`rma-mesh-coordinator worker list` shows which; `worker approve ID` lets one in, `refuse ID` does not."
)
TRUST_HINT = f"{LOOK_HINT} `rma-mesh-coordinator worker approve ID` trusts one with personal data."


async def examine(
    coordinator: Coordinator, topology: Topology, hub: RelayHub, far: FarWorkers | None = None
) -> list[Check]:
    """Return all checks, the coordinator's own first, then one for each service."""
    gate = asyncio.Semaphore(AT_ONCE)
    reasons = {gap.service: gap.reason for gap in find_gaps(topology)}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PROBE_LIMIT), trust_env=False) as session:

        async def one(manifest: Manifest) -> Check:
            async with gate:
                check = await _service(coordinator, session, hub, manifest, reasons.get(manifest.name, ""))
                return check if check.ok or far is None else await _elsewhere(far, manifest) or check

        wanted = [manifest for manifest in coordinator.catalogue.manifests if manifest.replicas > 0]
        services = await asyncio.gather(*(one(manifest) for manifest in wanted))
    own = [_health(coordinator), await _store(coordinator), _mesh_key(coordinator)]
    others = [*_others(coordinator, topology), _workers(coordinator, topology)]
    return [*own, *others, *_machine(coordinator), _dht(coordinator, topology), _overlay(coordinator), *services]


def _health(coordinator: Coordinator) -> Check:
    readiness = coordinator.readiness
    if readiness.ready and not readiness.draining:
        return Check(name="coordinator", ok=True, detail=f"{coordinator.coordinator_id} takes requests.")
    detail = "It is shutting down." if readiness.draining else "It is starting."
    return Check(name="coordinator", ok=False, detail=detail, hint="Wait a moment and ask again.")


async def _store(coordinator: Coordinator) -> Check:
    try:
        await coordinator.audit.record(coordinator.audit.line("doctor-asked", actor="admin"))
    except Problem as problem:
        return Check(name="store", ok=False, detail=problem.detail, hint=store_hint(coordinator.config))
    return Check(name="store", ok=True, detail="A line was written to the audit log.")


def _machine(coordinator: Coordinator) -> list[Check]:
    """Say what an operator should mend about the machine that this coordinator runs on."""
    found = [one for one in coordinator.conditions.now if one.name != "store"]  # which was tried just now
    if not found:
        return [Check(name="machine", ok=True, detail="Disk, memory, open files and clock are in order.")]
    return [Check(name=one.name, ok=False, detail=one.text, hint=one.hint) for one in found]


def _mesh_key(coordinator: Coordinator) -> Check:
    keyring = coordinator.keyring
    if keyring.lacking:
        hint = "See docs/keys.md, several coordinators with one store."
        return Check(name="mesh key", ok=False, detail=keyring.lacking, hint=hint)
    rotation = "" if keyring.keys.phase == "steady" else f" A rotation is {keyring.keys.phase}: see `status`."
    return Check(name="mesh key", ok=True, detail=f"Key number {keyring.keys.number} signs.{rotation}")


def _others(coordinator: Coordinator, topology: Topology) -> list[Check]:
    """Say which of the coordinators that share our store have died or hang; alone there is nothing to say."""
    failures = [
        Check(name="coordinators", ok=False, detail=one.text, hint=one.hint)
        for one in silence(coordinator, topology)
    ]
    count = len(topology.coordinators) - 1
    if failures or not count:
        return failures
    detail = (
        "1 other shares the store, and is heard of."
        if count == 1
        else f"{count} others share the store, and are heard of."
    )
    return [Check(name="coordinators", ok=True, detail=detail)]


def _workers(coordinator: Coordinator, topology: Topology) -> Check:
    counts = count_workers(coordinator)
    others = [one for one in topology.coordinators if one.id != coordinator.coordinator_id]
    elsewhere = sum(one.workers for one in others if one.status == "active")
    enrolled = sum(not enrolment.revoked for enrolment in coordinator.workers)
    waiting = coordinator.workers.waiting()
    if waiting and waiting == enrolled:
        detail = f"{_machines(waiting, 'waits', 'wait')} to be let in, and no other has joined yet."
        return Check(name="registry", ok=False, detail=detail, hint=APPROVE_HINT)
    if counts.active:
        stale = f", {counts.stale} not heard of lately" if counts.stale else ""
        return Check(name="registry", ok=True, detail=f"{counts.active} of {enrolled} machines are here{stale}.")
    if not enrolled:
        return Check(name="registry", ok=False, detail="No machine has joined yet.", hint=INVITE_HINT)
    if elsewhere:
        detail = f"None of {enrolled} machines is here now; other coordinators have {elsewhere}."
        return Check(name="registry", ok=True, detail=detail)
    detail = f"{_machines(enrolled, 'is', 'are')} enrolled, but none is here now."
    hint = f"Ask their volunteers whether the machines are on and reach {coordinator.info.url}."
    return Check(name="registry", ok=False, detail=detail, hint=hint)


def _machines(count: int, one: str, many: str) -> str:
    return f"1 machine {one}" if count == 1 else f"{count} machines {many}"


def _dht(coordinator: Coordinator, topology: Topology) -> Check:
    stats = coordinator.dht.stats()
    here = any(
        worker.status not in ("stale", "pending") for worker in topology.workers
    )  # who waits gets no contacts
    detail = f"{stats.contacts} peers, {stats.entries} entries."
    if stats.contacts or not here:
        return Check(name="dht", ok=True, detail=detail)
    hint = (
        f"Let UDP port {coordinator.info.dht_port} through the firewalls between this server and the machines."
        " Requests reach them all the same; where it is their own networks that block UDP, it may stay so."
    )
    return Check(name="dht", ok=False, detail="Machines are here, but none is in the DHT.", hint=hint)


def _overlay(coordinator: Coordinator) -> Check:
    """Say how this coordinator is in the overlay; not to be in it is a fault only where it was to be."""
    overlay, station = coordinator.overlay, coordinator.station
    if overlay is None or station is None:
        return Check(name="overlay", ok=True, detail="It is switched off (--vpn off).")
    standing = station.standing()
    if not standing.up:
        return Check(name="overlay", ok=standing.phase == "off", detail=standing.text, hint=standing.hint)
    members = overlay.members() - 1  # without us
    tunnels = f"{members} other member{'' if members == 1 else 's'}, {standing.direct} of them connected directly"
    relayed = f", {standing.relayed} through others" if standing.relayed else ""
    where = f"{standing.address}, UDP port {standing.port}, told as {', '.join(standing.endpoints)}"
    detail = f"{where}; {tunnels}{relayed}."
    if members and not standing.direct and not standing.relayed:
        detail += (
            f" If they are up, see whether every firewall before this server lets UDP port {standing.port} in."
        )
    return Check(name="overlay", ok=not standing.hint, detail=detail, hint=standing.hint)


def entry_points(count: int, copy: KvStanding | None) -> Check:
    """Say how many workers frontends may ask directly, which may be none, and how the copy of the list is."""
    found = f"Workers that frontends may ask directly: {count}." if count else NO_ENTRY_POINT
    if copy is None:
        return Check(name="entry points", ok=True, detail=found)
    detail = f"{found} The copy in Cloudflare KV: {copy.text} Writes today: {copy.used_today}."
    return Check(name="entry points", ok=copy.ok, detail=detail, hint="" if copy.ok else KV_HINT)


async def _service(
    coordinator: Coordinator, session: aiohttp.ClientSession, hub: RelayHub, manifest: Manifest, reason: str
) -> Check:
    """Ask the workers of a service for its health, through their nodes, until one answers well."""
    name = f"service {manifest.name}"
    members = coordinator.registry.running(manifest.name)
    if not members:
        hint = TRUST_HINT if manifest.data_class == "personal" else LOOK_HINT
        return Check(name=name, ok=False, detail=f"Nobody runs it. {reason}".strip(), hint=hint)
    failures = []
    for member in sorted(members, key=lambda member: member.load)[:3]:
        failure = await _probe(coordinator, session, hub, manifest, member)
        if not failure:
            wanted = f" {reason}" if reason else ""
            detail = f"{member.worker_id} answered; {len(members)} of {manifest.replicas} run it.{wanted}"
            return Check(name=name, ok=True, detail=detail)
        failures.append(f"{member.worker_id}: {failure}")
    hint = "See whether a firewall on that machine keeps this server out, and read its log."
    return Check(name=name, ok=False, detail="; ".join(failures) + ".", hint=hint)


async def _elsewhere(far: FarWorkers, manifest: Manifest) -> Check | None:
    """Say who serves that is registered with another coordinator, as the gateway would find it."""
    found = [record.worker_id for record in (await far.find(manifest.name))[:3]]
    if not found:
        return None
    detail = f"Nobody here, but {', '.join(found)}, by way of other coordinators."
    return Check(name=f"service {manifest.name}", ok=True, detail=detail)


async def _probe(
    coordinator: Coordinator, session: aiohttp.ClientSession, hub: RelayHub, manifest: Manifest, member: Member
) -> str:
    """Return why a worker's service does not answer, or an empty string."""
    vpn_up = coordinator.registry.vpn_up
    record = msgspec.structs.replace(member.record(), relays=member.relays)  # by our own hub only
    candidate = candidate_from_record(record, "registry", vpn_up=vpn_up, relay=relay_bases)
    if candidate is None:
        return "it gives no address that can be reached from here"
    proof = {headers.MESH_TOKEN: coordinator.token_issuer.issue(member.worker_id), headers.HOPS: "1"}
    failure = ""
    for target in candidate.targets:
        path = f"/service/{manifest.name}{manifest.health_path}"
        try:
            if target.route == "relay":
                async with asyncio.timeout(PROBE_LIMIT):
                    status = await status_of(hub, member.worker_id, path, proof)
            else:
                async with session.get(target.base_url + path, headers=proof, allow_redirects=False) as answer:
                    status = answer.status
            if status < 400:
                return ""
            failure = f"its health check answers {status}"
        except TimeoutError:
            failure = f"no answer within {PROBE_LIMIT:g} s"
        except (aiohttp.ClientError, OSError) as error:
            failure = str(error) or type(error).__name__
    return failure
