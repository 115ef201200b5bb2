"""What Prometheus reads from a coordinator: requests as they end, and the registry as it is when asked.

Every label has a bounded set of values: services are those of the catalogue, workers those that answered and are
registered, statuses are HTTP's. Of many workers the text is made in a thread, and told again for a while: else
everybody would wait for it.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from coordinator_server.operation.traffic import Count
from node.routing.stats import Outcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
Labels = tuple[str, str, str, int]  # service, worker, route, status
Written = tuple[bytes, Sequence[Labels], float]  # the text, what is to be forgotten, and the seconds of work
MANY = 1000  # workers, of whom it is told from a thread
SHARE = 0.1  # of the time that this may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """This coordinator in the overlay network, and how many members there are."""

    up: bool
    members: int
    lighthouses: int
    direct: int
    relayed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What gauges show: counts, and seconds since each worker's last heartbeat."""

    registered: int = 0
    active: int = 0
    stale: int = 0
    probations: Mapping[str, int] = field(default_factory=dict)
    canaries: Mapping[str, int] = field(default_factory=dict)  # known requests, by how they were answered
    pending: int = 0  # machines that wait for the operator's approval
    own: int = 0  # of the registered ones those that talk to this coordinator
    elsewhere: Collection[str] = ()  # the others
    assigns: bool = False
    coordinators: int = 1  # that live, ourselves among them
    expected: int = 0  # workers that have not come back yet, and keep what they have
    store_up: bool = True
    conditions: int = 0  # about which the operator is warned
    service_workers: Mapping[str, int] = field(default_factory=dict)
    service_wanted: Mapping[str, int] = field(default_factory=dict)
    heartbeat_ages: Mapping[str, float] = field(default_factory=dict)
    queue_depths: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    failovers: int = 0
    hedged: int = 0
    dht: Mapping[str, float] = field(default_factory=dict)
    overlay: Overlay | None = None
    stream_listeners: int = 0
    entry_points: int = 0
    entry_point_probes: Mapping[str, int] = field(default_factory=dict)  # by what came of them
    kv_writes: int | None = None  # None where nothing is copied to Cloudflare KV
    kv_failures: int = 0
    channels: int = 0
    pushes: int = 0
    heartbeats: Mapping[str, int] = field(default_factory=dict)  # that were taken in, by their way
    relay_in_use: int = 0
    relay_ready: int = 0
    relay_opened: int = 0
    relay_refused: int = 0
    access_log_lines: int = 0
    access_log_lost: int = 0
    processes: int = 1


@dataclass(slots=True, kw_only=True)
class Counted:
    """What was counted in some time: see `Ended` for the forms."""

    counts: dict[Labels, int] = field(default_factory=dict)
    times: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)  # by reason


