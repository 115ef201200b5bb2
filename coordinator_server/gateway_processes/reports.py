"""What a gateway process has counted, on its way to the first process, and what all of them have in hand."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from coordinator_server.gateway_processes.messages import Ended, Report, Took
from coordinator_server.metrics import SECONDS, Counted
from node.wire.messages import Route
from node.wire.problems import TITLES

ROUTES = frozenset({"", *get_args(Route)})
SINCE_START = ("retries", "failovers", "hedged", "log_lines", "log_lost")


def ended_of(counted: Counted) -> tuple[Ended, ...]:
    return tuple(Ended(*labels, count) for labels, count in counted.counts.items())


def took_of(counted: Counted) -> tuple[Took, ...]:
    return tuple(Took(service, tuple(counts), counted.sums[service]) for service, counts in counted.times.items())


def counted_in(report: Report, services: Container[str], worker_known: Callable[[str], bool]) -> Counted:
    """Return what may be counted of a report: labels that are none of ours would fill the memory."""
    counted = Counted()
    for item in report.ended:
        worker = item.worker if not item.worker or worker_known(item.worker) else ""
        if item.service in services and item.route in ROUTES:
            labels = (item.service, worker, item.route, item.status)
            counted.counts[labels] = counted.counts.get(labels, 0) + item.count
    for took in report.took:
        if took.service in services and len(took.counts) == len(SECONDS) + 1:
            counted.times[took.service] = list(took.counts)
            counted.sums[took.service] = took.seconds
    counted.rejected = {reason: count for reason, count in report.rejected.items() if reason in TITLES}
    return counted


@dataclass(slots=True)
class Elsewhere:
    """What the gateway processes have in hand and have done, as they said last; `ended` ones leave their sums."""

    _latest: dict[int, Report] = field(default_factory=dict)
    _ended: dict[str, int] = field(default_factory=dict)

    @property
    def processes(self) -> int:
        return len(self._latest)

    def told(self, process: int, report: Report) -> None:
        self._latest[process] = report

    def ended(self, process: int) -> None:
        """Keep what a process that is gone had counted since its start."""
        report = self._latest.pop(process, None)
        if report is not None:
            for name in SINCE_START:
                self._ended[name] = self._ended.get(name, 0) + getattr(report, name)

    def total(self, name: str) -> int:
        """Return a sum over all processes; of SINCE_START also over those that have ended."""
        now: int = sum(getattr(report, name) for report in self._latest.values())
        return self._ended.get(name, 0) + now

    def queues(self, own: Mapping[str, int]) -> dict[str, int]:
        """Return how many requests wait for each service in all processes; `own` are the first's."""
        return summed((own, *(report.queues for report in self._latest.values())))


def summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            found[name] = found.get(name, 0) + count
    return found
