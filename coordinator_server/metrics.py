"""What Prometheus reads from a coordinator: requests as they end, and the registry as it is when asked.

Every label has a bounded set of values: services are those of the catalogue, workers those that answered and are
registered, statuses are HTTP's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What gauges show: counts, and seconds since each worker's last heartbeat."""

    registered: int = 0
    active: int = 0
    stale: int = 0
    service_workers: Mapping[str, int] = field(default_factory=dict)
    service_wanted: Mapping[str, int] = field(default_factory=dict)
    heartbeat_ages: Mapping[str, float] = field(default_factory=dict)
    queue_depths: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    failovers: int = 0
    hedged: int = 0
    dht: Mapping[str, float] = field(default_factory=dict)
    stream_listeners: int = 0


class Metrics:
    """Owns a registry of its own, so that two coordinators in one process do not meet."""

    def __init__(self, read: Callable[[], Reading], *, coordinator: str, version: str) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "rma_requests",
            "Requests to /service that have ended.",
            ("service", "worker", "route", "status"),
            registry=self.registry,
        )
        self._latency = Histogram(
            "rma_request_duration_seconds",
            "Time from a request's arrival to the last byte of its answer.",
            ("service",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._rejected = Counter(
            "rma_rejected_requests",
            "Requests turned away at the door, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.registry.register(_Now(read, coordinator, version))
        self._read = read
        self._series: set[tuple[str, str, str, str]] = set()
        self.total = 0

    def ended(self, *, service: str, worker: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was let in and has ended."""
        self.total += 1
        labels = (service, worker, route, str(status))
        self._series.add(labels)
        self._requests.labels(*labels).inc()
        self._latency.labels(service).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count a request that access or shutting down turned away."""
        self._rejected.labels(reason).inc()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format, without the series of workers that are gone."""
        known = {"", *self._read().heartbeat_ages}
        for labels in [labels for labels in self._series if labels[1] not in known]:
            self._series.discard(labels)
            self._requests.remove(*labels)
        return generate_latest(self.registry)


class _Now(Collector):
    """Reads the coordinator's state at the moment Prometheus asks."""

    def __init__(self, read: Callable[[], Reading], coordinator: str, version: str) -> None:
        self._read = read
        self._names = (coordinator, version)

    def collect(self) -> Iterable[Metric]:
        reading = self._read()
        yield _labelled("rma_coordinator_info", "This coordinator.", ("coordinator", "version"), {self._names: 1})
        yield GaugeMetricFamily("rma_registered_workers", "Workers that are registered.", value=reading.registered)
        yield GaugeMetricFamily("rma_active_workers", "Workers heard from lately.", value=reading.active)
        yield GaugeMetricFamily("rma_stale_workers", "Workers that missed heartbeats.", value=reading.stale)
        yield _by("rma_service_workers", "Healthy workers of a service.", "service", reading.service_workers)
        yield _by("rma_service_wanted_workers", "Wanted workers of a service.", "service", reading.service_wanted)
        text = "Seconds since a worker's last heartbeat."
        yield _by("rma_worker_heartbeat_age_seconds", text, "worker", reading.heartbeat_ages)
        yield _by("rma_queue_depth", "Requests that wait for a free worker.", "service", reading.queue_depths)
        yield CounterMetricFamily("rma_retries", "Tries after a first one that failed.", value=reading.retries)
        yield CounterMetricFamily(
            "rma_failovers", "Requests that another worker took over.", value=reading.failovers
        )
        yield CounterMetricFamily(
            "rma_hedged", "Requests that a second worker was asked as well.", value=reading.hedged
        )
        yield _by("rma_dht", "The coordinator's part of the DHT.", "what", reading.dht)
        text = "Who follows the topology live."
        yield GaugeMetricFamily("rma_topology_listeners", text, value=reading.stream_listeners)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(name, text, (label,), {(key,): value for key, value in values.items()})


def _labelled(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
