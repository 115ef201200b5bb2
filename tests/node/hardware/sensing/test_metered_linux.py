"""NetworkManager on a real system bus."""

from __future__ import annotations

import pytest

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.metered_linux import SILENT, MeteredLinux
from node.hardware.sensing.told import Unknown
from tests.support.dbus import (
    NETWORK_MANAGER,
    NETWORK_MANAGER_PATH,
    BusDaemon,
    becomes,
    network_manager,
    stand_in,
)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, SILENT), (1, True), (2, False), (3, True), (4, False), (99, SILENT)]
)
async def test_its_guess_counts_as_its_word(
    daemon: BusDaemon, bus: Bus, value: int, expected: bool | Unknown
) -> None:
    async with stand_in(daemon, NETWORK_MANAGER) as service:
        network_manager(service, value)
        assert await MeteredLinux(bus).read() == expected


async def test_another_network_is_seen_at_once(daemon: BusDaemon, bus: Bus) -> None:
    sensor = MeteredLinux(bus)
    absent = await sensor.read()
    assert isinstance(absent, Unknown)
    assert "does not run" in absent.why
    async with stand_in(daemon, NETWORK_MANAGER) as service:
        network_manager(service, 4)
        await becomes(sensor.read, False)
        await service.change(NETWORK_MANAGER_PATH, NETWORK_MANAGER, {"Metered": ("u", 1)})
        await becomes(sensor.read, True)
    await becomes(sensor.read, absent)
