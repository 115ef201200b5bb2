"""What was given and how this machine does, as it travels: plain numbers with units in their names."""

from __future__ import annotations

import msgspec

SHOWN_DAYS = 14


class Counted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was given in some time; the energy is an estimate."""

    requests: int = 0  # that were answered here
    failed: int = 0  # that came here and were not answered as they should
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    energy_joules: float = 0.0

    def plus(self, other: Counted) -> Counted:
        return Counted(
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            cpu_seconds=round(self.cpu_seconds + other.cpu_seconds, 3),
            gpu_seconds=round(self.gpu_seconds + other.gpu_seconds, 3),
            energy_joules=round(self.energy_joules + other.energy_joules, 3),
        )


NOTHING = Counted()


class Day(msgspec.Struct, frozen=True):
    """One day of the volunteer's calendar (`2026-11-21`) and what was given on it."""

    date: str
    counted: Counted = NOTHING


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has given; `week` begins on Monday, and `days` are the last ones, the oldest first."""

    today: Counted = NOTHING
    week: Counted = NOTHING
    total: Counted = NOTHING
    since: str = ""  # the first day that anything was counted on
    days: tuple[Day, ...] = ()
    services: dict[str, Counted] = {}  # in all
    services_today: dict[str, Counted] = {}
    watts_per_core: float = 0.0  # what the estimate of the energy goes by
    watts_per_gpu: float = 0.0
    trouble: str = ""  # why it cannot be kept, in a sentence


class GpuGauge(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU now; None is what its driver does not tell."""

    name: str = ""
    busy: float | None = None  # 0 to 1
    memory_used_bytes: int | None = None
    memory_bytes: int | None = None
    celsius: float | None = None
    watts: float | None = None


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """How busy this computer is; rates cover the time since the look before. None is what cannot be told."""

    cpu: float | None = None  # of all cores, 0 to 1
    cpu_ours: float | None = None  # of it by our services
    memory_used_bytes: int = 0
    memory_bytes: int = 0
    memory_ours_bytes: int = 0
    disk_free_bytes: int = 0  # where our data is
    disk_bytes: int = 0
    disk_read_per_second: float | None = None  # bytes, of all disks
    disk_written_per_second: float | None = None
    received_per_second: float | None = None  # bytes, by all networks but the computer's own and the mesh's
    sent_per_second: float | None = None
    gpus: tuple[GpuGauge, ...] = ()


class ServiceVitals(msgspec.Struct, frozen=True, kw_only=True):
    """How one service does; requests, failures and latencies are since the node's start."""

    name: str
    requests: int = 0
    failed: int = 0
    in_flight: int = 0
    latency_ms: dict[str, float] = {}  # p50, p95, p99 of the last requests
    memory_bytes: int | None = None  # None while it has no process
    cpu: float | None = None  # cores that it keeps busy


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """One look; `at` is a clock in seconds that is never set, so that looks can be drawn over time."""

    sequence: int
    at: float
    gauges: Gauges = Gauges()
    services: tuple[ServiceVitals, ...] = ()
    contribution: Contribution = Contribution()


class LogTail(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of a service's log, the oldest first; `cut` says that there were more."""

    name: str
    path: str
    lines: tuple[str, ...] = ()
    cut: bool = False
