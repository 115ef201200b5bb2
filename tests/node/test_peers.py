from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from node.dht.stats import DhtPeer
from node.peers import joined
from node.state import Peer
from node.vpn.state import VpnPeer

ROUTED = Peer(
    worker_id="w1", route="tunnel", address="https://a.example", services=("ocr",), load=0.5, last_seen=9.0
)


def met(subject: str, host: str = "192.168.1.7", **more: Any) -> DhtPeer:
    return DhtPeer(**{"subject": subject, "role": "worker", "host": host, "port": 8468, "rtt_ms": 1.5, **more})


def test_a_worker_that_requests_were_sent_to_gets_the_round_trip_that_the_dht_measured() -> None:
    (peer,) = joined([ROUTED], [met("w1")], "me")
    assert peer == Peer(
        worker_id="w1",
        route="tunnel",
        address="https://a.example",
        services=("ocr",),
        load=0.5,
        rtt_ms=1.5,
        last_seen=9.0,
    )
    assert joined([ROUTED], [met("w1", rtt_ms=None)], "me") == joined([ROUTED], [], "me") == (ROUTED,)


@pytest.mark.parametrize(
    ("host", "route", "address"),
    [
        ("10.42.0.7", "vpn", "10.42.0.7:8468"),
        ("10.43.0.7", "direct", "10.43.0.7:8468"),
        ("127.0.0.1", "direct", "127.0.0.1:8468"),
        ("fd00::7", "direct", "[fd00::7]:8468"),
    ],
)
def test_a_worker_that_only_the_dht_has_met_is_a_peer_too(host: str, route: str, address: str) -> None:
    (peer,) = joined([], [met("w2", host)], "me")
    assert (peer.worker_id, peer.route, peer.address, peer.services, peer.rtt_ms) == ("w2", route, address, (), 1.5)


def test_coordinators_and_we_ourselves_are_no_peers_and_the_rest_comes_in_order() -> None:
    found = joined([ROUTED], [met("w9"), met("c1", role="coordinator"), met("me"), met("w0")], "me")
    assert [peer.worker_id for peer in found] == ["w0", "w1", "w9"]


def test_the_overlay_tells_how_it_leads_to_a_worker_and_how_long_that_takes() -> None:
    tunnels = (
        VpnPeer(IPv4Address("10.77.0.7"), "relayed", None, rtt_ms=20.5),
        VpnPeer(IPv4Address("10.77.0.8"), "direct", "198.51.100.7:4242"),
        VpnPeer(IPv4Address("10.77.0.9"), "direct", "198.51.100.8:4242"),
    )
    known = Peer(worker_id="w1", route="vpn", address="http://10.77.0.7:8000", services=("ocr",))
    found = joined(
        [known], [met("w2", "10.77.0.8"), met("w3", "192.168.1.9")], "me",
        tunnels=tunnels, overlay=IPv4Network("10.77.0.0/16"),
    )  # fmt: skip
    assert [(peer.worker_id, peer.route, peer.tunnel, peer.rtt_ms) for peer in found] == [
        ("w1", "vpn", "relayed", 20.5),
        ("w2", "vpn", "direct", 1.5),
        ("w3", "direct", None, 1.5),
    ]


def test_a_better_way_that_is_being_tried_is_told() -> None:
    relayed = (VpnPeer(IPv4Address("10.42.0.7"), "relayed", None), VpnPeer(IPv4Address("10.42.0.8"), "direct", "x"))
    known = [
        Peer(worker_id="w1", route="vpn", address="http://10.42.0.7:8000"),
        Peer(worker_id="w2", route="vpn", address="http://10.42.0.8:8000"),
        Peer(worker_id="w3", route="relay", address="https://mesh.example/relay/w3", trying="vpn"),
        Peer(worker_id="w4", route="relay", address="https://mesh.example/relay/w4", trying="direct"),
    ]
    assert [peer.trying for peer in joined(known, [], "me", tunnels=relayed)] == [
        "vpn-direct",
        None,
        "vpn",
        "direct",
    ]
    off = joined(known, [], "me", tunnels=relayed, vpn_wanted=False)
    assert [peer.trying for peer in off] == ["vpn-direct", None, None, "direct"], (
        "who wants no overlay waits for none"
    )
