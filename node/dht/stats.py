"""What a DHT node counts, while it runs and as it tells it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from node.dht.verifier import Reason
from node.wire.credentials import Role


@dataclass(slots=True)
class Counters:
    """Running counts of one DHT node, shared by its parts."""

    lookups: int = 0
    lookups_empty: int = 0
    hops_total: int = 0
    stored: int = 0
    published: int = 0
    malformed: int = 0
    foreign: int = 0
    unsolicited: int = 0
    unproven: int = 0
    limited: int = 0
    rpc_sent: int = 0
    rpc_failed: int = 0
    rpc_served: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)


class DhtStats(msgspec.Struct, frozen=True, kw_only=True):
    """A DHT node's numbers: what it holds now and what it has counted since it started.

    `rejected` counts entries that did not count, by reason; `malformed`, `foreign`, `unsolicited`, `unproven` and
    `limited` count datagrams: nonsense, of another mesh, answers that nobody asked for at that address, answers of
    somebody who did not prove his id, and what a source sent beyond its rate. `hops_mean` is per lookup.
    """

    node_id: str
    joined: bool
    contacts: int
    keys: int
    entries: int
    lookups: int = 0
    lookups_empty: int = 0
    hops_mean: float = 0.0
    stored: int = 0
    published: int = 0
    rejected: dict[str, int] = {}
    malformed: int = 0
    foreign: int = 0
    unsolicited: int = 0
    unproven: int = 0
    limited: int = 0
    rpc_sent: int = 0
    rpc_failed: int = 0
    rpc_served: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class DhtPeer(msgspec.Struct, frozen=True, kw_only=True):
    """A contact that has proved who it is; `rtt_ms` is its smoothed round-trip time in milliseconds."""

    subject: str
    role: Role
    host: str
    port: int
    rtt_ms: float | None = None


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
        hops_mean=counters.hops_total / max(counters.lookups, 1),
        stored=counters.stored,
        published=counters.published,
        rejected={str(reason): count for reason, count in counters.rejected.items()},
        malformed=counters.malformed,
        foreign=counters.foreign,
        unsolicited=counters.unsolicited,
        unproven=counters.unproven,
        limited=counters.limited,
        rpc_sent=counters.rpc_sent,
        rpc_failed=counters.rpc_failed,
        rpc_served=counters.rpc_served,
        bytes_sent=counters.bytes_sent,
        bytes_received=counters.bytes_received,
    )
