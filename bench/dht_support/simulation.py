"""One simulated mesh: workers publish, nodes come and go, liars lie, and random nodes look for services."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.dht_support.results import mean, percentile
from bench.dht_support.world import EPOCH, Member, Weather, World
from node.dht import records
from node.dht.publishing import Publisher, Statement
from node.dht.settings import DhtSettings
from node.dht.verifier import RecordVerifier
from node.program.tasks import TaskSet
from node.wire import credentials
from node.wire.credentials import Credential
from node.wire.encoding import b64decode, fingerprint
from node.wire.messages import Endpoints, WorkerRecord

WORKERS = 3  # that offer the same service
MOST_SERVICES = 60
PUBLISHING_TIME = 20.0  # seconds over which the first announcements are spread
NEAR = 60  # newcomers among so many nearest to a service's key join at once, others when they have something to do
SEEDS = 3  # members drawn at random through which a newcomer joins


class Scenario(msgspec.Struct, frozen=True):
    """What is simulated; `churn` is the share of honest nodes replaced in a minute, `sybils` that of liars."""

    nodes: int
    churn: float
    sybils: float
    minutes: float
    lookups: int
    seed: int


class Figures(msgspec.Struct, frozen=True):
    """What came out; shares are from 0 to 1, times are simulated ones, but for `wall_s`.

    `success` is the share of lookups that found somebody alive who offers the service, `found` the share of records
    of living publishers that lookups found.
    """

    nodes: int
    churn: float
    sybils: float
    minutes: float
    lookups: int
    success: float
    found: float
    hops_mean: float
    p50_ms: float
    p99_ms: float
    rpc_per_lookup: float
    replaced: int
    datagrams: int
    nodes_made: int
    wall_s: float


@dataclass(eq=False, slots=True)
class Worker:
    """A member that publishes; `is_out` is set once its record has been announced."""

    member: Member
    service: str
    subject: str
    publisher: Publisher
    tasks: TaskSet = field(default_factory=lambda: TaskSet("worker"))
    is_out: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One lookup: how many living publishers there were, how many of them it found, and what that took."""

    expected: int
    found: int
    hops: int
    ms: float
    rpc: int


