"""Start first, then stop: what machines are told now, on the way to what the board wants.

A machine that gives a service up goes on serving it until as many of the others run it as are wanted of them, so
that there is no gap. What has no room on a machine beside what it hands over starts when that has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator_server.registry.board import Board
from coordinator_server.registry.fitness import unfit
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import Handover, History, Move, Pace


@dataclass(slots=True)
class Told:
    """What each machine is told to run now, and what else is under way."""

    services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    handovers: dict[tuple[str, str], Handover] = field(default_factory=dict)  # by source and service
    waiting: list[Move] = field(default_factory=list)
    awaited: set[tuple[str, str]] = field(default_factory=set)  # worker id and service
    drained: Mapping[str, float] = field(default_factory=dict)  # by worker id: since when


def tell(board: Board, pace: Pace, now: float) -> Told:
    """Return what machines are told now."""
    told = Told(drained=drained_since(board.history, board.machines, now))
    leaving: dict[str, list[Handover]] = {}
    for machine in board.machines:
        if machine.draining and now - told.drained[machine.worker_id] >= pace.drain:
            continue
        for name in machine.current:
            if machine.worker_id not in board.holders.get(name, {}) and _can_serve_on(board, machine, name):
                leaving.setdefault(name, []).append(_handover(board, machine, name, now))
    for name, handovers in leaving.items():
        _hold_back(board, name, handovers, told)
    for machine in board.machines:
        told.services[machine.worker_id] = _services(board, machine, told)
    return told


def drained_since(history: History, machines: Iterable[Machine], now: float) -> dict[str, float]:
    """Return since when the operator drains machines, whatever they were handing over before."""
    return {m.worker_id: min(history.drained.get(m.worker_id, now), now) for m in machines if m.draining}


def about(handovers: Iterable[Handover], worker_id: str) -> str:
    """Return a sentence for each service that a worker hands over or takes over, or an empty string."""
    sentences = []
    for one in handovers:
        if one.source == worker_id:
            to = one.target or "others"
            sentences.append(f"It hands {one.service} over to {to}, and serves until that runs: {one.reason}.")
        elif one.target == worker_id:
            sentences.append(f"It takes {one.service} over from {one.source}, which serves until then.")
    return " ".join(sentences)


def _can_serve_on(board: Board, machine: Machine, name: str) -> bool:
    """Say whether a machine that gives something up may and does run it: the volunteer's word counts at once."""
    manifest = board.manifests.get(name)
    if manifest is None or not machine.runs(name) or (machine.resting and not machine.draining):
        return False
    return machine.expected or not unfit(machine, manifest, kept=True)  # of who is not here nothing else is known


def _handover(board: Board, machine: Machine, name: str, now: float) -> Handover:
    key = (machine.worker_id, name)
    before = board.history.handovers.get(key)
    target = _last_target(board, machine.worker_id, name)
    told = not target or name in board.by_id[target].current  # else its time has not begun
    goes_on = before is not None and before.target in ("", target) and told
    begun = min(before.since, now) if before is not None and goes_on else now
    return Handover(name, machine.worker_id, target, begun, board.why(*key))


def _last_target(board: Board, worker_id: str, name: str) -> str:
    """Return who takes a service over, at the end where it was passed on."""
    holders = board.holders[name]
    for _ in range(len(board.targets)):
        worker_id = board.targets.get((worker_id, name), "")
        if not worker_id or worker_id in holders:
            return worker_id
    return ""


def _hold_back(board: Board, name: str, handovers: Sequence[Handover], told: Told) -> None:
    """Let as many serve on as are lacking among those that are to have a service; who began first stays."""
    holders = board.holders[name]
    starting = [worker_id for worker_id, machine in holders.items() if not machine.runs(name)]
    wanted = min(board.manifests[name].replicas, len(holders))
    lacking = max(0, wanted - (len(holders) - len(starting)))
    for handover in sorted(handovers, key=lambda one: (one.since, one.source))[:lacking]:
        told.handovers[handover.source, name] = handover
        told.awaited.update((worker_id, name) for worker_id in starting)


def _services(board: Board, machine: Machine, told: Told) -> tuple[str, ...]:
    worker_id = machine.worker_id
    held, current = board.held[worker_id], machine.current
    names = [manifest.name for manifest in held]
    kept = [name for name in dict.fromkeys(current) if name in names or (worker_id, name) in told.handovers]
    together = [board.manifests[name] for name in kept]
    for manifest in held:
        if manifest.name in current:
            continue
        if board.fits_beside(machine, together, manifest):
            together.append(manifest)
        else:
            _wait(board, worker_id, manifest.name, told)
    return tuple(manifest.name for manifest in together)


def _wait(board: Board, worker_id: str, name: str, told: Told) -> None:
    first = ", ".join(service for source, service in told.handovers if source == worker_id)
    reason = f"{board.why(worker_id, name)}; it starts when the machine has handed over {first}"
    told.waiting.append(Move(worker_id, name, "start", reason))


def awaited_by(awaited: frozenset[tuple[str, str]], worker_id: str, running: Iterable[str]) -> bool:
    """Say whether a worker now runs what another one waits for: then it is time to plan."""
    return any((worker_id, name) in awaited for name in running)


def deadlines(history: History, pace: Pace) -> Sequence[float]:
    """Return when handovers and drains end anyway, whether who takes over runs or not (Unix seconds)."""
    ends = [one.since + pace.patience for one in history.handovers.values()]
    return [*ends, *(since + pace.drain for since in history.drained.values())]
