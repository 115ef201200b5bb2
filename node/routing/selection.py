"""Picks one candidate: by default at random among the three least loaded, with weights 5:3:2."""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence

from node.routing.candidates import Candidate
from node.routing.settings import Policy

WEIGHTS = (5, 3, 2)
LOAD_STEPS = 20  # loads that differ by less than a step are equal: noise must not keep a worker idle
MAX_TURNS = 1024

LoadOf = Callable[[Candidate], float]


def reported_load(candidate: Candidate) -> float:
    return candidate.load


def least_loaded(
    candidates: Sequence[Candidate], rng: random.Random, load: LoadOf = reported_load
) -> list[Candidate]:
    """Return up to three candidates, the least loaded first; equal loads come in random order."""
    draw = rng.random
    keyed = [(round(load(item) * LOAD_STEPS), draw(), index) for index, item in enumerate(candidates)]
    return [candidates[index] for _, _, index in heapq.nsmallest(len(WEIGHTS), keyed)]


def pick_weighted(candidates: Sequence[Candidate], rng: random.Random, load: LoadOf = reported_load) -> Candidate:
    """Return one of the three least loaded, with weights 5:3:2; `candidates` is not empty."""
    best = least_loaded(candidates, rng, load)
    return rng.choices(best, WEIGHTS[: len(best)])[0]


def pick_least_outstanding(
    candidates: Sequence[Candidate], outstanding: Callable[[Candidate], int], rng: random.Random
) -> Candidate:
    """Return the candidate with the fewest of our own requests in flight; ties fall at random."""
    return min(candidates, key=lambda item: (outstanding(item), rng.random()))


class Turns:
    """Round-robin: whose turn it is for each service, in a bounded table."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, str] = OrderedDict()

    def pick(self, service: str, candidates: Sequence[Candidate]) -> Candidate:
        """Return the candidate that follows the last one in the order of ids."""
        ordered = sorted(candidates, key=lambda item: item.worker_id)
        last = self._last.get(service, "")
        chosen = next((item for item in ordered if item.worker_id > last), ordered[0])
        self._last[service] = chosen.worker_id
        self._last.move_to_end(service)
        while len(self._last) > MAX_TURNS:
            self._last.popitem(last=False)
        return chosen


class Selector:
    """Applies the policy that was set; `load` and `outstanding` tell what is known about a candidate now."""

    def __init__(self, policy: Policy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._turns = Turns()

    def pick(
        self, service: str, candidates: Sequence[Candidate], load: LoadOf, outstanding: Callable[[Candidate], int]
    ) -> Candidate:
        """Return one of the candidates, of which there is at least one."""
        if self._policy == "round-robin":
            return self._turns.pick(service, candidates)
        if self._policy == "least-outstanding":
            return pick_least_outstanding(candidates, outstanding, self._rng)
        return pick_weighted(candidates, self._rng, load)
