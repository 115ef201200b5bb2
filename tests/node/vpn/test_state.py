"""Every phase has its sentence, and the view tells what there is to know."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import get_args

from node.state import VpnPhase
from node.vpn.settings import Endpoint, Lighthouse, VpnSettings
from node.vpn.state import NOBODY_YET, SENTENCES, Trouble, Tunnel, VpnState, text_of, view_of

LIGHTHOUSE, PEER = IPv4Address("10.42.0.1"), IPv4Address("10.42.0.12")


def test_every_phase_has_a_calm_sentence() -> None:
    assert set(SENTENCES) == set(get_args(VpnPhase))
    for sentence in SENTENCES.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "!" not in sentence


def test_nobody_is_said_to_be_reached_before_anybody_was_met() -> None:
    settings = VpnSettings(certificate="c", private_key="k", ca="a", lighthouses=(Lighthouse(LIGHTHOUSE, ()),))
    alone = VpnState(settings=settings, process="up", good=True, tunnels={LIGHTHOUSE: Tunnel("198.51.100.7:4242")})
    assert view_of(alone).text == NOBODY_YET
    assert view_of(replace(alone, tunnels={PEER: Tunnel("198.51.100.9:4242")})).text == SENTENCES["direct"]


def test_trouble_is_told_with_its_own_words() -> None:
    assert text_of(VpnState(trouble=Trouble("conflict", "eth0 has it."))).endswith(" eth0 has it.")


def test_the_view_shows_each_peer_with_its_route() -> None:
    settings = VpnSettings(
        certificate="c", private_key="k", ca="a", lighthouses=(Lighthouse(LIGHTHOUSE, (Endpoint("x"),)),)
    )
    tunnels = {PEER: Tunnel(None), LIGHTHOUSE: Tunnel("198.51.100.7:4242")}
    view = view_of(
        VpnState(settings=settings, process="up", good=True, round_trip=0.25, tunnels=tunnels, port=4242)
    )
    assert (view.phase, view.rtt_ms, view.port) == ("relayed", 250.0, 4242)
    assert [(peer.ip, peer.route, peer.lighthouse) for peer in view.peers] == [
        (LIGHTHOUSE, "direct", True),
        (PEER, "relayed", False),
    ]
