"""The overlay as the operator sees it: its network, its authorities, and how far their rotation is."""

from __future__ import annotations

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.shapes import AuthorityView, OverlayStatus, RotationWish
from coordinator_server.application import COORDINATOR
from coordinator_server.enrolment.overlay import Overlay
from coordinator_server.vpn.station import Standing, Station
from node.program.web import json_response, read_body
from node.wire.problems import Problem

MOST_NAMED = 20  # members that a rotation waits for


async def rotate_authority(request: web.Request) -> web.Response:
    """Begin a rotation of the overlay's authority; with `force`, take its next step."""
    coordinator = request.app[COORDINATOR]
    overlay = coordinator.overlay
    if overlay is None:
        raise Problem("conflict", "This coordinator runs without the overlay network (--vpn off).")
    wish = await read_body(request, RotationWish)
    await overlay.rotate(force=wish.force, address=client_address(request))
    if coordinator.station is not None:
        coordinator.station.wake()
    return json_response(describe(overlay, coordinator.station))


def describe(overlay: Overlay, station: Station | None) -> OverlayStatus:
    state, signer = overlay.rotation(), overlay.office.signer
    standing = station.standing() if station is not None else Standing(phase="off", text="")
    return OverlayStatus(
        network=str(overlay.addresses.network),
        members=overlay.members(),
        lighthouses=len(overlay.lighthouses.told(overlay.clock())),
        rotation=state.phase,
        rotation_since=state.since,
        waiting=len(state.waiting_for),
        waiting_for=state.waiting_for[:MOST_NAMED],
        authorities=tuple(
            AuthorityView(
                fingerprint=certificate.fingerprint,
                expires_at=certificate.not_after,
                signs=certificate == signer.authority,
            )
            for certificate in signer.certificates
        ),
        state=standing.phase,
        detail=standing.text,
        address=standing.address,
        port=standing.port,
        endpoints=standing.endpoints,
        peers_direct=standing.direct,
        peers_relayed=standing.relayed,
    )
