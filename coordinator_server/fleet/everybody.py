"""All workers of the mesh, whichever coordinator they talk to, as planning and views see them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coordinator_server.fleet.roster import Roster, Row
from coordinator_server.registry.membership import Member
from coordinator_server.registry.registry import Registry, Status


class Everybody:
    """While we are alone, those that talk to us; else those of whom the store tells, who may talk to us, too."""

    def __init__(self, registry: Registry, roster: Roster) -> None:
        self._registry = registry
        self._roster = roster
        self.together = False

    def members(self) -> Sequence[Member]:
        """Return those for whom it is planned."""
        if not self.together:
            return self._registry.members()
        return [live.member for live in tuple(self._roster.live.values())]

    def __len__(self) -> int:
        return len(self._roster.live if self.together else self._registry)

    def member(self, worker_id: str) -> Member | None:
        own = self._registry.member(worker_id)
        if own is not None or not self.together:
            return own
        live = self._roster.live.get(worker_id)
        return live.member if live is not None else None

    def is_stale(self, member: Member) -> bool:
        """Say whether a worker was not heard of for long by whom it talks to."""
        live = self._roster.live.get(member.worker_id) if self.together else None
        return live.row.facts.stale if live is not None else self._registry.is_stale(member)

    def far(self) -> Iterator[tuple[str, Row]]:
        """Yield those that talk to others only."""
        if self.together:
            for name, row in self._roster.elsewhere():
                if self._registry.member(name) is None:
                    yield name, row

    def coordinator_of(self, member: Member, own_id: str) -> str:
        """Return which coordinator a worker talks to."""
        row = self._roster.at(member.worker_id)
        return own_id if row is None or self._registry.member(member.worker_id) is not None else row.owner

    def status(self, member: Member) -> Status:
        """Return how a worker is; of one of ours the registry knows it better."""
        own = self._registry.member(member.worker_id)
        if own is not None:
            return self._registry.status(own)
        return "stale" if self.is_stale(member) else self._registry.standing(member)