class Metrics:
    """Owns a registry of its own, so that two coordinators in one process do not meet."""

    def __init__(
        self,
        read: Callable[[], Reading],
        *,
        coordinator: str,
        version: str,
        look: Callable[[Reading], Reading] = lambda reading: reading,
    ) -> None:
        """`read` is quick; `look` adds what takes a look at every worker, where they are many in a thread."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._ended = Ended()
        self._rejected = Counter(
            "rma_rejected_requests",
            "Requests turned away at the door, by reason.",
            ("reason",),
            registry=self._registry,
        )
        self._names = (coordinator, version)
        self._read, self._look = read, look
        self._writing: asyncio.Future[Written] | None = None
        self._told, self._good_until = b"", 0.0

    @property
    def total(self) -> int:
        """How many requests have ended."""
        return self._ended.total

    def by_service(self) -> dict[str, Count]:
        """Return what each service has had since the start."""
        return self._ended.by_service()

    def ended(self, outcome: Outcome) -> None:
        """Count a request that was let in and has ended."""
        labels = (outcome.service, outcome.worker or "", outcome.route or "", outcome.status)
        self._ended.add(labels, outcome.seconds)

    def rejected(self, reason: str) -> None:
        """Count a request that access or shutting down turned away."""
        self._rejected.labels(reason).inc()

    def drain(self) -> Counted:
        """Return what was counted since the last time, for another process that adds it to its own."""
        counted = self._ended.drain()
        samples = [sample for metric in self._rejected.collect() for sample in metric.samples]
        for sample in samples:
            if sample.name.endswith("_total"):
                counted.rejected[sample.labels["reason"]] = int(sample.value)
        self._rejected.clear()
        return counted

    def absorb(self, counted: Counted) -> None:
        """Add what another process has counted."""
        self._ended.absorb(counted)
        for reason, count in counted.rejected.items():
            self._rejected.labels(reason).inc(count)

    async def told(self) -> bytes:
        """Return all metrics; those of many workers as they were a moment ago, however many ask.

        All who ask meanwhile wait for the same text, and who goes away ends nothing: else threads would pile up.
        """
        reading = self._read()
        if reading.registered < MANY:
            return self.exposition()
        writing = self._writing
        if writing is None and time.monotonic() >= self._good_until:
            copy = self._ended.copy()
            writing = self._writing = asyncio.get_running_loop().run_in_executor(None, self._write, reading, copy)
            writing.add_done_callback(self._written)
        if writing is not None:
            await asyncio.wait([writing])
            writing.result()  # or what went wrong
        return self._told

    def _written(self, writing: asyncio.Future[Written]) -> None:
        self._writing = None
        if not writing.cancelled() and writing.exception() is None:
            self._told, gone, worked = writing.result()
            self._ended.forget(gone)
            self._good_until = time.monotonic() + worked / SHARE

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format, without the series of workers that are gone."""
        text, gone, _ = self._write(self._read(), self._ended.copy())
        self._ended.forget(gone)
        return text

    def _write(self, reading: Reading, ended: Ended) -> Written:
        """Write down all metrics; may run in a thread."""
        begun = time.thread_time()
        reading = self._look(reading)
        gone = ended.of_others({"", *reading.heartbeat_ages, *reading.elsewhere})
        ended.forget(gone)
        parts = (ended, self._registry, _Now(reading, self._names))
        text = b"".join(generate_latest(part) for part in parts) + _ages(reading.heartbeat_ages)
        return text, gone, time.thread_time() - begun


class Ended(Collector):
    """Requests that have ended: counting one is an addition, and the rest is done when Prometheus asks."""

    def __init__(self) -> None:
        self._counts: dict[Labels, int] = {}
        self._times: dict[str, list[int]] = {}  # per service, how many took up to each of SECONDS, or longer
        self._sums: dict[str, float] = {}
        self._errors: dict[str, int] = {}  # per service, answers of 500 and more

    @property
    def total(self) -> int:
        return sum(map(sum, self._times.values()))

    def by_service(self) -> dict[str, Count]:
        """Return what each service has had since the start."""
        return {name: Count(tuple(times), self._errors.get(name, 0)) for name, times in self._times.items()}

    def copy(self) -> Ended:
        """Return the same, which stays as it is."""
        found = Ended()
        found._counts, found._sums, found._errors = dict(self._counts), dict(self._sums), dict(self._errors)
        found._times = {service: list(times) for service, times in self._times.items()}
        return found

    def add(self, labels: Labels, seconds: float) -> None:
        """Count a request by service, worker, route and status."""
        self._counts[labels] = self._counts.get(labels, 0) + 1
        service = labels[0]
        times = self._times.get(service)
        if times is None:
            times = self._times[service] = [0] * (len(SECONDS) + 1)
            self._sums[service] = 0.0
        if labels[3] >= 500:
            self._errors[service] = self._errors.get(service, 0) + 1
        times[bisect_left(SECONDS, seconds)] += 1
        self._sums[service] += seconds

    def drain(self) -> Counted:
        """Return everything, and begin anew."""
        counted = Counted(counts=self._counts, times=self._times, sums=self._sums)
        self._counts, self._times, self._sums, self._errors = {}, {}, {}, {}
        return counted

    def absorb(self, counted: Counted) -> None:
        for labels, count in counted.counts.items():
            self._counts[labels] = self._counts.get(labels, 0) + count
            if labels[3] >= 500:
                self._errors[labels[0]] = self._errors.get(labels[0], 0) + count
        for service, found in counted.times.items():
            known = self._times.get(service, [0] * len(found))
            self._times[service] = [one + other for one, other in zip(known, found, strict=True)]
            self._sums[service] = self._sums.get(service, 0.0) + counted.sums[service]

    def of_others(self, workers: Container[str]) -> Sequence[Labels]:
        """Return which counts are of workers that are not among these."""
        return [labels for labels in self._counts if labels[1] not in workers]

    def forget(self, gone: Iterable[Labels]) -> None:
        for labels in gone:
            self._counts.pop(labels, None)

    def collect(self) -> Iterable[Metric]:
        names = ("service", "worker", "route", "status")
        counts = CounterMetricFamily("rma_requests", "Requests to /service that have ended.", labels=names)
        for (service, worker, route, status), count in self._counts.items():
            counts.add_metric((service, worker, route, str(status)), count)
        yield counts
        text = "Time from a request's arrival to the last byte of its answer."
        times = HistogramMetricFamily("rma_request_duration_seconds", text, labels=("service",))
        bounds = [*map(floatToGoString, SECONDS), "+Inf"]
        for service, found in self._times.items():
            buckets = list(zip(bounds, accumulate(found), strict=True))
            times.add_metric((service,), buckets, self._sums[service])
        yield times


