"""What others are shown of the overlay: made anew when it changes, but not for every handshake of a crowd.

A view of a thousand tunnels takes milliseconds to make, and any member may shake hands hundreds of times a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from node.vpn.state import VpnState, VpnView, view_of

EVERY = 0.2  # seconds: so often at most what only the tunnels change is shown
log = logging.getLogger(__name__)


class Shown:
    """The view as it was told last, with the round trips as they were measured last."""

    def __init__(
        self,
        on_change: Callable[[VpnView], None],
        *,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_change = on_change
        self._every = every
        self._clock = clock
        self._round_trips: dict[IPv4Address, float] = {}  # seconds
        self._soon_at = -every  # when tunnels were shown last
        self._timer: asyncio.TimerHandle | None = None
        self.view = VpnView()

    def note_round_trips(self, found: Mapping[IPv4Address, float]) -> None:
        """Show these round trips (seconds) from the next time on."""
        self._round_trips |= found

    def show(self, state: VpnState) -> None:
        """Make the view of a state, and tell it where it differs from the last one."""
        view, before = self._with_round_trips(view_of(state)), self.view
        if view == before:
            return
        self.view = view
        self._on_change(view)
        if view.phase != before.phase:
            log.info("private network: %s (was %s). %s", view.phase, before.phase, view.text)

    def show_soon(self, state: Callable[[], VpnState]) -> None:
        """Show what the state is then: at once where that was not done lately, else with what comes meanwhile."""
        if self._timer is not None:
            return
        wait = self._soon_at + self._every - self._clock()
        if wait <= 0:
            self._show_tunnels(state)
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._show_tunnels, state)

    def stop(self) -> None:
        """Show nothing by itself any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _show_tunnels(self, state: Callable[[], VpnState]) -> None:
        self._timer = None
        self._soon_at = self._clock()
        self.show(state())

    def _with_round_trips(self, view: VpnView) -> VpnView:
        known = {peer.ip for peer in view.peers}
        self._round_trips = {ip: took for ip, took in self._round_trips.items() if ip in known}
        peers = tuple(
            replace(peer, rtt_ms=self._round_trips[peer.ip] * 1000) if peer.ip in self._round_trips else peer
            for peer in view.peers
        )
        return replace(view, peers=peers)
