"""Picks one candidate: by default at random among the three least loaded, with weights 5:3:2."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import accumulate

from node.routing.candidates import Candidate
from node.routing.ranking import Ranking, Wanted
from node.routing.settings import Policy

WEIGHTS = (5, 3, 2)
UP_TO = tuple(accumulate(WEIGHTS))
MAX_TURNS = 1024
FEW = 6  # candidates up to which looking at all of them is quicker than drawing some


def pick_weighted(best: Sequence[Candidate], rng: random.Random) -> Candidate:
    """Return one of up to three candidates, the least loaded of which comes first, with weights 5:3:2."""
    point = rng.random() * UP_TO[len(best) - 1]
    return best[0 if point < UP_TO[0] else 1 if point < UP_TO[1] else 2]


def pick_of_few(found: Sequence[tuple[int, Candidate]], rng: random.Random) -> Candidate:
    """Return one of some candidates in order of their steps, with the same chances as `pick_weighted`.

    The weights say which rank is meant; all who share its step have the same right to that rank.
    """
    point = rng.random() * UP_TO[min(len(found), len(UP_TO)) - 1]
    step = found[0 if point < UP_TO[0] else 1 if point < UP_TO[1] else 2][0]
    if found[-1][0] == found[0][0]:
        return found[int(rng.random() * len(found))][1]
    alike = [candidate for other, candidate in found if other == step]
    return alike[int(rng.random() * len(alike))]


def pick_least_outstanding(candidates: Sequence[Candidate], wanted: Wanted, rng: random.Random) -> Candidate:
    """Return the candidate with the fewest of our own requests in flight; ties fall at random."""
    return min(candidates, key=lambda item: (wanted.ours(item), rng.random()))


def weighted_chances(steps: Sequence[int]) -> list[float]:
    """Return with what chance `pick_weighted` takes each of the candidates that are in these steps of load.

    Who shares a step shares the places that the step takes up, and so the weights of these places.
    """
    order = sorted(steps)
    total = UP_TO[min(len(order), len(WEIGHTS)) - 1] if order else 0
    shares = {}
    for step in set(order):
        first, count = order.index(step), order.count(step)
        shares[step] = sum(WEIGHTS[first : first + count]) / total / count
    return [shares[step] for step in steps]


def next_turn(last: str, candidates: Sequence[Candidate]) -> Candidate:
    """Return who follows the last one in the order of ids."""
    ordered = sorted(candidates, key=lambda item: item.worker_id)
    return next((item for item in ordered if item.worker_id > last), ordered[0])


def chances(policy: Policy, eligible: Sequence[Candidate], wanted: Wanted, last_turn: str) -> Mapping[str, float]:
    """Return with what chance the policy picks each of these workers next; who is left out has none."""
    if not eligible:
        return {}
    if policy == "weighted":
        shares = weighted_chances([wanted.step(item) for item in eligible])
        return {item.worker_id: share for item, share in zip(eligible, shares, strict=True) if share}
    if policy == "round-robin":
        return {next_turn(last_turn, eligible).worker_id: 1.0}
    fewest = min(wanted.ours(item) for item in eligible)
    idlest = [item.worker_id for item in eligible if wanted.ours(item) == fewest]
    return dict.fromkeys(idlest, 1.0 / len(idlest))


class Turns:
    """Round-robin: whose turn it is for each service, in a bounded table."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, str] = OrderedDict()

    def last(self, service: str) -> str:
        return self._last.get(service, "")

    def take(self, service: str, candidates: Sequence[Candidate]) -> Candidate:
        """Return whose turn it is, and let the next one come after it."""
        chosen = next_turn(self.last(service), candidates)
        self._last[service] = chosen.worker_id
        self._last.move_to_end(service)
        while len(self._last) > MAX_TURNS:
            self._last.popitem(last=False)
        return chosen


class Selector:
    """Applies the policy that was set."""

    def __init__(self, policy: Policy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._turns = Turns()

    @property
    def policy(self) -> Policy:
        return self._policy

    def pick(self, service: str, ranking: Ranking, wanted: Wanted) -> Candidate | None:
        """Return one of the candidates that may be picked; None where there are none."""
        if self._policy == "weighted":
            if ranking.count <= FEW and (found := ranking.few_by_step(wanted)):
                return pick_of_few(found, self._rng)
            best = ranking.least_loaded(len(WEIGHTS), wanted, self._rng)
            return pick_weighted(best, self._rng) if best else None
        eligible = ranking.eligible(wanted)
        if not eligible:
            return None
        if self._policy == "round-robin":
            return self._turns.take(service, eligible)
        return pick_least_outstanding(eligible, wanted, self._rng)

    def last_turn(self, service: str) -> str:
        """Return whose turn it was last in round-robin; an empty string where it was nobody's."""
        return self._turns.last(service)
