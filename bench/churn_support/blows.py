"""What is done to whom: decisions, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from enum import StrEnum

LEAST_SPARED = 2  # nodes that serve and are left alone: a mesh without any worker may say so


class Blow(StrEnum):
    """A disturbance; `.value` is what the table calls it."""

    KILL_NODE = "node killed (SIGKILL)"
    END_NODE = "node ended (SIGTERM)"
    KILL_SERVICE = "service's process killed (SIGKILL)"
    RENEW_GATEWAYS = "gateway processes drained, replaced (SIGHUP)"


# What happens to nodes: each round has all of these, in any order.
ROUND = (Blow.KILL_NODE, Blow.KILL_NODE, Blow.END_NODE, Blow.KILL_SERVICE)


def blows(rng: random.Random) -> Iterator[Blow]:
    """Yield disturbances of nodes for ever."""
    usual = list(ROUND)
    while True:
        rng.shuffle(usual)
        yield from usual


def victim(rng: random.Random, serving: Collection[str]) -> str | None:
    """Return whose turn it is, or None while too few would be left."""
    return rng.choice(sorted(serving)) if len(serving) > LEAST_SPARED else None