class Simulation:
    """Runs one scenario; `run` may be called once, in a loop of virtual time."""

    def __init__(self, scenario: Scenario, weather: Weather) -> None:
        self._scenario = scenario
        self._rng = random.Random(f"{scenario.seed} {scenario.nodes} {scenario.churn} {scenario.sybils}")
        self._settings = DhtSettings()
        self._mesh_key = Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(32))
        self._world = World(
            scenario.nodes,
            scenario.sybils,
            rng=self._rng,
            verifier=RecordVerifier(self._mesh_key.public_key(), remembered=1 << 18),
            credential=self._credential("w-0", Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(32))),
            settings=self._settings,
            weather=weather,
        )
        self._workers: dict[Member, Worker] = {}
        self._services: dict[str, list[Worker]] = {}
        self._limits: list[tuple[int, int]] = []
        self._outcomes: list[Outcome] = []
        self._replaced = 0
        self._tasks = TaskSet("simulation")

    async def run(self) -> Figures:
        """Publish, then let nodes come and go while others look up; return the figures."""
        began = time.perf_counter()
        try:
            await self._publish_first()
            await self._live()
        finally:
            await self._tasks.stop()
            await asyncio.gather(*(worker.tasks.stop() for worker in self._workers.values()))
        return self._figures(time.perf_counter() - began)

    # --- publishing -----------------------------------------------------------------------------------------------

    async def _publish_first(self) -> None:
        services = min(MOST_SERVICES, max(1, len(self._world.honest) // (4 * WORKERS)))
        chosen = self._rng.sample(self._world.honest, services * WORKERS)
        for number, member in enumerate(chosen):
            self._start_worker(member, f"service-{number // WORKERS}", self._rng.uniform(0, PUBLISHING_TIME))
        for service in self._services:
            key = records.service_key(service)
            farthest = self._world.nearest(key, NEAR)[-1].long_id
            target = int.from_bytes(key, "big")
            self._limits.append((target, farthest ^ target))
        await asyncio.gather(*(worker.is_out.wait() for worker in self._workers.values()))

    def _start_worker(self, member: Member, service: str, pause: float) -> None:
        """Let a member publish from a while after on."""
        identity = Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(32))
        subject = f"w-{member.node.id.hex()[:12]}"
        publisher = Publisher(
            identity=identity,
            subject=subject,
            credential=b64decode(credentials.issue(self._credential(subject, identity), self._mesh_key)),
            server=self._world.server_of(member),
            settings=self._settings,
            counters=member.counters,
            clock=self._world.clock,
            rng=self._rng,
        )
        worker = Worker(member, service, subject, publisher)
        self._workers[member] = worker
        self._services.setdefault(service, []).append(worker)
        worker.tasks.start(self._work(worker, pause), "publish")

    async def _work(self, worker: Worker, pause: float) -> None:
        await asyncio.sleep(pause)
        endpoints = Endpoints(port=8000, dht_port=8468, vpn_ip=worker.member.node.ip)
        record = WorkerRecord(worker_id=worker.subject, endpoints=endpoints, services=(worker.service,))
        await worker.publisher.say(Statement(record, (worker.service,)))
        worker.is_out.set()
        await worker.publisher.run()

    def _credential(self, subject: str, identity: Ed25519PrivateKey) -> Credential:
        public_key = identity.public_key().public_bytes_raw()
        return Credential(
            version=1,
            mesh_id=fingerprint(self._mesh_key.public_key().public_bytes_raw()),
            subject=subject,
            role="worker",
            public_key=public_key,
            trust="volunteer",
            place=credentials.place_of(public_key, self._mesh_key),
            issued_at=int(EPOCH),
            expires_at=int(EPOCH) + 7 * 86400,
        )

    # --- living and looking ---------------------------------------------------------------------------------------

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = 60 * self._scenario.minutes
        end = loop.time() + seconds
        if self._scenario.churn:
            self._tasks.start(self._replace_for_ever(), "churn")
        lookups = []
        for number in range(self._scenario.lookups):
            await asyncio.sleep(seconds / self._scenario.lookups)
            lookups.append(self._tasks.start(self._look_up(), "lookup"))
            if number % 100 == 99:
                self._tell_progress(end - loop.time())
        await asyncio.gather(*lookups)

    async def _look_up(self) -> None:
        service = self._rng.choice(list(self._services))
        asker = self._rng.choice(self._world.honest)
        if not self._knows_anybody(asker):
            await self._join(asker)
        expected = {worker.subject for worker in self._services[service] if worker.is_out.is_set()}
        server = self._world.server_of(asker)
        if not expected:
            return
        counters = asker.counters
        hops, rpc, began = counters.hops_total, counters.rpc_sent, asyncio.get_running_loop().time()
        found = await server.get_entries(records.service_key(service))
        ms = (asyncio.get_running_loop().time() - began) * 1000
        expected &= {worker.subject for worker in self._services[service]}  # nobody who died meanwhile
        if expected:
            rpc, hops = counters.rpc_sent - rpc, counters.hops_total - hops
            self._outcomes.append(Outcome(len(expected), len(expected & found.keys()), hops, ms, rpc))

    def _knows_anybody(self, member: Member) -> bool:
        return member.is_founder or bool(member.server and member.server.contacts)

    async def _join(self, member: Member) -> None:
        server = self._world.server_of(member)
        seeds = self._rng.sample(list(self._world.living), min(SEEDS, len(self._world.living)))
        await server.bootstrap(seeds)

    async def _replace_for_ever(self) -> None:
        pace = self._scenario.churn * len(self._world.honest) / 60
        while True:
            await asyncio.sleep(self._rng.expovariate(pace))
            self._tasks.start(self._replace(self._rng.choice(self._world.honest)), "replace")

    async def _replace(self, leaver: Member) -> None:
        """Let one node die and another one come, which takes over the work where the first one had some."""
        self._replaced += 1
        newcomer = self._world.born()
        work = self._workers.pop(leaver, None)
        if work is not None:
            self._services[work.service].remove(work)
            await work.tasks.stop()
        await self._world.die(leaver)
        if work is not None:
            await self._join(newcomer)
            if newcomer.server is not None:
                self._start_worker(newcomer, work.service, 0.0)
        elif self._is_near_a_service(newcomer):
            await self._join(newcomer)

    def _is_near_a_service(self, member: Member) -> bool:
        return any(member.node.long_id ^ target <= limit for target, limit in self._limits)

    # --- figures --------------------------------------------------------------------------------------------------

    def _figures(self, wall_s: float) -> Figures:
        outcomes = self._outcomes
        times = [outcome.ms for outcome in outcomes]
        return Figures(
            nodes=self._scenario.nodes,
            churn=self._scenario.churn,
            sybils=self._scenario.sybils,
            minutes=self._scenario.minutes,
            lookups=len(outcomes),
            success=mean([outcome.found > 0 for outcome in outcomes]),
            found=mean([outcome.found / outcome.expected for outcome in outcomes]),
            hops_mean=round(mean([outcome.hops for outcome in outcomes]), 2),
            p50_ms=round(percentile(times, 50)),
            p99_ms=round(percentile(times, 99)),
            rpc_per_lookup=round(mean([outcome.rpc for outcome in outcomes]), 1),
            replaced=self._replaced,
            datagrams=self._world.datagrams,
            nodes_made=self._world.made,
            wall_s=round(wall_s, 1),
        )

    def _tell_progress(self, seconds: float) -> None:
        print(
            f"  {seconds:5.0f} simulated seconds to go, {len(self._outcomes)} lookups done, "
            f"{self._world.made} nodes made, {memory_mb():,.0f} MB",
            file=sys.stderr,
        )


def memory_mb() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
