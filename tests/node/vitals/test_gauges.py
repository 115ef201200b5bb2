"""Gauges of this very computer, and what they make of counters that jump."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from node.vitals.gauges import GaugeReader, busy, outside, rates
from node.vitals.values import GpuGauge


def test_the_first_look_tells_amounts_and_the_next_ones_rates(tmp_path: Path) -> None:
    now = [10.0]
    reader = GaugeReader(tmp_path, lambda: now[0])
    first = reader.read(cpu_ours=None, memory_ours=0, gpus=())
    assert first.cpu is None
    assert first.cpu_ours is None
    assert first.received_per_second is None
    assert 0 < first.memory_used_bytes < first.memory_bytes
    assert 0 <= first.disk_free_bytes <= first.disk_bytes
    now[0] += 1
    while (second := reader.read(cpu_ours=10_000.0, memory_ours=7, gpus=(GpuGauge(name="A"),))).cpu is None:
        now[0] += 1
    assert 0.0 <= second.cpu <= 1.0
    assert second.cpu_ours == 1.0
    assert (second.memory_ours_bytes, second.gpus) == (7, (GpuGauge(name="A"),))
    reader.forget()
    assert reader.read(cpu_ours=0.0, memory_ours=0, gpus=()).cpu is None


def test_a_folder_that_is_gone_has_no_room(tmp_path: Path) -> None:
    told = GaugeReader(tmp_path / "gone").read(cpu_ours=None, memory_ours=0, gpus=())
    assert (told.disk_free_bytes, told.disk_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(None, (5.0, 10.0), None), ((5.0, 10.0), (5.0, 10.0), None), ((5.0, 10.0), (6.0, 14.0), 0.25),
     ((5.0, 10.0), (4.0, 14.0), 0.0), ((5.0, 10.0), (15.0, 14.0), 1.0)],
)  # fmt: skip
def test_the_share_of_time(
    before: tuple[float, float] | None, after: tuple[float, float], expected: object
) -> None:
    assert busy(before, after) == expected


def test_rates_of_counters() -> None:
    assert rates(None, (1, 2), 1.0) == (None, None)
    assert rates((1, 2), None, 1.0) == (None, None)
    assert rates((1, 2), (3, 4), 0.0) == (None, None)
    assert rates((100, 200), (300, 200), 2.0) == (100.0, 0.0)
    assert rates((100, 200), (0, 0), 2.0) == (0.0, 0.0), "something was unplugged"


def test_only_what_leads_out_counts() -> None:
    counted = namedtuple("counted", "bytes_recv bytes_sent")
    told = {
        "eth0": counted(1, 2), "wlp3s0": counted(10, 20), "lo": counted(100, 100), "nebula1": counted(100, 100),
        "Loopback Pseudo-Interface 1": counted(100, 100), "docker0": counted(100, 100), "vethab": counted(100, 100),
    }  # fmt: skip
    assert outside(told) == (11, 22)
