"""A service's candidates by load, kept in order as loads change, so that a decision looks at a few of many."""

from __future__ import annotations

import bisect
import random
from collections.abc import Container, Iterable, Iterator, Mapping
from operator import itemgetter

import msgspec

from node.routing.candidates import Candidate

LOAD_STEPS = 20  # loads that differ by less than a step are equal: noise must not keep a worker idle
NOBODY: Mapping[str, Candidate] = {}
FIRST = itemgetter(0)


class Wanted(msgspec.Struct, frozen=True):
    """Who may be picked: nobody in `skip`, only vetted workers if so, and first those that have room.

    `busy` counts our own requests in flight at each worker, `concurrency` is how many one takes at a time.
    """

    skip: Container[str]
    busy: Mapping[str, int]
    concurrency: int
    vetted_only: bool = False

    def allows(self, candidate: Candidate) -> bool:
        return candidate.worker_id not in self.skip and (candidate.vetted or not self.vetted_only)

    def ours(self, candidate: Candidate) -> int:
        return self.busy.get(candidate.worker_id, 0)

    def has_room(self, candidate: Candidate) -> bool:
        return self.ours(candidate) < self.concurrency

    def load(self, candidate: Candidate) -> float:
        """Return what the worker said last, or what we alone have given it since, whichever is more."""
        return max(candidate.load, self.ours(candidate) / self.concurrency)

    def step(self, candidate: Candidate) -> int:
        return step_of(self.load(candidate))


def step_of(load: float) -> int:
    return round(load * LOAD_STEPS)


class Ranking:
    """Candidates by id and by the step that their reported load is in."""

    __slots__ = ("_by_id", "_steps", "count")

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._by_id: dict[str, Candidate] = {}
        self.count = 0  # the same as `len`, for those in a hurry
        self._steps: dict[int, dict[str, Candidate]] = {}
        for candidate in candidates:
            self.put(candidate)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._by_id.values())

    def get(self, worker_id: str) -> Candidate | None:
        return self._by_id.get(worker_id)

    def put(self, candidate: Candidate) -> None:
        """Take in a candidate, in place of what was known under its id."""
        worker_id, step = candidate.worker_id, step_of(candidate.load)
        before = self._by_id.get(worker_id)
        if before is not None and step_of(before.load) != step:
            self._unstep(before)
        self._by_id[worker_id] = candidate
        self.count = len(self._by_id)
        self._steps.setdefault(step, {})[worker_id] = candidate

    def remove(self, worker_id: str) -> Candidate | None:
        candidate = self._by_id.pop(worker_id, None)
        self.count = len(self._by_id)
        if candidate is not None:
            self._unstep(candidate)
        return candidate

    def eligible(self, wanted: Wanted) -> list[Candidate]:
        """Return all who may be picked: those with room, or the full ones where there are no others."""
        allowed = [item for item in self if wanted.allows(item)]
        return [item for item in allowed if wanted.has_room(item)] or allowed

    def few_by_step(self, wanted: Wanted) -> list[tuple[int, Candidate]]:
        """Return all with room who may be picked, each after the step of its load, the least loaded first."""
        busy, concurrency, skip, vetted_only = wanted.busy, wanted.concurrency, wanted.skip, wanted.vetted_only
        found, uneven = [], len(self._steps) > 1
        for step, bucket in self._steps.items():
            for worker_id, candidate in bucket.items():
                if worker_id in skip or (vetted_only and not candidate.vetted):
                    continue
                ours = busy.get(worker_id)
                if ours is None:
                    found.append((step, candidate))
                elif ours < concurrency:
                    own_step = round(ours / concurrency * LOAD_STEPS)
                    uneven = uneven or own_step > step
                    found.append((max(step, own_step), candidate))
        if uneven:
            found.sort(key=FIRST)
        return found

    def least_loaded(self, most: int, wanted: Wanted, rng: random.Random) -> list[Candidate]:
        """Return up to `most` of the eligible, the least loaded first; those of one step come in random order.

        It begins with who reported least and goes on until it has enough. Whoever has more of our own requests
        than it has reported waits in `moved` until its step comes. So it is mostly a handful that is looked at.
        """
        draw, busy, concurrency = rng.random, wanted.busy, wanted.concurrency
        skip, vetted_only = wanted.skip, wanted.vetted_only
        chosen: list[Candidate] = []
        full: list[Candidate] = []
        moved: dict[int, list[Candidate]] = {}
        order = sorted(self._steps) if len(self._steps) > 1 else list(self._steps)
        for step in order:  # which grows behind this step while we go
            pool = list(self._steps.get(step, NOBODY).values())
            if moved:
                pool += moved.get(step, ())
            while pool:
                last = pool.pop()  # in place of one at random, which is taken
                if pool and (index := int(draw() * (len(pool) + 1))) < len(pool):
                    candidate, pool[index] = pool[index], last
                else:
                    candidate = last
                worker_id = candidate.worker_id
                if worker_id in skip or (vetted_only and not candidate.vetted):
                    continue
                ours = busy.get(worker_id, 0)
                if ours >= concurrency:
                    full.append(candidate)
                elif ours and (true_step := step_of(ours / concurrency)) > step:
                    if true_step not in moved and true_step not in self._steps:
                        bisect.insort(order, true_step)
                    moved.setdefault(true_step, []).append(candidate)
                else:
                    chosen.append(candidate)
                    if len(chosen) == most:
                        return chosen
        return chosen or sorted(full, key=lambda item: (wanted.step(item), draw()))[:most]

    def _unstep(self, candidate: Candidate) -> None:
        step = step_of(candidate.load)
        bucket = self._steps[step]
        del bucket[candidate.worker_id]
        if not bucket:
            del self._steps[step]
