"""The router: resolves a service, gives the request to a Dispatch, and counts what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from urllib.parse import urlsplit

from node.forwarding.forwarder import Forwarder
from node.forwarding.headers import Answers
from node.forwarding.http1.exchange import Exchange
from node.forwarding.outbound import check_length, outbound_of
from node.routing.admission import Gates
from node.routing.breaker import Breakers
from node.routing.cache import FingerCache
from node.routing.candidates import Candidate, RelayBases
from node.routing.dispatch import SWITCHING, Dispatch
from node.routing.explain import Situation, explain
from node.routing.journeys import Journeys
from node.routing.parts import Parts, Witness
from node.routing.recent import Recent
from node.routing.retry import RetryBudget
from node.routing.selection import Selector
from node.routing.settings import RoutingSettings
from node.routing.sources import CandidateSource, Doubts, Finder, LocalServices
from node.routing.stats import Outcome, RoutingCounters
from node.routing.targets import AddressBook
from node.state import Explanation, Peer, RoutingStats
from node.wire.manifests import Catalogue, Manifest
from node.wire.problems import Problem

CLIENT_LEFT = 499  # nginx's number for it; no client ever sees it


class Router:
    """What nodes and gateways share; the package's docstring lists what it offers."""

    def __init__(
        self,
        *,
        worker_id: str,
        catalogue: Callable[[], Catalogue],
        local: LocalServices | None,
        sources: Sequence[CandidateSource],
        forwarder: Forwarder,
        settings: RoutingSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        observer: Callable[[Outcome], None] | None = None,
        own_load: Callable[[], float] | None = None,
        vpn_up: Callable[[], bool] = lambda: False,
        answers: Answers | None = None,
        witness: Witness | None = None,
        own_port: int = 0,
        relay: RelayBases | None = None,
        remember: int = 0,
        doubted: Doubts = lambda _service: (),
    ) -> None:
        settings = settings or RoutingSettings()
        rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        counters = RoutingCounters()
        self._catalogue = catalogue
        self._local = local
        self._observer = observer
        self._clock = clock
        self._wall = wall
        self._recent = Recent(remember, wall) if remember else None
        self._names: tuple[Catalogue | None, dict[str, Manifest]] = (None, {})
        self._parts = Parts(
            worker_id=worker_id,
            settings=settings,
            forwarder=forwarder,
            answers=answers or Answers(),
            witness=witness,
            finder=Finder(
                sources,
                own_id=worker_id,
                timeout=settings.lookup_timeout,
                vpn_up=vpn_up,
                counters=counters,
                clock=clock,
                wall=wall,
                own_port=own_port,
                relay=relay,
                doubted=doubted,
            ),
            cache=FingerCache(
                clock=clock,
                ttl=settings.cache_ttl,
                empty_ttl=settings.empty_ttl,
                stale_while_revalidate=settings.stale_while_revalidate,
            ),
            breakers=Breakers(settings.breaker_failures, settings.breaker_cooldown),
            selector=Selector(settings.policy, rng),
            budget=RetryBudget(),
            counters=counters,
            addresses=AddressBook(),
            local_gates=Gates(settings),
            remote_gates=Gates(settings),
            clock=clock,
            rng=rng,
            own_load=own_load or self.local_load,
            over=self._finished,
        )

    def take(
        self,
        exchange: Exchange,
        service: str,
        path: str | None,
        *,
        forwarded: bool,
        caller: str,
        personal: bool = False,
    ) -> None:
        """Answer a request for a service's name or alias; raise Problem where it is refused at once.

        `path` is raw and begins with a slash; None means the manifest's default path. `forwarded` says that a
        node sent it on: it is served here or not at all. Requests queue fairly between values of `caller`.
        What is `personal`, or for a service that is, goes to no worker but vetted ones. The exchange's `context`
        is set to what must be told its end (see node.forwarding.door).
        """
        manifest, parts = self._resolve(service), self._parts
        outbound = outbound_of(exchange, manifest, path, forwarded)
        check_length(exchange.head, manifest.max_body_bytes)
        exchange.body_limit = manifest.max_body_bytes
        dispatch = Dispatch(
            parts,
            outbound,
            exchange,
            caller,
            personal or manifest.data_class == "personal",
        )
        exchange.context = dispatch
        parts.budget.request(dispatch.started)
        dispatch.begin(self._local.target(manifest.name) if self._local is not None else None)

    async def explain(self, service: str, *, personal: bool = False) -> Explanation:
        """Say who would get the next request for a service, and why; raise the `unknown-service` Problem.

        Nothing changes by it, except that workers are looked up where a request would have to do so.
        """
        manifest, cache, finder = self._resolve(service), self._parts.cache, self._parts.finder
        vetted_only = _vetted_only(manifest, personal=personal)
        looked_up = cache.knowledge(manifest.name).over
        if looked_up:
            await cache.get(manifest.name, lambda: finder.first(manifest.name, vetted=vetted_only))
        candidates = cache.knowledge(manifest.name).candidates
        if candidates and vetted_only and not any(item.vetted for item in candidates):
            looked_up = True
            await cache.refresh(manifest.name, lambda: finder.all(manifest.name))
        return explain(self._situation(manifest, vetted_only=vetted_only, looked_up=looked_up))

    def peers(self) -> tuple[Peer, ...]:
        """Return the other workers that are known now, each with the way that would be tried first."""
        services: dict[str, set[str]] = {}
        newest: dict[str, Candidate] = {}
        for service, candidate in self._parts.cache.all_known():
            services.setdefault(candidate.worker_id, set(candidate.services)).add(service)
            newest[candidate.worker_id] = candidate
        now = self._clock()
        return tuple(self._peer(item, services[item.worker_id], now) for _, item in sorted(newest.items()))

    def overlay_ports(self) -> dict[str, int]:
        """Return the ports of the workers that are known now, by their addresses in the overlay."""
        ends = (
            urlsplit(target.base_url)
            for _, candidate in self._parts.cache.all_known()
            for target in candidate.targets
            if target.route == "vpn"
        )
        return {end.hostname: end.port for end in ends if end.hostname and end.port}

    def journeys(self, run: int = 0, after: int = 0) -> Journeys:
        """Return how the last requests went, in order, of this router's `run` only those after that number."""
        if self._recent is None:
            return Journeys()
        return self._recent.journeys(self._parts.settings.policy, run, after)

    @property
    def counters(self) -> RoutingCounters:
        return self._parts.counters

    def stats(self) -> RoutingStats:
        return self._parts.counters.snapshot(len(self._parts.cache))

    def queue_depths(self) -> dict[str, int]:
        """Return how many requests wait for each service, for a place here or elsewhere."""
        depths: dict[str, int] = {}
        for gates in (self._parts.local_gates, self._parts.remote_gates):
            for service, gate in gates.items():
                depths[service] = depths.get(service, 0) + gate.waiting
        return depths

    def in_flight(self, services: Collection[str] = ()) -> int:
        """Return how many requests these services of this machine (all, where none are named) are working on."""
        gates = self._parts.local_gates.items()
        return sum(gate.in_flight for service, gate in gates if not services or service in services)

    def local_load(self) -> float:
        """Return how full the fullest service of this machine is, its queue included; 0.0 to 1.0."""
        return max((gate.load for _, gate in self._parts.local_gates.items()), default=0.0)

    def invalidate_worker(self, worker_id: str) -> None:
        """Forget a worker that left, failed or was revoked, until a lookup finds it again."""
        self._parts.cache.invalidate_worker(worker_id, "it left or was revoked")

    def appeared(self, services: Iterable[str]) -> None:
        """Hear that a worker offers these from now on: nobody shall be told any more that there is none."""
        self._parts.cache.appeared(services)

    def look_anew(self) -> None:
        """Look everybody up again, and try their best addresses first, as after a route was opened or closed."""
        self._parts.addresses.forget()
        self._parts.cache.expire()

    def drain(self) -> None:
        """Keep no connection to a worker for a next request."""
        self._parts.forwarder.drain()

    async def stop(self) -> None:
        await self._parts.forwarder.stop()
        await self._parts.tasks.stop()
        await self._parts.cache.stop()

    def _resolve(self, service: str) -> Manifest:
        catalogue = self._catalogue()
        if catalogue is not self._names[0]:
            self._names = (catalogue, catalogue.names())
        manifest = self._names[1].get(service)
        if manifest is None:
            raise Problem("unknown-service", f"There is no service {service[:64]!r} in this mesh.")
        return manifest

    def _situation(self, manifest: Manifest, *, vetted_only: bool, looked_up: bool) -> Situation:
        parts, now, service = self._parts, self._clock(), manifest.name
        target = self._local.target(service) if self._local is not None else None
        knowledge = parts.cache.knowledge(service)
        return Situation(
            service=service,
            data_class=manifest.data_class,
            vetted_only=vetted_only,
            concurrency=manifest.concurrency,
            policy=parts.settings.policy,
            now=now,
            wall=self._wall(),
            here=parts.local_gates.places(service, target.manifest.concurrency) if target is not None else None,
            elsewhere=parts.remote_gates.places(service, max(1, len(knowledge.candidates)) * manifest.concurrency),
            most_waiting=parts.settings.queue_size,
            looked_up=looked_up,
            knowledge=knowledge,
            ways={item.worker_id: parts.addresses.way(item, now) for item in knowledge.candidates},
            tripped={item.worker_id: item for item in parts.breakers.tripped(service, now)},
            busy=dict(parts.outstanding.of(service)),
            last_turn=parts.selector.last_turn(service),
        )

    def _peer(self, candidate: Candidate, services: set[str], now: float) -> Peer:
        way = self._parts.addresses.way(candidate, now)
        target, again = way.target, way.avoided.route if way.avoided is not None else None
        return Peer(
            worker_id=candidate.worker_id,
            route=target.route,
            address=target.base_url,
            services=tuple(sorted(services)),
            load=candidate.load,
            last_seen=candidate.seen_at,
            trying="vpn" if candidate.waits_for_vpn else None if again == target.route else again,
        )

    def _finished(self, dispatch: Dispatch) -> None:
        exchange, worker = dispatch.exchange, dispatch.worker
        status = exchange.status
        left = exchange.gone and status != SWITCHING  # a WebSocket ends when its client leaves
        if left or not status:
            status = CLIENT_LEFT
        seconds = self._clock() - dispatch.started
        outcome = Outcome(dispatch.manifest.name, worker, dispatch.route, status, seconds, dispatch.attempts)
        failed = (bool(exchange.broken) and not left) or (worker is None and status >= 500)
        self._parts.counters.finished(outcome, failed, dispatch.failures)
        recent = self._recent
        if recent is not None and (dispatch.started + seconds >= recent.full_until or failed or dispatch.failures):
            recent.note(dispatch, outcome)
        if self._observer is not None:
            self._observer(outcome)


def _vetted_only(manifest: Manifest, *, personal: bool) -> bool:
    return personal or manifest.data_class == "personal"
