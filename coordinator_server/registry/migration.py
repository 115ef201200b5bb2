"""Moves that nobody's absence forces: from an overloaded machine to an idle one, and out of a crowded household.

Both are rare. A service moves once in a cool-down, which doubles each time; a machine takes part once in it; and
only where much is gained. Who gives a service up serves until the other does (see `handover`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from coordinator_server.registry.board import Board, may_have_more
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import History, Moved, Pace
from node.wire.manifests import Manifest


def watch(overloaded: Mapping[str, float], machines: Iterable[Machine], pace: Pace, now: float) -> dict[str, float]:
    """Return since when machines have been overloaded without a break, from what was known before."""
    found = {}
    for machine in machines:
        since = overloaded.get(machine.worker_id)
        if since is not None and (machine.expected or _is_tense(machine, pace)):
            found[machine.worker_id] = min(since, now)
        elif machine.awake and _is_overloaded(machine, pace):
            found[machine.worker_id] = now
    return found


def _is_overloaded(machine: Machine, pace: Pace) -> bool:
    return machine.load >= pace.overloaded or machine.memory_free < pace.memory_free


def _is_tense(machine: Machine, pace: Pace) -> bool:
    """Say whether a machine that was overloaded still counts so."""
    return machine.awake and (machine.load >= pace.calm or machine.memory_free < pace.memory_calm)


class Migration:
    """The voluntary moves of one planning, and what is remembered of them."""

    def __init__(self, board: Board, history: History, pace: Pace, now: float) -> None:
        self._board = board
        self._history = history
        self._pace = pace
        self._now = now
        self.moved = {name: moved for name, moved in history.moved.items() if now - moved.at < pace.forgiven}
        self.rested = {name: at for name, at in history.rested.items() if now - at < pace.cooldown}

    def migrate(self) -> None:
        """Move each service once at most; what moves may let another one move."""
        while self._migrate_some():
            pass

    def _migrate_some(self) -> bool:
        before = len(self._board.targets)
        under_way = {service for _, service in self._board.targets}
        manifests = sorted(
            self._board.manifests.values(), key=lambda m: (m.replicas - self._board.count(m.name), m.name)
        )
        for manifest in manifests:
            moved = self.moved.get(manifest.name)
            cools = moved is not None and moved.rests_until(self._pace) > self._now
            if may_have_more(manifest) and not cools and manifest.name not in under_way:
                self._move_one(manifest)
        return len(self._board.targets) > before

    def _move_one(self, manifest: Manifest) -> None:
        relief = self._relief(manifest)
        if relief is not None:
            source, target = relief
            span = self._now - self._history.overloaded[source.worker_id]
            state = "overloaded" if source.load >= self._pace.calm else "short of memory"
            stop = f"the machine has been {state} for {span:.0f} s, and {target.worker_id} is idle"
            start = f"it takes over from {source.worker_id}, which is {state}"
            self._move(manifest, source, target, stop, start)
            self.rested[source.worker_id] = self.rested[target.worker_id] = self._now
            self._board.shunned[source.worker_id, manifest.name] = self._now + self._pace.cooldown
            return
        spread = self._spread(manifest)
        if spread is not None:
            source, target = spread
            stop = f"{target.worker_id} runs it in another household, so that they do not fail together"
            start = f"its replicas were in one household, that of {source.worker_id}"
            self._move(manifest, source, target, stop, start)

    def _move(self, manifest: Manifest, source: Machine, target: Machine, stop: str, start: str) -> None:
        before = self.moved.get(manifest.name)
        self.moved[manifest.name] = Moved(before.times + 1 if before is not None else 1, self._now)
        self._board.take(source, manifest, stop, target)
        self._board.give(target, manifest, start)

    # --- from overloaded to idle ------------------------------------------------------------------------------

    def _relief(self, manifest: Manifest) -> tuple[Machine, Machine] | None:
        """Return the machine that has been overloaded for the longest, and who is best to take over from it."""
        holders = self._board.holders[manifest.name].values()
        sources = [m for m in holders if self._board.is_overloaded(m) and self._may_give(m, manifest)]
        sources.sort(key=lambda m: (self._history.overloaded[m.worker_id], m.worker_id))
        sources = [machine for machine in sources if machine.worker_id not in self.rested]
        if not sources:
            return None
        targets = sorted(self._idle_for(manifest), key=lambda machine: self._board.burden(machine, manifest))
        pairs = (
            (s, t) for s in sources for t in targets if self._gains(s, t) and self._spreads_as_well(manifest, s, t)
        )
        return next(pairs, None)

    def _idle_for(self, manifest: Manifest) -> Iterator[Machine]:
        pace = self._pace
        for machine in self._board.able(manifest):
            at_rest = machine.load <= pace.idle and machine.memory_free >= pace.memory_calm
            if at_rest and machine.worker_id not in self.rested and self._may_get(machine, manifest):
                yield machine

    def _gains(self, source: Machine, target: Machine) -> bool:
        return source.memory_free < self._pace.memory_calm or source.load - target.load >= self._pace.gain

    def _spreads_as_well(self, manifest: Manifest, source: Machine, target: Machine) -> bool:
        """Say whether no replica comes to another's household that was not in one before."""
        sites = self._board.sites_of(manifest.name)
        there = sites.get(target.site, 0) - (source.site == target.site) if target.site else 0
        return there == 0 or sites.get(source.site, 0) > 1

    # --- out of a crowded household ---------------------------------------------------------------------------

    def _spread(self, manifest: Manifest) -> tuple[Machine, Machine] | None:
        """Return who shares a household with another replica, and who is elsewhere and has less to do."""
        sites = self._board.sites_of(manifest.name)
        holders = self._board.holders[manifest.name]
        distinct = sum(1 for count in sites.values() if count) + sum(1 for m in holders.values() if not m.site)
        if distinct >= manifest.replicas:
            return None
        crowded = [m for m in holders.values() if sites.get(m.site, 0) > 1 and self._may_give(m, manifest)]
        if not crowded:
            return None
        source = max(crowded, key=lambda m: (len(self._board.held[m.worker_id]), m.load, m.worker_id))
        most = len(self._board.held[source.worker_id])
        targets = (
            machine
            for machine in self._board.able(manifest)
            if machine.site
            and not sites.get(machine.site)
            and len(self._board.held[machine.worker_id]) < most
            and self._may_get(machine, manifest)
        )
        best = min(targets, key=lambda machine: self._board.burden(machine, manifest), default=None)
        return None if best is None else (source, best)

    # --- who may at all ---------------------------------------------------------------------------------------

    def _may_give(self, machine: Machine, manifest: Manifest) -> bool:
        return machine.awake and manifest.name in machine.current

    def _may_get(self, machine: Machine, manifest: Manifest) -> bool:
        board = self._board
        troubled = board.is_overloaded(machine) or board.is_shunned(machine, manifest)
        return not troubled and board.has_room(machine, manifest)
