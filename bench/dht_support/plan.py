"""Who joins, who publishes what, who is killed, and who looks up what: all of it follows from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SEEDS = 3  # nodes that all others join through
PUBLISHING = 4  # one node in so many publishes
WORKERS = 3  # that offer the same service


@dataclass(frozen=True, slots=True)
class Query:
    """One lookup: node number `asker` looks for what node number `publisher` has published."""

    asker: int
    publisher: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: nodes are known by their numbers from 0."""

    nodes: int
    publishers: Sequence[int]
    killed: frozenset[int]
    queries: Sequence[Query]

    def service_of(self, publisher: int) -> str:
        return f"service-{self.publishers.index(publisher) // WORKERS}"


def make(nodes: int, kill: float, lookups: int, rng: random.Random) -> Plan:
    """Draw a plan; the killed are `kill` of all nodes, publishers and seeds among them as chance will have it."""
    publishers = range(0, nodes, PUBLISHING)
    numbers = list(range(nodes))
    killed = frozenset(rng.sample(numbers, min(round(kill * nodes), nodes - 2)))
    living = [number for number in numbers if number not in killed]
    wanted = [number for number in publishers if number not in killed]
    queries: list[Query] = []
    while wanted and len(queries) < lookups:
        publisher = rng.choice(wanted)
        queries.append(Query(rng.choice([number for number in living if number != publisher]), publisher))
    return Plan(nodes, publishers, killed, queries)