class _Now(Collector):
    """The coordinator's state at the moment Prometheus asks."""

    def __init__(self, reading: Reading, names: tuple[str, str]) -> None:
        """`names` are the coordinator's and its version's."""
        self._reading = reading
        self._names = names

    def collect(self) -> Iterable[Metric]:
        reading = self._reading
        yield _labelled("rma_coordinator_info", "This coordinator.", ("coordinator", "version"), {self._names: 1})
        yield GaugeMetricFamily("rma_registered_workers", "Workers that are registered.", value=reading.registered)
        yield GaugeMetricFamily("rma_own_workers", "Workers that talk to this coordinator.", value=reading.own)
        yield from _together(reading)
        yield GaugeMetricFamily("rma_active_workers", "Workers heard from lately.", value=reading.active)
        yield GaugeMetricFamily("rma_stale_workers", "Workers that missed heartbeats.", value=reading.stale)
        text = "Machines that wait for the operator's approval."
        yield GaugeMetricFamily("rma_pending_workers", text, value=reading.pending)
        text = "Workers that get requests only where nobody else can, and those of them that are suspected."
        yield _by("rma_probation_workers", text, "state", reading.probations)
        canaries = CounterMetricFamily(
            "rma_canaries", "Known requests, by how they were answered.", labels=("result",)
        )
        for result, count in reading.canaries.items():
            canaries.add_metric((result,), count)
        yield canaries
        yield _by("rma_service_workers", "Healthy workers of a service.", "service", reading.service_workers)
        yield _by("rma_service_wanted_workers", "Wanted workers of a service.", "service", reading.service_wanted)
        yield _by("rma_queue_depth", "Requests that wait for a free worker.", "service", reading.queue_depths)
        yield CounterMetricFamily("rma_retries", "Tries after a first one that failed.", value=reading.retries)
        yield CounterMetricFamily(
            "rma_failovers", "Requests that another worker took over.", value=reading.failovers
        )
        yield CounterMetricFamily(
            "rma_hedged", "Requests that a second worker was asked as well.", value=reading.hedged
        )
        yield _by("rma_dht", "The coordinator's part of the DHT.", "what", reading.dht)
        yield from _overlay(reading.overlay)
        text = "Processes that take requests."
        yield GaugeMetricFamily("rma_serving_processes", text, value=reading.processes)
        text = "Who follows the topology live."
        yield GaugeMetricFamily("rma_topology_listeners", text, value=reading.stream_listeners)
        yield from _entry_points(reading)
        text = "Workers that hear at once what has changed."
        yield GaugeMetricFamily("rma_channels", text, value=reading.channels)
        text = "Messages sent on the channels to workers."
        yield CounterMetricFamily("rma_channel_pushes", text, value=reading.pushes)
        text = "Heartbeats that were taken in, by whether they came on a channel or as a request."
        heartbeats = CounterMetricFamily("rma_heartbeats", text, labels=("way",))
        for way, count in reading.heartbeats.items():
            heartbeats.add_metric((way,), count)
        yield heartbeats
        text = "Connections that workers hold open to us, to be asked on them."
        yield _by(
            "rma_relay_connections", text, "state", {"used": reading.relay_in_use, "ready": reading.relay_ready}
        )
        text = "Connections that workers have opened to us."
        yield CounterMetricFamily("rma_relay_opened", text, value=reading.relay_opened)
        text = "Connections that were refused, as nobody had asked that worker for them."
        yield CounterMetricFamily("rma_relay_refused", text, value=reading.relay_refused)
        text = "Lines written to the access log."
        yield CounterMetricFamily("rma_access_log_lines", text, value=reading.access_log_lines)
        text = "Lines that the access log lost: its disk was full, or they came too fast."
        yield CounterMetricFamily("rma_access_log_lost_lines", text, value=reading.access_log_lost)


