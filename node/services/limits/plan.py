"""Plans how the caps are kept on this machine. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from node.rules.caps import CapReport, TakesHold
from node.rules.settings import Caps

LEAST_NEED = 64 * 2**20  # bytes that a service counts as needing, whatever its manifest says
FREE_BYTES = 2**30  # of the disk, that are never used ...
ONLY_PRIORITY = "Only their low priority holds services back."
FREE_SHARE = 0.02  # ... or this share of it, whichever is less

Cpu = Literal["exact", "cores", "none"]  # a share of time; whole cores; not at all
Memory = Literal["kept", "watched", "none"]  # the system keeps it; who has too much is ended; not at all


@dataclass(frozen=True, kw_only=True)
class Ability:
    """What this machine can do to keep caps; `..._by` names the means, to stand in a sentence."""

    cores: int
    cpu: Cpu = "none"
    cpu_by: str = ""
    memory: Memory = "none"
    memory_by: str = ""
    priority_by: str = ""
    changes_live: bool = True  # what runs can be given another cap of CPU or memory
    has_gpu: bool = False
    gpu_told: bool = False  # the driver tells how much memory each process has


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a service's manifest says that it needs, in bytes."""

    name: str
    ram_bytes: int = 0
    gpu_memory_bytes: int = 0
    disk_bytes: int = 0
    uses_gpu: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one service may count on; None is without a limit. Only all together are held to the caps."""

    cpu_cores: float | None = None
    ram_bytes: int | None = None
    gpu_memory_bytes: int | None = None
    disk_bytes: int | None = None

    def environment(self) -> dict[str, str]:
        """Return how a service is told; what it starts takes no more threads than there are cores for it."""
        told: dict[str, int | None] = {
            "RMA_LIMIT_CPU_CORES": None if self.cpu_cores is None else math.ceil(self.cpu_cores),
            "RMA_LIMIT_RAM_BYTES": self.ram_bytes,
            "RMA_LIMIT_GPU_MEMORY_BYTES": self.gpu_memory_bytes,
            "RMA_LIMIT_DISK_BYTES": self.disk_bytes,
        }
        return {name: str(value) for name, value in told.items() if value is not None}

    def filled_in(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return a command line with `{gpu_memory_bytes}` and the like filled in; 0 is without a limit."""
        values = {
            "{cpu_cores}": math.ceil(self.cpu_cores or 0),
            "{ram_bytes}": self.ram_bytes or 0,
            "{gpu_memory_bytes}": self.gpu_memory_bytes or 0,
            "{disk_bytes}": self.disk_bytes or 0,
        }
        return tuple(_replaced(word, values) for word in words)


