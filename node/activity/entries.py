"""One line of the activity log: what happened as a code, and what about; who shows it makes a sentence."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["program", "mesh", "rest", "service", "coordinator", "network", "key"]
Code = Literal[
    "node-started",
    "node-stopping",
    "joined",
    "join-failed",
    "leaving",
    "left",
    "expelled",
    "paused",
    "gpu-paused",
    "resumed",
    "rules-changed",
    "service-started",
    "service-recovered",
    "service-restarting",
    "service-unwell",
    "service-failed",
    "service-stopped",
    "coordinator-found",
    "coordinator-lost",
    "coordinator-refused",
    "vpn-up",
    "vpn-down",
    "vpn-trouble",
    "tunnel-up",
    "tunnel-down",
    "tunnel-trouble",
    "key-renewed",
    "place-renewed",
    "place-refused",
]

KINDS: dict[Code, Kind] = {
    "node-started": "program",
    "node-stopping": "program",
    "joined": "mesh",
    "join-failed": "mesh",
    "leaving": "mesh",
    "left": "mesh",
    "expelled": "mesh",
    "paused": "rest",
    "gpu-paused": "rest",
    "resumed": "rest",
    "rules-changed": "rest",
    "service-started": "service",
    "service-recovered": "service",
    "service-restarting": "service",
    "service-unwell": "service",
    "service-failed": "service",
    "service-stopped": "service",
    "coordinator-found": "coordinator",
    "coordinator-lost": "coordinator",
    "coordinator-refused": "coordinator",
    "vpn-up": "network",
    "vpn-down": "network",
    "vpn-trouble": "network",
    "tunnel-up": "network",
    "tunnel-down": "network",
    "tunnel-trouble": "network",
    "key-renewed": "key",
    "place-renewed": "key",
    "place-refused": "key",
}
TROUBLE: frozenset[Code] = frozenset(
    {
        "join-failed",
        "expelled",
        "service-unwell",
        "service-failed",
        "coordinator-lost",
        "coordinator-refused",
        "vpn-trouble",
        "tunnel-trouble",
        "place-refused",
    }
)
LONGEST_SUBJECT, LONGEST_DETAIL = 200, 500  # characters


class Note(msgspec.Struct, frozen=True):
    """What happened, to what (`subject`: a service, an address), and why in the node's own sentence (`detail`)."""

    code: Code
    subject: str = ""
    detail: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A note with its time (Unix s) and a number that rises by one. The code may be of a newer version."""

    number: int
    at: float
    code: str
    subject: str = ""
    detail: str = ""


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, the oldest first; `last` is the newest number there is, `first` the oldest kept."""

    first: int = 1
    last: int = 0
    entries: tuple[Entry, ...] = ()


def entry_of(note: Note, number: int, at: float) -> Entry:
    """Return the note as it is kept: with bounds, for parts of it come from others."""
    return Entry(
        number=number,
        at=round(at, 3),
        code=note.code,
        subject=note.subject[:LONGEST_SUBJECT],
        detail=note.detail[:LONGEST_DETAIL],
    )