def _ages(ages: Mapping[str, float]) -> bytes:
    """Return what prometheus_client would of a gauge; with thousands of workers it takes eight times as long."""
    name = "rma_worker_heartbeat_age_seconds"
    head = f"# HELP {name} Seconds since a worker's last heartbeat.\n# TYPE {name} gauge\n"
    lines = [f'{name}{{worker="{_escaped(worker)}"}} {age!r}\n' for worker, age in ages.items()]
    return "".join((head, *lines)).encode()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _together(reading: Reading) -> Iterable[Metric]:
    text = "Whether this coordinator says what workers run."
    yield GaugeMetricFamily("rma_assigner", text, value=int(reading.assigns))
    text = "Coordinators of this mesh that live, this one among them."
    yield GaugeMetricFamily("rma_coordinators", text, value=reading.coordinators)
    text = "Workers that are waited for, as their coordinator has ended; they keep what they run."
    yield GaugeMetricFamily("rma_expected_workers", text, value=reading.expected)
    text = "Whether the store took what this coordinator wrote in the last seconds."
    yield GaugeMetricFamily("rma_store_up", text, value=int(reading.store_up))
    text = "What this machine's operator is warned of; `status` says it in words."
    yield GaugeMetricFamily("rma_warnings", text, value=reading.conditions)


def _entry_points(reading: Reading) -> Iterable[Metric]:
    text = "Workers that frontends may ask directly."
    yield GaugeMetricFamily("rma_entry_points", text, value=reading.entry_points)
    text = "Looks at workers' addresses from outside, by what came of them."
    probes = CounterMetricFamily("rma_entry_point_probes", text, labels=("result",))
    for result, count in reading.entry_point_probes.items():
        probes.add_metric((result,), count)
    yield probes
    if reading.kv_writes is not None:
        text = "Times that the entry points were written to Cloudflare KV."
        yield CounterMetricFamily("rma_entry_point_kv_writes", text, value=reading.kv_writes)
        text = "Times that this failed."
        yield CounterMetricFamily("rma_entry_point_kv_failures", text, value=reading.kv_failures)


def _overlay(overlay: Overlay | None) -> Iterable[Metric]:
    if overlay is None:
        return
    text = "Whether this coordinator is in the overlay network."
    yield GaugeMetricFamily("rma_overlay_up", text, value=int(overlay.up))
    text = "Members of the overlay with a certificate that is still good."
    yield GaugeMetricFamily("rma_overlay_members", text, value=overlay.members)
    text = "Coordinators that members are told to find one another by."
    yield GaugeMetricFamily("rma_overlay_lighthouses", text, value=overlay.lighthouses)
    text = "Members that have a tunnel to this coordinator."
    yield _by("rma_overlay_peers", text, "route", {"direct": overlay.direct, "relayed": overlay.relayed})


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(name, text, (label,), {(key,): value for key, value in values.items()})


def _labelled(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
