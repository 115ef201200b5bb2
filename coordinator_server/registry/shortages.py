"""What is missing, and why, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from coordinator_server.registry.board import Board
from coordinator_server.registry.fitness import unfit
from coordinator_server.registry.handover import Told
from coordinator_server.registry.plans import Shortage
from node.wire.manifests import Manifest


def shortages(board: Board, told: Told) -> Iterator[Shortage]:
    """Yield the services that fewer machines are to run than wanted."""
    waiting = Counter(move.service for move in told.waiting)
    for manifest in board.manifests.values():
        waits = waiting[manifest.name]
        assigned = board.count(manifest.name) - waits
        if assigned >= manifest.replicas:
            continue
        reason = _why_waits(told, manifest) if waits else _why_short(board, manifest)
        yield Shortage(manifest.name, manifest.replicas, assigned, reason)


def _why_waits(told: Told, manifest: Manifest) -> str:
    who = ", ".join(move.worker_id for move in told.waiting if move.service == manifest.name)
    return f"It starts as soon as its machine has handed something else over: {who}."


def _why_short(board: Board, manifest: Manifest) -> str:
    if not board.machines:
        return "No worker is registered."
    holders = board.holders[manifest.name]
    reasons = Counter(
        machine.resting or unfit(machine, manifest) or "is full"
        for machine in board.machines
        if not machine.expected and machine.worker_id not in holders
    )
    if not reasons and any(machine.expected for machine in board.machines):
        return "The workers that are to run it are expected back."
    if not reasons:
        return "Every machine that is here was given it: for more of them, more have to join."
    told = "; ".join(f"the machine {reason} ({count})" for reason, count in reasons.most_common())
    return f"Reasons: {told}."
