"""Who runs what, and why. Pure: the same input gives the same plan, and planning again at once changes nothing.

Only where a machine was given up that did not get a service to run, the next plan or two may look for others; and
while something is handed over, they may find a shorter way.

What runs stays, unless its machine may not run it any more. Then, one place after the other: services that nobody
runs come first (those with the fewest machines to choose from before others), then the service that lacks the most
replicas; the machine with the least to do gets it, rather one in another household and of another owner than those
that have it. A machine that is full gives something up only for what lacks a place, and only what moves elsewhere
or has more replicas than wanted; for a service that otherwise nobody would run, also another's second replica.

Volunteers' machines should not stand idle, so there may be more replicas than wanted, of services whose manifest
asks for two or more (one alone says that it keeps data which another would not know): a machine whose volunteer
named services runs all of those, and one that allows everything and has nothing to do gets the service with the
fewest replicas for what is wanted.

A machine that has long been overloaded gives a service to an idle one, and of replicas in one household one moves
to another; both rarely (`migration`). Whoever gives something up serves until the other does (`handover`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from coordinator_server.registry.board import Board
from coordinator_server.registry.filling import add_named, fill, occupy_idle
from coordinator_server.registry.fitness import unfit
from coordinator_server.registry.handover import Told, deadlines, tell
from coordinator_server.registry.keeping import keep
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.migration import Migration, watch
from coordinator_server.registry.plans import Handover, History, Move, Pace, Plan, Shortage
from coordinator_server.registry.shortages import shortages
from node.wire.manifests import Catalogue

__all__ = [
    "Handover",
    "History",
    "Machine",
    "Move",
    "Pace",
    "Plan",
    "Shortage",
    "assign",
    "look",
    "plan_again_at",
    "unfit",
]

NOTHING = History()
USUAL = Pace()


def assign(
    machines: Iterable[Machine],
    catalogue: Catalogue,
    most: int = 16,
    *,
    history: History = NOTHING,
    now: float = 0.0,
    pace: Pace = USUAL,
) -> Plan:
    """Plan for all machines; `most` is the largest number of services on one.

    `history` is that of the plan that was carried out last, `now` is Unix seconds.
    """
    fleet = sorted(machines, key=lambda machine: machine.worker_id)
    history = look(history, fleet, now, pace)
    overloaded = [name for name, since in history.overloaded.items() if now - since >= pace.sustained]
    board = Board(fleet, catalogue, most, history, overloaded)
    keep(board, pace, now)
    fill(board)
    migration = Migration(board, history, pace, now)
    migration.migrate()
    add_named(board)
    occupy_idle(board)
    told = tell(board, pace, now)
    return Plan(
        services=told.services,
        moves=(*_stops(board, told), *_starts(board, told)),
        shortages=tuple(shortages(board, told)),
        handovers=tuple(told.handovers.values()),
        waiting=tuple(told.waiting),
        history=History(
            overloaded=history.overloaded,
            drained=told.drained,
            handovers=told.handovers,
            moved=migration.moved,
            rested=migration.rested,
            shunned=board.shunned,
            awaited=frozenset(told.awaited),
            looked_at=now,
        ),
    )


def look(history: History, machines: Iterable[Machine], now: float, pace: Pace = USUAL) -> History:
    """Take in how loaded machines are, about every ten seconds; it plans nothing."""
    shunned = {key: until for key, until in history.shunned.items() if until > now}
    return replace(history, overloaded=watch(history.overloaded, machines, pace, now), shunned=shunned)


def plan_again_at(history: History, pace: Pace = USUAL) -> float:
    """Return when planning may change something although nothing happens (Unix seconds); infinity for never."""
    last = history.looked_at
    times = [
        max(since + pace.sustained, history.rested.get(name, 0.0) + pace.cooldown, last + pace.retry)
        for name, since in history.overloaded.items()
    ]
    later = [*deadlines(history, pace), *history.shunned.values()]
    later += [moved.rests_until(pace) for moved in history.moved.values()]
    return min([*times, *(time for time in later if time > last)], default=float("inf"))


def _stops(board: Board, told: Told) -> Iterator[Move]:
    for machine in board.machines:
        services = told.services[machine.worker_id]
        for name in dict.fromkeys(machine.current):
            if name not in services:
                yield Move(machine.worker_id, name, "stop", board.why(machine.worker_id, name))


def _starts(board: Board, told: Told) -> Iterator[Move]:
    for machine in board.machines:
        for name in told.services[machine.worker_id]:
            if name not in machine.current:
                yield Move(machine.worker_id, name, "start", board.why(machine.worker_id, name))
