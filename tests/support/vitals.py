"""Looks at a computer in the states that the app must be able to show."""

from __future__ import annotations

import math

import msgspec

from app.vitals_model import Sight
from node.vitals.ledger import Ledger, contribution, entered
from node.vitals.values import Contribution, Counted, Gauges, GpuGauge, ServiceVitals, Vitals
from tests.support.samples import GIB, NOW

GPU = GpuGauge(
    name="GeForce RTX 3060", busy=0.82, memory_used_bytes=9 * GIB, memory_bytes=12 * GIB, celsius=61.0, watts=141.7
)
GAUGES = Gauges(
    cpu=0.34,
    cpu_ours=0.12,
    memory_used_bytes=11 * GIB,
    memory_bytes=32 * GIB,
    memory_ours_bytes=GIB,
    disk_free_bytes=412 * GIB,
    disk_bytes=931 * GIB,
    disk_read_per_second=1.2e6,
    disk_written_per_second=3.4e5,
    received_per_second=2.5e6,
    sent_per_second=4.1e5,
    gpus=(GPU,),
)
SERVICES = (
    ServiceVitals(
        name="document-processing", requests=120, in_flight=2, latency_ms={"p50": 81.0, "p95": 420.0, "p99": 900.0},
        memory_bytes=212 * 2**20, cpu=0.4,
    ),
    ServiceVitals(
        name="ner-extraction", requests=1164, failed=2, latency_ms={"p50": 4.2, "p95": 11.0, "p99": 40.0},
        memory_bytes=64 * 2**20, cpu=0.02,
    ),
    ServiceVitals(name="rag-embeddings", memory_bytes=51 * 2**20),
)  # fmt: skip


def given() -> Contribution:
    """Return two weeks of work, the last day of which is 2026-11-21."""
    ledger = Ledger()
    for day, count in enumerate((120, 300, 0, 0, 410, 380, 90, 20, 0, 260, 330, 410, 270, 128), 8):
        some = Counted(
            requests=count, cpu_seconds=8.0 * count, gpu_seconds=2.0 * count, energy_joules=340.0 * count
        )
        if count:
            ledger = entered(ledger, f"2026-11-{day:02}", {"ner-extraction": some})
    failed = Counted(requests=5, failed=3)
    ledger = entered(ledger, "2026-11-21", {"document-processing": failed})
    told = contribution(ledger, "2026-11-21")
    return msgspec.structs.replace(told, watts_per_core=8.0, watts_per_gpu=150.0)


def look(sequence: int = 1, gauges: Gauges = GAUGES, **changes: object) -> Vitals:
    values: dict[str, object] = {"services": SERVICES, "contribution": given(), **changes}
    return Vitals(sequence=sequence, at=1000.0 + sequence, gauges=gauges, **values)  # type: ignore[arg-type]


def sight(gauges: Gauges = GAUGES, *, lost: bool = False, **changes: object) -> Sight:
    """Return a minute of looks, the last of which shows these gauges."""
    history = []
    for second in range(60):
        wave = 0.5 + 0.4 * math.sin(second / 6) * math.cos(second / 17)
        moved = msgspec.structs.replace(
            gauges,
            cpu=wave,
            cpu_ours=wave / 3,
            disk_read_per_second=2e6 * wave,
            disk_written_per_second=1e6 * (1 - wave),
            received_per_second=4e6 * wave * wave,
            sent_per_second=1e6 * (1 - wave),
            gpus=tuple(msgspec.structs.replace(gpu, busy=1 - wave) for gpu in gauges.gpus),
        )
        history.append((941.0 + second, moved))
    history.append((1001.0, gauges))
    return Sight(latest=look(1, gauges, **changes), history=tuple(history), told_at=NOW - 90, lost=lost)
