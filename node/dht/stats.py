"""What a DHT node counts, while it runs and as it tells it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from node.dht.verifier import Reason


@dataclass(slots=True)
class Counters:
    """Running counts of one DHT node, shared by its parts."""

    lookups: int = 0
    lookups_empty: int = 0
    stored: int = 0
    published: int = 0
    malformed: int = 0
    foreign: int = 0
    unsolicited: int = 0
    rpc_sent: int = 0
    rpc_failed: int = 0
    rpc_served: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)


class DhtStats(msgspec.Struct, frozen=True, kw_only=True):
    """A DHT node's numbers: what it holds now and what it has counted since it started.

    `rejected` counts entries that did not count, by reason; `malformed`, `foreign` and `unsolicited` count
    datagrams: nonsense, of another mesh, and answers that nobody asked for at that address.
    """

    node_id: str
    joined: bool
    contacts: int
    keys: int
    entries: int
    lookups: int = 0
    lookups_empty: int = 0
    stored: int = 0
    published: int = 0
    rejected: dict[str, int] = {}
    malformed: int = 0
    foreign: int = 0
    unsolicited: int = 0
    rpc_sent: int = 0
    rpc_failed: int = 0
    rpc_served: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


def snapshot(
    counters: Counters, *, node_id: bytes, joined: bool, contacts: int, keys: int, entries: int
) -> DhtStats:
    """Return the counts as one value."""
    return DhtStats(
        node_id=node_id.hex(),
        joined=joined,
        contacts=contacts,
        keys=keys,
        entries=entries,
        lookups=counters.lookups,
        lookups_empty=counters.lookups_empty,
        stored=counters.stored,
        published=counters.published,
        rejected={str(reason): count for reason, count in counters.rejected.items()},
        malformed=counters.malformed,
        foreign=counters.foreign,
        unsolicited=counters.unsolicited,
        rpc_sent=counters.rpc_sent,
        rpc_failed=counters.rpc_failed,
        rpc_served=counters.rpc_served,
        bytes_sent=counters.bytes_sent,
        bytes_received=counters.bytes_received,
    )
