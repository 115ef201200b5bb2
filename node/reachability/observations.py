"""What could be seen from here a moment ago. Values only; nobody decides anything here."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.reachability.failures import Failure
from node.wire.messages import SeenAs

Outcome = Literal["answers", "stranger"] | Failure
NameFound = Literal["found", "unknown", "nobody-says"]


class CoordinatorSeen(msgspec.Struct, frozen=True):
    """How a call to the coordinator ended; `clock_offset` is its clock minus ours (seconds, to a second)."""

    outcome: Outcome
    status: int = 0
    clock_offset: float | None = None


class ProxySeen(msgspec.Struct, frozen=True):
    """The proxy on the way to the coordinator, without its password; `flaw` says why it cannot be used."""

    shown: str
    has_password: bool = False
    flaw: Literal["", "unreadable", "scheme"] = ""


class Mapped(msgspec.Struct, frozen=True):
    """From which address a machine that we asked over UDP has seen our question come."""

    asked: tuple[str, int]
    seen: tuple[str, int]


class Observations(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; what was not looked for, or did not come in time, is None or empty."""

    now: float = 0.0  # Unix seconds, by our clock
    coordinator: CoordinatorSeen | None = None
    proxy: ProxySeen | None = None
    name: NameFound | None = None  # what this computer's name servers say of the coordinator's name
    connected: bool = False  # whether a connection to a coordinator, opened earlier, stands
    outside: SeenAs | None = None  # what the coordinator says of us
    udp_asked: int = 0  # machines that were asked over UDP
    mappings: tuple[Mapped, ...] = ()  # of those that answered
    own_addresses: tuple[str, ...] = ()  # of this computer, but loopback
