"""The operator rotates the mesh's key, and sees how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.wire.encoding import fingerprint
from tests.support.coordinators import Answer, Room, coordinator_room

PATH = "/api/admin/mesh/rotate-key"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path) as room:
        yield room


async def ask(room: Room, method: str, path: str, body: Any = None) -> Answer:
    token = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
    async with room.session.request(method, room.url + path, json=body, headers=token) as response:
        return Answer(response.status, response.headers, await response.read())


async def test_a_rotation_is_begun_watched_and_forced(room: Room) -> None:
    worker = await room.worker("w-1")
    await worker.register()
    before = (await ask(room, "GET", "/api/admin/status")).json["mesh_keys"]
    assert (before["rotation"], before["waiting"], before["lacking"]) == ("steady", 0, "")
    assert [key["number"] for key in before["keys"]] == [0]

    begun = (await ask(room, "POST", PATH, {})).json
    assert (begun["rotation"], begun["waiting_for"]) == ("spreading", ["w-1"])
    assert [(key["number"], key["signs"]) for key in begun["keys"]] == [(0, True), (1, False)]
    again = await ask(room, "POST", PATH, {})
    assert (again.status, again.problem) == (409, "conflict")
    assert "waits for 1 member: " in again.json["detail"] and "--force" in again.json["detail"]

    assert (await ask(room, "POST", PATH, {"force": True})).json["rotation"] == "replacing"
    done = (await ask(room, "POST", PATH, {"force": True})).json
    assert (done["rotation"], done["waiting"]) == ("steady", 0)
    signing = fingerprint(room.coordinator.mesh_key.public_key().public_bytes_raw()).hex()
    assert done["keys"] == [{"number": 1, "fingerprint": signing, "signs": True}]
    assert (await ask(room, "GET", "/api/admin/status")).json["mesh_keys"] == done
    assert [action for action in await room.actions() if "mesh-key" in action] == [
        "mesh-key-rotation-begun",
        "mesh-key-rotation-replacing",
        "mesh-key-rotation-steady",
    ]


async def test_nobody_else_may(room: Room) -> None:
    async with room.session.post(room.url + PATH, json={"force": True}) as response:
        assert response.status == 401
    worker = await room.worker()
    assert (await worker.post(PATH, {"force": True})).status == 401
    assert room.coordinator.keyring.keys.progress == 0
