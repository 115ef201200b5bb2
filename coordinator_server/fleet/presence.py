"""Who of the coordinators is alive, by what each said in the store. Pure; `now` is a clock that never steps back.

Their clocks may be wrong: what counts is when we saw that a coordinator had said something new. Only of what was
there already when we first looked is the time believed that stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from node.wire.messages import CoordinatorInfo

MOST = 16  # coordinators that workers are told of, we among them
PAST = float("-inf")

Status = Literal["active", "starting", "draining", "stale"]


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What a coordinator says of itself: `seen_at` is when it did (Unix seconds), `run` is drawn at each start."""

    info: CoordinatorInfo
    seen_at: float
    run: str = ""
    workers: int = 0
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was read last of a coordinator, in which version, and when it was new."""

    said: Serving
    version: int
    heard_at: float


class Presence:
    """Knows the coordinators but for ourselves; `life` is for how many seconds of silence one counts as alive."""

    def __init__(self, own_id: str, life: float) -> None:
        self._own_id = own_id
        self._life = life
        self._seen: dict[str, Sighting] = {}

    def look(self, rows: Mapping[str, tuple[Serving, int]], now: float, wall: float) -> None:
        """Take in what the store has now, each with its version."""
        before, self._seen = self._seen, {}
        for name, (said, version) in rows.items():
            known = before.get(name)
            if name == self._own_id or said.info.id != name:
                continue
            if known is None:
                heard_at = now if said.seen_at > wall - self._life else PAST
            else:
                heard_at = known.heard_at if version == known.version else now
            self._seen[name] = Sighting(said, version, heard_at)

    def alive(self, now: float) -> Sequence[Serving]:
        """Return who is heard of, in an order that does not change by itself."""
        found = [seen.said for seen in self._seen.values() if now - seen.heard_at < self._life]
        return sorted(found, key=lambda said: said.info.id)[: MOST - 1]

    def silent(self, now: float) -> Sequence[Serving]:
        """Return who has ended without a word."""
        found = [seen.said for seen in self._seen.values() if now - seen.heard_at >= self._life]
        return sorted(found, key=lambda said: said.info.id)[: MOST - 1]
