"""Gives every service a place, then its wanted number of them, as far as there are machines.

A machine that is full gives something up for it where that costs nothing: what has more replicas than wanted, or
what can move to another machine, that one's service to a third, and so on (an augmenting path of bipartite
matching). For a service that otherwise nobody would run, another's second replica goes as well.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordinator_server.registry.board import Board, may_have_more
from coordinator_server.registry.machines import Machine
from node.wire.manifests import Manifest


def fill(board: Board) -> None:
    """Give every service its places: those that nobody runs first, then the one that lacks the most."""
    hopeless: set[str] = set()
    while (manifest := _neediest(board, hopeless)) is not None:
        gap = board.count(manifest.name) == 0
        machine = board.best(manifest)
        if machine is None and (machine := _free_a_place(board, manifest, gap)) is not None:
            hopeless.clear()  # what moved may have left a place
        if machine is None:
            hopeless.add(manifest.name)
        else:
            board.give(machine, manifest, "nobody ran it" if gap else "it has fewer replicas than wanted")


def _neediest(board: Board, hopeless: set[str]) -> Manifest | None:
    def need(manifest: Manifest) -> tuple[bool, int, str]:
        count = board.count(manifest.name)
        urgency = count - manifest.replicas if count else len(board.able(manifest))
        return (count > 0, urgency, manifest.name)

    return min((m for m in board.short() if m.name not in hopeless), key=need, default=None)


def _free_a_place(board: Board, manifest: Manifest, gap: bool) -> Machine | None:
    found = _by_path(board, manifest, lambda victim: board.count(victim.name) > victim.replicas)
    if found is None and gap:
        found = _by_path(board, manifest, lambda victim: board.count(victim.name) >= 2)
    if found is None and gap:
        found = _by_taking_several(board, manifest)
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """On this machine `victim` would make room for `wanted`."""

    machine: Machine
    victim: Manifest
    wanted: Manifest


def _by_path(board: Board, manifest: Manifest, may_end: Callable[[Manifest], bool]) -> Machine | None:
    """Find the shortest chain of services of which each takes the next one's place, and carry it out.

    It ends with one that finds room elsewhere, or that `may_end` where it is. Each service is looked at once.
    """
    steps: dict[str, _Step] = {}
    queue = deque([manifest])
    seen = {manifest.name}
    while queue:
        wanted = queue.popleft()
        for machine in board.able(wanted):
            for victim in _victims(board, machine, wanted, seen):
                seen.add(victim.name)
                steps[victim.name] = _Step(machine, victim, wanted)
                place = None if may_end(victim) else board.place_for(victim)
                if place is not None or may_end(victim):
                    return _carry_out(board, manifest, steps, victim, place)
                queue.append(victim)
    return None


def _victims(board: Board, machine: Machine, wanted: Manifest, seen: set[str]) -> Sequence[Manifest]:
    """Return the services each of which alone would make room on a machine, in an order that every plan has."""
    held = board.held[machine.worker_id]
    if wanted in held:
        return ()
    found = [m for m in held if m.name not in seen and board.has_room_without(machine, m, wanted)]
    return sorted(found, key=lambda m: m.name)


def _carry_out(
    board: Board, manifest: Manifest, steps: dict[str, _Step], last: Manifest, place: Machine | None
) -> Machine | None:
    """Move along a chain from its end; return the machine that has room then, or undo all when one has not."""
    undo: list[Callable[[], None]] = []
    moving = last
    while True:
        step = steps[moving.name]
        undo.append(_move(board, step.machine, moving, place, f"{manifest.name} had no other place"))
        if not board.has_room(step.machine, step.wanted):
            break
        if step.wanted is manifest:
            return step.machine
        moving, place = step.wanted, step.machine
    for back in reversed(undo):
        back()
    return None


def _by_taking_several(board: Board, manifest: Manifest) -> Machine | None:
    """Take from one machine what others run too, or can run, until a service that nobody runs has a place.

    Nobody's last replica is lost by it, so there is one gap less each time, and an end to it.
    """
    reason = f"{manifest.name} had no other place"
    for machine in sorted(board.able(manifest), key=lambda machine: board.burden(machine, manifest)):
        taken: list[tuple[Manifest, Callable[[], None]]] = []
        for victim in _by_surplus(board, machine):
            other = board.place_for(victim) if board.count(victim.name) < 2 else None
            if other is None and board.count(victim.name) < 2:
                continue
            taken.append((victim, _move(board, machine, victim, other, reason)))
            if board.has_room(machine, manifest):
                _hand_back(board, machine, manifest, taken)
                return machine
        for _, back in reversed(taken):
            back()
    return None


def _hand_back(
    board: Board, machine: Machine, manifest: Manifest, taken: Sequence[tuple[Manifest, Callable[[], None]]]
) -> None:
    """Give back what fits beside the newcomer after all: the last one taken may have freed more than lacked."""
    for victim, back in reversed(taken):
        if board.fits_beside(machine, [*board.held[machine.worker_id], victim], manifest):
            back()


def _by_surplus(board: Board, machine: Machine) -> Sequence[Manifest]:
    held = board.held[machine.worker_id]
    return sorted(held, key=lambda m: (board.count(m.name) - m.replicas, m.name), reverse=True)


def _move(
    board: Board, machine: Machine, victim: Manifest, other: Machine | None, reason: str
) -> Callable[[], None]:
    """Take a service from a machine and give it to another, if there is one; return how to undo that."""
    before = board.notes((machine, other), victim)
    board.take(machine, victim, reason, other or board.who_else(machine, victim))
    if other is not None:
        board.give(other, victim, f"its machine {machine.worker_id} was needed: {reason}")

    def undo() -> None:
        if other is not None:
            board.take(other, victim, "")
        board.give(machine, victim)
        board.recall(before, victim)

    return undo


def add_named(board: Board) -> None:
    """Give machines what their volunteers named."""
    for machine in board.machines:
        for name in machine.capabilities.allowed_services:
            manifest = board.manifests.get(name)
            if manifest is not None and _may_add(board, machine, manifest):
                board.give(machine, manifest, "its volunteer named it")


def occupy_idle(board: Board) -> None:
    """Give one service to each machine that would otherwise have none."""

    def replicas(manifest: Manifest) -> tuple[float, str]:
        return (board.count(manifest.name) / manifest.replicas, manifest.name)

    shared = sorted(filter(may_have_more, board.manifests.values()), key=replicas)
    for machine in board.machines:
        if board.held[machine.worker_id]:
            continue
        rarest = next((manifest for manifest in shared if _may_add(board, machine, manifest)), None)
        if rarest is not None:
            board.give(machine, rarest, "it has nothing else to do")
            shared.remove(rarest)
            bisect.insort(shared, rarest, key=replicas)


def _may_add(board: Board, machine: Machine, manifest: Manifest) -> bool:
    """Say whether a machine may get what is not needed there."""
    troubled = board.is_overloaded(machine) or board.is_shunned(machine, manifest)
    return may_have_more(manifest) and not troubled and board.can_take(machine, manifest)
