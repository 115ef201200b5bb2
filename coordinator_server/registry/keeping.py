"""What stays: every machine keeps what it has and may still run, but for what it is handing over."""

from __future__ import annotations

from coordinator_server.registry.board import Board
from coordinator_server.registry.fitness import unfit
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import Handover, Pace
from node.wire.manifests import Manifest


def keep(board: Board, pace: Pace, now: float) -> None:
    """Put onto the board what stays, with what goes on being handed over left to those who take it."""
    starting: list[tuple[Machine, str]] = []  # of two that have what may run once, it stays with who runs it
    leaving: list[tuple[Machine, Handover]] = []
    for machine in board.machines:
        for name in dict.fromkeys(machine.current):
            handover = board.history.handovers.get((machine.worker_id, name))
            if handover is not None and handover.target:
                leaving.append((machine, handover))
            elif machine.runs(name):
                _keep_one(board, machine, name)
            else:
                starting.append((machine, name))
    for machine, name in starting:
        _keep_one(board, machine, name)
    for machine, handover in leaving:
        _go_on(board, machine, handover, pace, now)


def _keep_one(board: Board, machine: Machine, name: str) -> None:
    manifest = board.manifests.get(name)
    reason = _why_not(board, machine, manifest)
    if manifest is None or reason:
        board.explain(machine.worker_id, name, reason)
    else:
        board.give(machine, manifest)


def _why_not(board: Board, machine: Machine, manifest: Manifest | None) -> str:
    if manifest is None:
        return "it is not in the catalogue any more"
    if machine.resting:
        return f"the machine {machine.resting}"
    if manifest.replicas == 0:
        return "it is switched off"
    if manifest.replicas == 1 and board.count(manifest.name) >= 1:
        return "another machine runs it, and two would not know of one another's data"
    why = "" if machine.expected else unfit(machine, manifest, kept=True)
    return f"the machine {why}" if why else ""


def _go_on(board: Board, machine: Machine, handover: Handover, pace: Pace, now: float) -> None:
    """Let a handover go on while who takes over is there; else let the service stay where it is."""
    manifest = board.manifests.get(handover.service)
    target = board.holders.get(handover.service, {}).get(handover.target)
    if manifest is None or target is None:
        _keep_one(board, machine, handover.service)
        return
    late = now - handover.since >= pace.patience and not target.runs(handover.service)
    if late and machine.awake and not unfit(machine, manifest, kept=True):
        board.take(target, manifest, f"it did not run within {pace.patience:.0f} s")
        board.shunned[target.worker_id, manifest.name] = now + pace.cooldown
        _keep_one(board, machine, handover.service)
        return
    board.explain(machine.worker_id, handover.service, handover.reason)
    board.targets[machine.worker_id, handover.service] = target.worker_id
