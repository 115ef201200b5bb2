"""The mesh's keys as the operator sees them: which sign and count now, and how far their rotation is."""

from __future__ import annotations

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.overlay import MOST_NAMED
from coordinator_server.api.shapes import MeshKeysStatus, MeshKeyView, RotationWish
from coordinator_server.application import COORDINATOR, Coordinator
from node.program.web import json_response, read_body
from node.wire.encoding import fingerprint


async def rotate_key(request: web.Request) -> web.Response:
    """Begin a rotation of the key that signs for the mesh; with `force`, take its next step."""
    coordinator = request.app[COORDINATOR]
    wish = await read_body(request, RotationWish)
    await coordinator.key_rotation.rotate(force=wish.force, address=client_address(request))
    return json_response(await describe(coordinator))


async def describe(coordinator: Coordinator) -> MeshKeysStatus:
    state, keys = await coordinator.key_rotation.state(), coordinator.keyring.keys
    return MeshKeysStatus(
        rotation=state.phase,
        rotation_since=state.since,
        waiting=len(state.waiting_for),
        waiting_for=state.waiting_for[:MOST_NAMED],
        keys=tuple(
            MeshKeyView(number=number, fingerprint=fingerprint(key).hex(), signs=key == keys.signing)
            for number, key in enumerate(keys.every)
            if key in keys.accepted
        ),
        lacking=coordinator.keyring.lacking,
    )
