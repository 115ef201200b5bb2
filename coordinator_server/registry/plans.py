"""What a planning says, and what the next one has to know of it: values only. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Move:
    """One change, and why."""

    worker_id: str
    service: str
    action: Literal["start", "stop"]
    reason: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """A service that has fewer machines than wanted, and why."""

    service: str
    wanted: int
    assigned: int
    reason: str


@dataclass(frozen=True, slots=True)
class Handover:
    """A service that one machine goes on serving until others do: `source` gives it up then."""

    service: str
    source: str
    target: str  # the machine that starts it; empty where it is any of those that have it
    since: float
    reason: str


@dataclass(frozen=True, slots=True)
class Pace:
    """When a machine counts as overloaded, and how rarely something moves for it. Times are seconds."""

    overloaded: float = 0.9  # load from which on it is too much
    calm: float = 0.75  # load under which it is no more
    idle: float = 0.5  # load up to which a machine may take over from another
    gain: float = 0.4  # by how much less the other must be loaded
    memory_free: float = 0.05  # share of its memory under which a machine has too little
    memory_calm: float = 0.1
    sustained: float = 90.0  # how long it must last: three heartbeats
    retry: float = 30.0  # until another look at one that nobody could relieve
    cooldown: float = 900.0  # in which neither service nor machine moves again; it doubles for a service each time
    longest_cooldown: float = 14_400.0
    forgiven: float = 86_400.0  # without a move, after which a service's first cool-down counts again
    patience: float = 300.0  # for the machine that takes over to serve; then it is given up
    drain: float = 30.0  # for the others when the operator drains a machine (SPEC §8: drain_deadline)


@dataclass(frozen=True, slots=True)
class Moved:
    """How often a service has moved lately, and when last."""

    times: int
    at: float

    def rests_until(self, pace: Pace) -> float:
        return self.at + min(pace.cooldown * 2.0 ** (self.times - 1), pace.longest_cooldown)


@dataclass(frozen=True, slots=True)
class History:
    """What planning remembers. It may be lost at any time: then nothing moves for it that would have."""

    overloaded: Mapping[str, float] = field(default_factory=dict)  # by worker id: since when
    drained: Mapping[str, float] = field(default_factory=dict)  # by worker id: since when the operator drains it
    handovers: Mapping[tuple[str, str], Handover] = field(default_factory=dict)  # by source and service
    moved: Mapping[str, Moved] = field(default_factory=dict)  # by service
    rested: Mapping[str, float] = field(default_factory=dict)  # by worker id: took part in a move last at
    shunned: Mapping[tuple[str, str], float] = field(default_factory=dict)  # by worker id and service: until
    awaited: frozenset[tuple[str, str]] = frozenset()  # worker id and service: when it runs, something may end
    looked_at: float = 0.0  # when it was planned last


@dataclass(frozen=True, slots=True)
class Plan:
    """What every machine shall run now, what that changes, what follows it, and what is still missing."""

    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    shortages: tuple[Shortage, ...] = ()
    handovers: tuple[Handover, ...] = ()  # under way after these moves
    waiting: tuple[Move, ...] = ()  # starts that wait until their machine has handed something over
    history: History = field(default_factory=History)  # for the next planning
