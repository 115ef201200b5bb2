"""Joins what router and DHT know of the other workers: one for requests that it sent, one for peers that it met."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import msgspec

from node.dht.stats import DhtPeer
from node.state import Peer
from node.wire.messages import Route

OVERLAY = ipaddress.ip_network("10.42.0.0/16")


def joined(known: Iterable[Peer], met: Iterable[DhtPeer], own_id: str) -> tuple[Peer, ...]:
    """Return the workers that the router knows, with the DHT's round trips, and those that only the DHT has met.

    Of the latter it is not known what they offer, nor how busy they are; their address is that of their DHT node.
    """
    workers = {peer.subject: peer for peer in met if peer.role == "worker" and peer.subject != own_id}
    peers = {
        peer.worker_id: msgspec.structs.replace(peer, rtt_ms=workers[peer.worker_id].rtt_ms)
        if peer.worker_id in workers
        else peer
        for peer in known
    }
    for worker_id, peer in workers.items():
        peers.setdefault(worker_id, _from_dht(peer))
    return tuple(peers[worker_id] for worker_id in sorted(peers))


def _from_dht(peer: DhtPeer) -> Peer:
    address = ipaddress.ip_address(peer.host)
    host = f"[{peer.host}]" if address.version == 6 else peer.host
    route: Route = "vpn" if address in OVERLAY else "direct"
    return Peer(worker_id=peer.subject, route=route, address=f"{host}:{peer.port}", rtt_ms=peer.rtt_ms)