@dataclass(frozen=True, kw_only=True)
class Together:
    """What all services may use together; None is without a limit."""

    cpu_cores: float | None = None  # of time, where that can be measured out
    whole_cores: int | None = None  # where only whole ones can
    ram_bytes: int | None = None
    gpu_memory_bytes: int | None = None  # of each GPU
    disk_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What follows from caps, machine and services."""

    together: Together
    services: Mapping[str, Limits]
    reports: tuple[CapReport, ...]


def plan(caps: Caps, ability: Ability, needs: Iterable[Need], disk_trouble: str = "") -> Plan:
    """Return what all services may use, what each of them may count on, and how that is kept.

    `disk_trouble` says why nothing more may be stored now, where that is so.
    """
    needs = tuple(needs)
    cores = None if caps.cpu_percent in (None, 100) else ability.cores * (caps.cpu_percent or 100) / 100
    together = Together(
        cpu_cores=cores,
        whole_cores=None if cores is None else min(ability.cores, max(1, math.ceil(cores))),
        ram_bytes=caps.ram_bytes,
        gpu_memory_bytes=caps.gpu_memory_bytes,
        disk_bytes=caps.disk_bytes,
    )
    ram = shares(caps.ram_bytes, {one.name: one.ram_bytes for one in needs})
    disk = shares(caps.disk_bytes, {one.name: one.disk_bytes for one in needs})
    on_gpu = {one.name: one.gpu_memory_bytes for one in needs if one.uses_gpu or one.gpu_memory_bytes}
    gpu = shares(caps.gpu_memory_bytes, on_gpu)
    services = {
        one.name: Limits(
            cpu_cores=cores,
            ram_bytes=ram.get(one.name),
            gpu_memory_bytes=gpu.get(one.name),
            disk_bytes=disk.get(one.name),
        )
        for one in needs
    }
    return Plan(
        together=together, services=services, reports=tuple(_reports(caps, ability, together, disk_trouble))
    )


def shares(cap: int | None, needs: Mapping[str, int]) -> dict[str, int]:
    """Divide a cap by what is needed; never more than there is, and nothing where there is no cap."""
    if cap is None:
        return {}
    weights = {name: max(need, LEAST_NEED) for name, need in needs.items()}
    whole = sum(weights.values())
    return {name: cap * weight // whole for name, weight in weights.items()}


def free_floor(disk_bytes: int) -> int:
    """Return how much of a disk of this size is never used."""
    return min(FREE_BYTES, round(disk_bytes * FREE_SHARE))


# --- sentences --------------------------------------------------------------------------------------------------


def _reports(caps: Caps, ability: Ability, together: Together, disk_trouble: str) -> Iterator[CapReport]:
    live: TakesHold = "now" if ability.changes_live else "next-start"
    yield CapReport(
        name="priority",
        how=ability.priority_by or "Services have the same priority as your own programs.",
        enforced=bool(ability.priority_by),
        why_not="" if ability.priority_by else "This system lets no priority be set, or it was switched off.",
    )
    if caps.cpu_percent is not None:
        yield _cpu(caps.cpu_percent, ability, together, live)
    if caps.ram_bytes is not None:
        yield _ram(caps.ram_bytes, ability, live)
    if caps.gpu_memory_bytes is not None:
        yield _gpu_memory(caps.gpu_memory_bytes, ability)
    yield _disk(caps.disk_bytes, disk_trouble)
    if caps.upload_bytes_per_second is not None:
        yield _bandwidth("upload", caps.upload_bytes_per_second)
    if caps.download_bytes_per_second is not None:
        yield _bandwidth("download", caps.download_bytes_per_second)


def _cpu(percent: int, ability: Ability, together: Together, live: TakesHold) -> CapReport:
    def report(how: str, enforced: bool, why_not: str = "") -> CapReport:
        return CapReport(name="cpu", wanted=percent, how=how, enforced=enforced, why_not=why_not, takes_hold=live)

    if together.cpu_cores is None:
        return report("All cores may be used.", True)
    if ability.cpu == "exact":
        return report(f"{ability.cpu_by} measures out {percent} % of all cores.", True)
    if ability.cpu == "none":
        return report(ONLY_PRIORITY, False, "This system measures out no CPU time.")
    whole = together.whole_cores or ability.cores
    how = f"Services run on {whole} of {ability.cores} {'core' if ability.cores == 1 else 'cores'} only."
    if whole == ability.cores:
        why = f"Here only whole cores can be given, and {percent} % is rounded up to all of them."
        return report(ONLY_PRIORITY, False, why)
    exact = whole == together.cpu_cores
    return report(how, True, "" if exact else f"Here only whole cores can be given, so {percent} % is rounded up.")


def _ram(wanted: int, ability: Ability, live: TakesHold) -> CapReport:
    if ability.memory == "kept":
        how, enforced, why = f"{ability.memory_by} gives services no more than that.", True, ""
    elif ability.memory == "watched":
        how = "Memory is measured every few seconds; the service that has most above its share is ended."
        enforced, why = True, "Between two measurements there may be more for a moment."
    else:
        how, enforced, why = "Nothing keeps it.", False, "This system does not tell how much memory services have."
    watched = ability.memory == "watched"
    return CapReport(
        name="ram", wanted=wanted, how=how, enforced=enforced, watched=watched, why_not=why, takes_hold=live
    )


def _gpu_memory(wanted: int, ability: Ability) -> CapReport:
    if not ability.has_gpu:
        how, enforced, why = "There is no GPU here that services could use.", True, ""
    elif ability.gpu_told:
        how = "Services are told their share, and the one that has most above it is ended."
        enforced, why = True, "No driver keeps such a limit: it is only watched, so there may be more for a moment."
    else:
        how, enforced = "Services are told their share when they start.", False
        why = "The driver does not tell how much memory each program has, so nobody sees whether they keep it."
    watched = ability.has_gpu and ability.gpu_told
    return CapReport(name="gpu-memory", wanted=wanted, how=how, enforced=enforced, watched=watched, why_not=why)


def _disk(wanted: int | None, trouble: str) -> CapReport:
    how = "Some of the disk, 1 GB or 2 %, is always left to you."
    if wanted is None:
        return CapReport(name="disk", how=how, enforced=True, why_not=trouble)
    how = f"What services keep is measured every few minutes; who has too much is ended. {how}"
    why = trouble or "Between two measurements there may be more for a while."
    return CapReport(name="disk", wanted=wanted, how=how, enforced=True, watched=True, why_not=why)


def _bandwidth(name: Literal["upload", "download"], wanted: int) -> CapReport:
    return CapReport(
        name=name,
        wanted=wanted,
        how="The node measures out what its connections to other machines carry.",
        enforced=True,
        why_not="What services fetch by themselves is not counted, nor what little a mesh says to stay together.",
    )


def _replaced(word: str, values: Mapping[str, int]) -> str:
    for name, value in values.items():
        word = word.replace(name, str(value))
    return word
