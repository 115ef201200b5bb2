"""Who has proved which address, and when somebody may be asked again. Pure; times are Unix seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

PAUSE = 30.0  # seconds between two probes for one worker
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Proved:
    """A worker's address, as it was proved last."""

    worker_id: str
    public_key: str  # of the identity that proved it: the id may be given to another machine
    access_url: str
    since: float
    proved_at: float


class Table:
    """At most one address per worker, and one worker per address."""

    def __init__(self, stale: float, pause: float = PAUSE) -> None:
        self._stale = stale
        self._pause = pause
        self._proved: dict[str, Proved] = {}
        self._owners: dict[str, str] = {}
        self._asked: OrderedDict[str, float] = OrderedDict()

    def may_ask_in(self, worker_id: str, now: float) -> float:
        """Return the seconds until another probe for this worker is allowed; 0 for now."""
        asked = self._asked.get(worker_id)
        if asked is None or now < asked:  # the clock was set back
            return 0.0
        return max(0.0, asked + self._pause - now)

    def asking(self, worker_id: str, now: float) -> None:
        """Take down that a probe begins."""
        self._asked[worker_id] = now
        self._asked.move_to_end(worker_id)
        while len(self._asked) > MOST:
            self._asked.popitem(last=False)

    def prove(self, found: Proved) -> bool:
        """Take in what was just proved; return whether it is news."""
        before = self._proved.get(found.worker_id)
        same = before is not None and (before.access_url, before.public_key) == (found.access_url, found.public_key)
        self.remove(found.worker_id)
        self._proved[found.worker_id] = replace(found, since=before.since) if before and same else found
        self._owners[found.access_url] = found.worker_id
        return not same

    def remove(self, worker_id: str) -> Proved | None:
        found = self._proved.pop(worker_id, None)
        if found is not None and self._owners.get(found.access_url) == worker_id:
            del self._owners[found.access_url]
        return found

    def of(self, worker_id: str, now: float) -> Proved | None:
        """Return what this worker has proved, if it is not stale."""
        found = self._proved.get(worker_id)
        return found if found is not None and self._is_fresh(found, now) else None

    def owner(self, access_url: str, now: float) -> str | None:
        """Return who has proved this address a short while ago."""
        worker_id = self._owners.get(access_url)
        return worker_id if worker_id is not None and self.of(worker_id, now) is not None else None

    def fresh(self, now: float) -> Iterable[Proved]:
        """Forget what is stale; return the rest, by worker."""
        for worker_id in [one.worker_id for one in self._proved.values() if not self._is_fresh(one, now)]:
            self.remove(worker_id)
        return sorted(self._proved.values(), key=lambda one: one.worker_id)

    def _is_fresh(self, one: Proved, now: float) -> bool:
        return now - one.proved_at < self._stale
