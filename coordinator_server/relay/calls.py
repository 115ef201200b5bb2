"""The door for what nodes and other coordinators send to a node through us, because they reach it in no other way.

Only members may pass, each with the very token that it would show to that worker. We look at it, and the worker
looks at it again. No name in an address is decoded here: what is not written as we write it, is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from coordinator_server.application import Coordinator
from coordinator_server.relay.connector import GatewayConnector
from coordinator_server.relay.hub import RelayHub
from coordinator_server.relay.refusals import Refusals, refuse
from node.forwarding.headers import ORIGIN_WIDE
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import Passing, ResponseHead, field_line, request_framing, request_head
from node.forwarding.http1.interface import SOON, Patience, Trouble, problem_of
from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.pool import RelayAddress, Upstreams
from node.forwarding.http1.sweep import Sweep
from node.forwarding.outbound import check_length, too_large
from node.forwarding.paths import check_path, has_dots, split_path
from node.program.tasks import TaskSet
from node.routing.retry import repeatable
from node.routing.settings import RoutingSettings
from node.wire.credentials import Credential, Name
from node.wire.headers import HOPS, IDEMPOTENCY_KEY, MESH_TOKEN
from node.wire.manifests import Manifest
from node.wire.problems import Problem
from node.wire.relayed import RELAYED
from node.wire.tokens import TokenError

LOOK = 1.0  # seconds between looks whether who is being served has been put out of the mesh
TOKEN, HOPS_FIELD, ONCE = MESH_TOKEN.lower(), HOPS.lower(), IDEMPOTENCY_KEY.lower()
EVENTS = "text/event-stream"
# A client's credentials end at its own node, and of our own fields only those pass that we have looked at.
REQUEST = Passing({"authorization", "cookie", "x-api-key"}, ("x-rma-",))
ANSWER = Passing(ORIGIN_WIDE, ("access-control-",))


@dataclass(frozen=True, slots=True)
class Wish:
    """What an address below /relay/ asks for; `target` is what goes on to the worker."""

    worker_id: str
    manifest: Manifest
    target: bytes


def read_target(target: str) -> tuple[str, str, str, str]:
    """Split an address into worker, service, path ("" for the service's own) and query; raise Problem."""
    raw, mark, query = target.partition("?")
    if has_dots(raw):
        raise Problem("invalid-request", "The path may not hold '.' or '..' segments.")
    worker_id, _, rest = raw.removeprefix(RELAYED).partition("/")
    try:
        msgspec.convert(worker_id, type=Name)
    except msgspec.ValidationError:
        raise Problem("not-found", "This is not the address of a worker's service.") from None
    service, path = split_path("/" + rest)
    return worker_id, service, check_path(path) if path else "", mark + query


class Passage:
    """One request on its way through us, as its attempt and for the access log."""

    route = "relay"
    attempts = 1

    def __init__(self, calls: RelayedCalls, exchange: Exchange, caller: str, wish: Wish) -> None:
        self._calls = calls
        self.exchange = exchange
        self.caller = caller
        self.worker = wish.worker_id
        self.manifest = wish.manifest
        self.started = time.monotonic()

    def ended(self) -> None:
        self._calls.ended(self)

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        """Pass the answer on; what the worker says of itself is for the node that asked."""
        exchange.relay(ANSWER, endless=head.values.get("content-type", "").startswith(EVENTS))

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        """Say why there is no answer: only with `relay-lost` and `overloaded` has the worker seen nothing of it."""
        if trouble.kind == "connect":
            problem = lost()
        elif trouble.kind == "client" and trouble.status == 413:
            problem = too_large(self.manifest.max_body_bytes)
        else:
            problem = problem_of(trouble)
        refuse(exchange, problem)


class RelayedCalls:
    """Takes what is below /relay/, for all processes: they pass it on as what belongs to no gateway."""

    def __init__(self, coordinator: Coordinator, hub: RelayHub, bridge: AppBridge) -> None:
        config = coordinator.config
        self._coordinator = coordinator
        self._hub = hub
        self._refusals = Refusals(coordinator.audit, bridge)
        self._most = config.relay_requests_per_worker
        self._most_of_coordinator = max(1, config.relay_connections // 2)  # who asks for many
        self._names: Mapping[str, Manifest] = coordinator.catalogue.names()
        self._passages: set[Passage] = set()
        self._under_way: Counter[str] = Counter()  # of each caller
        self._sweep = Sweep()
        # Half of what there may be, so that nodes do not take the gateway's connections.
        limits = UpstreamLimits(
            connections=max(1, config.relay_connections // 2),
            connections_per_address=max(1, config.relay_connections_per_worker // 2),
        )
        self._upstreams = Upstreams(self._sweep, limits, GatewayConnector(hub.connect))
        self._settings = RoutingSettings(
            connect_timeout=config.connect_timeout,
            first_byte_timeout=config.first_byte_timeout,
            idle_timeout=config.idle_timeout,
            request_timeout=config.request_timeout,
        )
        self._tasks = TaskSet("relayed-calls")
        self._sweep.start()
        self._tasks.every(LOOK, self._look, "look")
        bridge.beside(RELAYED, self.take)

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._refusals.stop()
        await self._upstreams.stop()
        self._sweep.stop()

    def under_way(self, caller: str) -> int:
        """Return how many requests of a member are being passed on."""
        return self._under_way[caller]

    def take(self, exchange: Exchange) -> None:
        """Pass a member's request on to the worker that its address names, or refuse it."""
        head, caller = exchange.head, ""
        try:
            worker_id, service, path, query = read_target(head.target)
            credential = self._identify(head.get(TOKEN), worker_id)
            caller = credential.subject
            self._check_open(exchange, credential, worker_id)
            manifest = self._names.get(service)
            if manifest is None:
                raise Problem("unknown-service", f"No service is named {service[:64]!r}.")
            check_length(head, manifest.max_body_bytes)
        except Problem as problem:
            self._refuse(exchange, caller, problem)
            return
        target = f"/service/{manifest.name}{path}{query}".encode("latin-1")
        self._pass_on(exchange, caller, Wish(worker_id, manifest, target))

    def ended(self, passage: Passage) -> None:
        caller = passage.caller
        self._passages.discard(passage)
        self._under_way[caller] -= 1
        if self._under_way[caller] <= 0:
            del self._under_way[caller]

    def _identify(self, token: str, worker_id: str) -> Credential:
        """Return whose token this is; it must be one for that worker."""
        if not token:
            text = "Only members of the mesh may come this way; frontends ask the gateway, at /service."
            raise Problem("unauthorized", text)
        try:
            return self._coordinator.token_verifier.verify(token, worker_id)
        except TokenError as error:
            raise Problem("unauthorized", f"The mesh token is not accepted: {error}.") from None

    def _check_open(self, exchange: Exchange, caller: Credential, worker_id: str) -> None:
        readiness = self._coordinator.readiness
        most = self._most_of_coordinator if caller.role == "coordinator" else self._most
        if exchange.head.get(HOPS_FIELD, "0") not in ("0", "1"):
            raise Problem("loop-detected", "This request was passed on already by another coordinator.")
        if (readiness.draining and not exchange.last) or not (readiness.ready and self._hub.offers(worker_id)):
            raise lost()
        if self._under_way[caller.subject] >= most:
            text = f"{most} requests of this {caller.role} are on their way through the relay already."
            raise Problem("overloaded", text, headers=SOON)

    def _pass_on(self, exchange: Exchange, caller: str, wish: Wish) -> None:
        head, manifest = exchange.head, wish.manifest
        self._under_way[caller] += 1
        exchange.context = passage = Passage(self, exchange, caller, wish)
        self._passages.add(passage)
        exchange.body_limit = manifest.max_body_bytes
        proof = field_line(MESH_TOKEN, head.values[TOKEN]) + field_line(HOPS, "1")
        request = request_head(head, wish.target, wish.worker_id.encode(), REQUEST, request_framing(head) + proof)
        connect, first_byte, idle, whole = self._settings.times_of(manifest)
        patience = Patience(connect, first_byte, idle, asyncio.get_running_loop().time() + whole)
        pool = self._upstreams.pool(RelayAddress(wish.worker_id, 0))
        again = repeatable(head.method, head.get(ONCE), manifest)
        exchange.keep_body = again
        exchange.forward(pool, request, passage, patience, repeatable=again)

    async def _look(self) -> None:
        """Cut what members had begun who have been put out since; keep no connections when we are about to end."""
        if self._coordinator.readiness.draining:
            self._upstreams.drain()
        for passage in tuple(self._passages):
            if passage.caller in self._coordinator.token_verifier.revoked:
                passage.exchange.abort("the caller has been revoked")

    def _refuse(self, exchange: Exchange, caller: str, problem: Problem) -> None:
        if problem.kind == "unauthorized" and exchange.head.get(TOKEN):
            self._refusals.refuse_and_note(exchange, caller, problem)
        else:
            refuse(exchange, problem)


def lost() -> Problem:
    """Return what a node is told where this is no way to the worker now; it asks by another way then."""
    text = "This coordinator has no connection to that worker now."
    return Problem("relay-lost", text, headers={"Retry-After": "5"})
