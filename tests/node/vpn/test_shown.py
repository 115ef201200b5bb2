"""A view is told when it changes, and a crowd of handshakes becomes a few views."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from node.vpn.shown import Shown
from node.vpn.state import Trouble, Tunnel, VpnState, VpnView
from tests.support.waiting import eventually

PEER = IPv4Address("10.42.0.12")


def crowd(number: int) -> VpnState:
    return VpnState(tunnels={IPv4Address("10.42.0.16") + one: Tunnel("192.0.2.1:4242") for one in range(number)})


async def test_what_differs_is_told_once_and_logged_where_the_phase_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    told: list[VpnView] = []
    shown = Shown(told.append)
    shown.show(VpnState())
    assert told == []
    shown.show(VpnState(trouble=Trouble("revoked")))
    shown.show(VpnState(trouble=Trouble("revoked")))
    assert [view.phase for view in told] == ["revoked"]
    assert shown.view == told[-1]
    assert [record.message.startswith("private network: revoked (was off)") for record in caplog.records] == [True]


async def test_round_trips_are_shown_with_their_peers_and_forgotten_with_them() -> None:
    shown = Shown(lambda _: None)
    with_peer = VpnState(tunnels={PEER: Tunnel(None)})
    shown.note_round_trips({PEER: 0.02, IPv4Address("10.42.0.99"): 1.0})
    shown.show(with_peer)
    assert [(peer.ip, peer.rtt_ms) for peer in shown.view.peers] == [(PEER, pytest.approx(20.0))]
    shown.show(VpnState())
    shown.show(with_peer)
    assert [peer.rtt_ms for peer in shown.view.peers] == [None]


async def test_a_crowd_of_handshakes_is_shown_at_once_and_then_together() -> None:
    told: list[VpnView] = []
    now = [100.0]
    shown = Shown(told.append, every=0.01, clock=lambda: now[0])
    shown.show_soon(lambda: crowd(1))
    assert [len(view.peers) for view in told] == [1]
    for number in range(2, 500):
        shown.show_soon(lambda number=number: crowd(number))  # type: ignore[misc]  # mypy cannot see the default
    assert len(told) == 1
    await eventually(lambda: len(told) == 2, "the rest is shown")
    now[0] += 1.0
    shown.show_soon(lambda: crowd(7))
    assert len(told[-1].peers) == 7


async def test_nothing_is_shown_after_the_end() -> None:
    told: list[VpnView] = []
    shown = Shown(told.append, every=0.01, clock=lambda: 100.0)
    shown.show_soon(lambda: crowd(1))
    shown.show_soon(lambda: crowd(2))
    shown.stop()
    shown.stop()
    later = Shown(told.append, every=0.02, clock=lambda: 100.0)
    later.show_soon(lambda: crowd(1))
    later.show_soon(lambda: crowd(3))
    await eventually(lambda: len(told[-1].peers) == 3, "the other one shows")
    assert [len(view.peers) for view in told] == [1, 1, 3]
