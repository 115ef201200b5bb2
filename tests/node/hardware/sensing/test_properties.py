"""Properties are read once, and again when the service says so, comes back, or may have been missed."""

from __future__ import annotations

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.properties import LASTS, RETRY, Properties
from node.hardware.sensing.told import Unknown
from tests.support.dbus import BusDaemon, becomes, stand_in
from tests.support.waiting import eventually

NAME, PATH = "org.example.Lamp", "/org/example/Lamp"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_they_are_asked_once_and_followed_by_signals(daemon: BusDaemon, bus: Bus) -> None:
    clock = Clock()
    lamp = Properties(bus, NAME, PATH, NAME, clock)
    async with stand_in(daemon, NAME) as service:
        service.has(PATH, NAME, {"On": ("b", False), "Watts": ("d", 7.5)})
        for _ in range(5):
            assert await lamp.read() == {"On": False, "Watts": 7.5}
        assert service.asked == [(PATH, "GetAll")]
        await service.change(PATH, NAME, {"On": ("b", True)})
        await becomes(lamp.read, {"On": True, "Watts": 7.5})
        assert len(service.asked) == 2
        clock.now += LASTS
        await lamp.read()
        assert len(service.asked) == 3, "a signal may be missed"


async def test_a_service_that_comes_later_is_seen_at_once(daemon: BusDaemon, bus: Bus) -> None:
    lamp = Properties(bus, NAME, PATH, NAME, Clock())
    absent = await lamp.read()
    assert absent == Unknown(f"{NAME} does not run")
    assert await lamp.read() == absent
    async with stand_in(daemon, NAME) as service:
        service.has(PATH, NAME, {"On": ("b", True)})
        await becomes(lamp.read, {"On": True})
    await becomes(lamp.read, absent)


async def test_one_that_does_not_tell_is_not_asked_all_the_time(daemon: BusDaemon, bus: Bus) -> None:
    clock = Clock()
    lamp = Properties(bus, NAME, PATH, NAME, clock)
    async with stand_in(daemon, NAME) as service:
        for _ in range(3):
            assert isinstance(await lamp.read(), Unknown)
        assert len(service.asked) == 1
        clock.now += RETRY
        assert isinstance(await lamp.read(), Unknown)
        assert len(service.asked) == 2


async def test_after_the_bus_came_back_nothing_old_is_believed(daemon: BusDaemon, bus: Bus) -> None:
    lamp = Properties(bus, NAME, PATH, NAME, Clock())
    async with stand_in(daemon, NAME) as service:
        service.has(PATH, NAME, {"On": ("b", True)})
        assert await lamp.read() == {"On": True}
        daemon.stop()
        await eventually(lambda: not bus.connected, "the end of the connection")
        assert isinstance(await lamp.read(), Unknown)
