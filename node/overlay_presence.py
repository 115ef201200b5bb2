"""Has the node be at its overlay address as long as that is there: its door, its DHT node, and what others hear.

Carries out those of the machine's commands that are about the overlay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from node import events as e
from node.forwarding.plane import DataPlane
from node.member import Member
from node.overlay import Overlay
from node.overlay_door import OverlayDoor

DOOR_RETRY = 15.0  # seconds until it is tried again to listen at the overlay's address

Executor = Callable[[Any], Awaitable[None]]


class OverlayPresence:
    """One node's; `server` is its main one, which may hear what comes to the overlay address already."""

    def __init__(
        self,
        overlay: Overlay,
        door: OverlayDoor,
        dispatch: Callable[[e.Event], None],
        member: Callable[[], Member],
        server: Callable[[], DataPlane | None],
    ) -> None:
        self._overlay = overlay
        self._door = door
        self._dispatch = dispatch
        self._member = member
        self._server = server
        self._again: asyncio.TimerHandle | None = None

    def executors(self) -> Mapping[type, Executor]:
        """Return what carries out which command."""
        return {
            e.UsePlace: self._use_place,
            e.StopOverlay: self._stop_overlay,
            e.ReturnToOverlay: self._return,
            e.OpenInOverlay: self._open,
            e.CloseInOverlay: self._close,
            e.RefreshRoutes: self._refresh_routes,
            e.RejoinDht: self._rejoin_dht,
        }

    def cancel(self) -> None:
        """Try nothing again."""
        if self._again is not None:
            self._again.cancel()

    async def _use_place(self, command: e.UsePlace) -> None:
        await self._overlay.take(command.grant)
        session = self._member().session
        if session is not None:
            session.know_lighthouses(self._overlay.lighthouses)

    async def _stop_overlay(self, _command: e.StopOverlay) -> None:
        self._overlay.expel()

    async def _return(self, _command: e.ReturnToOverlay) -> None:
        self._overlay.readmit()

    async def _open(self, command: e.OpenInOverlay) -> None:
        member, server, network = self._member(), self._server(), self._overlay.network
        if member.session is None or server is None or network is None:
            return
        error = await self._door.open(command.ip, network, server)
        await member.move_into_overlay(command.ip)
        self._tell_endpoints(None if error else command.ip, error)
        if error:
            again = e.OverlayCameUp(command.ip)
            self._again = asyncio.get_running_loop().call_later(DOOR_RETRY, self._dispatch, again)

    async def _close(self, _command: e.CloseInOverlay) -> None:
        self.cancel()
        await self._member().move_out_of_overlay()
        self._tell_endpoints(None, "")

    def _tell_endpoints(self, vpn_ip: str | None, error: str) -> None:
        endpoints = self._member().endpoints(vpn_ip)
        if endpoints is not None:
            self._dispatch(e.EndpointsChanged(endpoints, error))

    async def _refresh_routes(self, _command: e.RefreshRoutes) -> None:
        session = self._member().session
        if session is not None:
            session.router.look_anew()

    async def _rejoin_dht(self, _command: e.RejoinDht) -> None:
        session = self._member().session
        if session is not None:
            session.dht.rejoin()
