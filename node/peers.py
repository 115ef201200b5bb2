"""Joins what router and DHT know of the other workers: one for requests that it sent, one for peers that it met."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from urllib.parse import urlsplit

import msgspec

from node.dht.stats import DhtPeer
from node.state import BetterWay, Peer
from node.vpn.state import VpnPeer
from node.wire.messages import Route

OVERLAY = IPv4Network("10.42.0.0/16")  # unless the operator chose another


def joined(
    known: Iterable[Peer],
    met: Iterable[DhtPeer],
    own_id: str,
    *,
    tunnels: Sequence[VpnPeer] = (),
    overlay: IPv4Network | None = None,
    vpn_wanted: bool = True,
) -> tuple[Peer, ...]:
    """Return the workers that the router knows, with the DHT's round trips, and those that only the DHT has met.

    Of the latter it is not known what they offer, nor how busy they are; their address is that of their DHT node.
    Those to whom the overlay has a tunnel are shown with its way and round trip; where one is relayed, it goes on
    looking for a direct way. `vpn_wanted`: the overlay is up or being opened, so that others wait for it.
    """
    overlay = overlay or OVERLAY
    workers = {peer.subject: peer for peer in met if peer.role == "worker" and peer.subject != own_id}
    peers = {
        peer.worker_id: msgspec.structs.replace(peer, rtt_ms=workers[peer.worker_id].rtt_ms)
        if peer.worker_id in workers
        else peer
        for peer in known
    }
    for worker_id, peer in workers.items():
        peers.setdefault(worker_id, _from_dht(peer, overlay))
    ways = {str(tunnel.ip): tunnel for tunnel in tunnels}
    hosts = {worker_id: peer.host for worker_id, peer in workers.items()}
    found = (_with_tunnel(peers[worker_id], hosts.get(worker_id, ""), ways) for worker_id in sorted(peers))
    return tuple(peer if vpn_wanted else _without_vpn(peer) for peer in found)


def _with_tunnel(peer: Peer, dht_host: str, ways: Mapping[str, VpnPeer]) -> Peer:
    way = ways.get(_host_of(peer)) or ways.get(dht_host)
    if way is None:
        return peer
    rtt_ms = peer.rtt_ms if way.rtt_ms is None else round(way.rtt_ms, 3)
    trying: BetterWay | None = "vpn-direct" if peer.route == "vpn" and way.route == "relayed" else peer.trying
    return msgspec.structs.replace(peer, tunnel=way.route, rtt_ms=rtt_ms, trying=trying)


def _without_vpn(peer: Peer) -> Peer:
    return msgspec.structs.replace(peer, trying=None) if peer.trying == "vpn" else peer


def _host_of(peer: Peer) -> str:
    return urlsplit(peer.address if "://" in peer.address else "//" + peer.address).hostname or ""


def _from_dht(peer: DhtPeer, overlay: IPv4Network) -> Peer:
    address = ipaddress.ip_address(peer.host)
    host = f"[{peer.host}]" if address.version == 6 else peer.host
    route: Route = "vpn" if address in overlay else "direct"
    return Peer(worker_id=peer.subject, route=route, address=f"{host}:{peer.port}", rtt_ms=peer.rtt_ms)
