"""What all requests of one router share."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from node.forwarding.forwarder import Forwarder
from node.forwarding.headers import Answers
from node.forwarding.interface import Target
from node.program.tasks import TaskSet
from node.routing.admission import Gates
from node.routing.breaker import Breakers
from node.routing.cache import FingerCache
from node.routing.outstanding import Outstanding
from node.routing.retry import RetryBudget
from node.routing.selection import Selector
from node.routing.settings import RoutingSettings
from node.routing.sources import Finder
from node.routing.stats import RoutingCounters
from node.routing.targets import AddressBook

if TYPE_CHECKING:
    from node.routing.dispatch import Dispatch


class Witness(Protocol):
    """Hears what every single try at another node showed."""

    def answered(self, worker_id: str, load: float | None) -> None:
        """Hear that a worker answered, and the load that it told, if any."""

    def unreachable(self, worker_id: str, target: Target) -> None:
        """Hear that one address of a worker took no connection."""

    def failed(self, worker_id: str) -> None:
        """Hear that a worker took a request and did not answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts; `witness` may be missing, and `over` hears of every request that has ended."""

    worker_id: str
    settings: RoutingSettings
    forwarder: Forwarder
    answers: Answers
    finder: Finder
    cache: FingerCache
    breakers: Breakers
    selector: Selector
    budget: RetryBudget
    counters: RoutingCounters
    addresses: AddressBook
    local_gates: Gates
    remote_gates: Gates
    clock: Callable[[], float]
    rng: random.Random
    own_load: Callable[[], float]
    over: Callable[[Dispatch], None]
    witness: Witness | None = None
    tasks: TaskSet = field(default_factory=lambda: TaskSet("routing"))
    outstanding: Outstanding = field(default_factory=Outstanding)
