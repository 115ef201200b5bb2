"""The overlay's parts are made as the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator_server.front import FRONT
from coordinator_server.vpn.assembly import make_doors
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.limits import ServerLimits
from tests.support.coordinators import Room, coordinator_room


def served_everywhere(room: Room) -> bool:
    app = room.site.app
    return make_doors(room.coordinator, app[FRONT].gateway, AppBridge(app), ServerLimits())._served_everywhere


async def test_with_vpn_off_there_is_no_overlay_and_no_station(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        assert (room.coordinator.overlay, room.coordinator.station) == (None, None)
    async with coordinator_room(tmp_path / "c") as room:
        assert room.coordinator.overlay is not None
        assert room.coordinator.station is not None


async def test_nebulas_files_lie_in_the_data_directory(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        assert room.coordinator.station is not None
        assert room.coordinator.station._vpn._computer.folder == tmp_path / "c" / "vpn"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("host", "everywhere"), [("127.0.0.1", False), ("0.0.0.0", True)])
async def test_a_coordinator_on_all_addresses_and_the_members_port_needs_no_second_door(
    tmp_path: Path, host: str, everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with coordinator_room(tmp_path / "c", host=host, vpn="off") as room:
        assert not served_everywhere(room), "it is on another port"
        monkeypatch.setattr("coordinator_server.vpn.assembly.SERVICE_PORT", room.coordinator.config.port)
        assert served_everywhere(room) == everywhere
