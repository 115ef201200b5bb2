"""How busy workers are and since when we know it: of all that is said about a worker, the newest counts. Pure."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

MAX_REMEMBERED = 8192
OLDEST = 86_400.0  # seconds; what is older than a day, or has no date, is as old as a day


class Load(msgspec.Struct, frozen=True):
    """A worker's load, 0.0 to 1.0, and when it was known, in seconds of a clock that never runs backwards."""

    value: float
    known_at: float


def newest(one: Load, other: Load) -> Load:
    """Return the newer knowledge; of two of the same moment the higher load, which is the careful one."""
    if one.known_at == other.known_at:
        return one if one.value >= other.value else other
    return one if one.known_at > other.known_at else other


def possible(load: float) -> bool:
    """Tell whether a load is one: "not a number" and 1e9 are not."""
    return 0.0 <= load <= 1.0


def known_since(last_seen: float, *, wall: float, now: float) -> float:
    """Return when something dated `last_seen` (Unix seconds) was known, by the clock that says `now`.

    `wall` is the Unix time now. A date in the future counts as now: clocks differ, and nobody may claim more.
    """
    age = wall - last_seen
    if not age <= OLDEST:  # so that "not a number" is old too
        age = OLDEST
    return now - max(0.0, age)


class LoadBook:
    """The newest load of each worker, for all its services or for one of them; the oldest are forgotten first."""

    def __init__(self, maximum: int = MAX_REMEMBERED) -> None:
        self._maximum = maximum
        self._said: OrderedDict[tuple[str, str], Load] = OrderedDict()

    def __len__(self) -> int:
        return len(self._said)

    def note(self, worker_id: str, load: Load, service: str = "") -> None:
        """Remember what was said about a worker, where it is news; `service` is empty for all of them."""
        key = (service, worker_id)
        known = self._said.get(key)
        self._said[key] = load if known is None else newest(known, load)
        self._said.move_to_end(key)
        while len(self._said) > self._maximum:
            self._said.popitem(last=False)

    def newest(self, worker_id: str, service: str, said: Load) -> Load:
        """Return the newest of `said`, what is known of the worker, and what is known of this service of it."""
        for key in (("", worker_id), (service, worker_id)):
            known = self._said.get(key)
            if known is not None:
                said = newest(said, known)
        return said
