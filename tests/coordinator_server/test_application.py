"""The parts of a coordinator: reached by handlers, and silent about their secrets."""

from __future__ import annotations

from pathlib import Path

from tests.support.coordinators import coordinator_room


async def test_a_coordinator_does_not_show_its_secrets(tmp_path: Path) -> None:
    token, url = "a-token-of-many-letters", "https://mesh.example.org:8443"
    async with coordinator_room(tmp_path / "c", public_url=url, admin_token=token) as room:
        shown = repr(room.coordinator)
        assert room.coordinator.admin_token == token
        assert token not in shown
        assert "mesh_key=" not in shown
        assert room.coordinator.public_host == "mesh.example.org"
        assert room.coordinator.info.url == url
