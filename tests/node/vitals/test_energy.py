"""The estimate of the energy, in joules."""

from __future__ import annotations

import pytest

from node.vitals.energy import Watts, joules

WATTS = Watts(per_core=10.0, per_gpu=200.0)


@pytest.mark.parametrize(
    ("cpu", "gpu", "told", "expected"),
    [
        (3600.0, 0.0, None, 36_000.0),  # ten watt hours
        (0.0, 60.0, None, 12_000.0),
        (0.0, 60.0, 300.0, 18_000.0),
        (10.0, 60.0, 50.0, 3_100.0),
        (0.0, 60.0, 0.0, 12_000.0),  # a driver that says nothing useful
        (0.0, 60.0, 1e9, 12_000.0),  # or nonsense
    ],
)
def test_time_by_watts(cpu: float, gpu: float, told: float | None, expected: float) -> None:
    assert joules(cpu, gpu, WATTS, told) == pytest.approx(expected)
