"""How much energy the work takes, as an estimate. Pure.

    energy = processor time × watts of a busy core  +  time on the GPU × watts of the busy GPU

The GPU's watts are what its driver tells at that moment, where it does; both others are settings of the node. What
the computer draws anyway, because it is on, is not counted: it would be on without us.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_WATTS = 2000.0  # of one GPU; more is a driver's mistake


@dataclass(frozen=True, slots=True)
class Watts:
    """What is assumed: how many watts more a busy core takes, and a busy GPU that does not tell."""

    per_core: float = 8.0
    per_gpu: float = 150.0


def joules(cpu_seconds: float, gpu_seconds: float, watts: Watts, gpu_watts: float | None = None) -> float:
    """Return the energy of some work, in joules (watt seconds)."""
    told = gpu_watts is not None and 0 < gpu_watts <= MOST_WATTS
    gpu = gpu_watts if told and gpu_watts is not None else watts.per_gpu
    return cpu_seconds * watts.per_core + gpu_seconds * gpu
