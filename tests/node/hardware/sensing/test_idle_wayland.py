"""Idle time told by a compositor: one of our own, which speaks the protocol and takes nothing else."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.hardware.sensing import idle_wayland
from node.hardware.sensing.idle_wayland import (
    ABSENT_FOR,
    IDLE_AFTER,
    MAX_SEATS,
    NO_PROTOCOL,
    RETRY,
    Seats,
    Wayland,
    socket_path,
)
from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet
from tests.support.dbus import becomes
from tests.support.waiting import eventually
from tests.support.wayland import GLOBALS, Compositor, event, string


@pytest.fixture
async def compositor(tmp_path: Path) -> AsyncIterator[Compositor]:
    made = Compositor(tmp_path / "wayland-0")
    await made.start()
    yield made
    await made.stop()


class Sitting:
    """A sensor at a compositor, with a clock that a test moves."""

    def __init__(self, tasks: TaskSet, folder: Path) -> None:
        self.now = 1000.0
        self.sensor = Wayland(tasks, {"XDG_RUNTIME_DIR": str(folder)}, lambda: self.now)


async def test_idle_begins_with_the_compositors_word_and_ends_with_it(
    compositor: Compositor, tasks: TaskSet, tmp_path: Path
) -> None:
    at = Sitting(tasks, tmp_path)
    assert await at.sensor.read() == 0.0
    await compositor.idled()
    assert compositor.asked == [(int(IDLE_AFTER * 1000), "wl_seat")]
    await becomes(at.sensor.read, IDLE_AFTER)
    at.now += 600
    assert await at.sensor.read() == 600 + IDLE_AFTER
    await compositor.resumed()
    await becomes(at.sensor.read, 0.0)
    assert compositor.connections == 1
    at.sensor.close()
    await eventually(lambda: not len(tasks), "the end of its task")


async def test_the_seat_that_was_used_last_counts_and_one_that_is_gone_does_not(
    compositor: Compositor, tasks: TaskSet, tmp_path: Path
) -> None:
    compositor.globals = ["wl_seat", *GLOBALS]  # one before the notifier, one after it
    at = Sitting(tasks, tmp_path)
    assert await at.sensor.read() == 0.0
    await compositor.idled(0)
    await compositor.idled(1)
    await becomes(at.sensor.read, IDLE_AFTER)
    await compositor.resumed(1)
    await becomes(at.sensor.read, 0.0)
    await compositor.remove_global("wl_seat")
    await compositor.idled(1)
    await becomes(at.sensor.read, IDLE_AFTER)


@pytest.mark.parametrize("globals_", [["wl_compositor"], ["wl_seat"], ["ext_idle_notifier_v1"]])
async def test_a_desktop_without_the_protocol_is_asked_seldom(
    compositor: Compositor, tasks: TaskSet, tmp_path: Path, globals_: list[str]
) -> None:
    compositor.globals = globals_
    at = Sitting(tasks, tmp_path)
    assert [await at.sensor.read(), await at.sensor.read()] == [NO_PROTOCOL, NO_PROTOCOL]
    assert compositor.connections == 1
    at.now += ABSENT_FOR
    compositor.globals = GLOBALS
    assert await at.sensor.read() == 0.0


async def test_a_compositor_that_ended_is_found_when_it_is_back(
    compositor: Compositor, tasks: TaskSet, tmp_path: Path
) -> None:
    at = Sitting(tasks, tmp_path)
    assert await at.sensor.read() == 0.0
    await compositor.stop()
    await becomes(at.sensor.read, Unknown("the Wayland desktop has hung up"))
    await compositor.start()
    assert isinstance(await at.sensor.read(), Unknown)
    at.now += RETRY
    assert await at.sensor.read() == 0.0


async def test_a_compositor_that_says_nothing_is_given_up(
    compositor: Compositor, tasks: TaskSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_wayland, "LIMIT", 0.1)
    compositor.silent = True
    at = Sitting(tasks, tmp_path)
    assert await at.sensor.read() == Unknown("the Wayland desktop cannot be asked: it does not answer")
    await eventually(lambda: not len(tasks), "the end of its task")


@pytest.mark.parametrize("nonsense", [b"\0" * 64, event(1, 0, b"\0"), event(2, 0, b"")])
async def test_a_compositor_that_talks_nonsense_is_a_reason(
    compositor: Compositor, tasks: TaskSet, tmp_path: Path, nonsense: bytes
) -> None:
    compositor.greeting = nonsense
    assert isinstance(await Sitting(tasks, tmp_path).sensor.read(), Unknown)


async def test_an_error_of_the_protocol_is_told(compositor: Compositor, tasks: TaskSet, tmp_path: Path) -> None:
    compositor.greeting = event(1, 0, struct.pack("=II", 1, 0) + string("invalid object"))
    assert await Sitting(tasks, tmp_path).sensor.read() == Unknown("invalid object")


async def test_without_a_desktop_nothing_is_tried(tasks: TaskSet, tmp_path: Path) -> None:
    sensor = Wayland(tasks, {"XDG_RUNTIME_DIR": str(tmp_path)}, lambda: 0.0)
    assert await sensor.read() == Unknown("there is no Wayland desktop here")
    missing = Wayland(tasks, {"XDG_RUNTIME_DIR": str(tmp_path), "WAYLAND_DISPLAY": "wayland-7"}, lambda: 0.0)
    assert isinstance(await missing.read(), Unknown)


def test_the_socket_is_where_the_environment_says(tmp_path: Path) -> None:
    assert (
        socket_path({"XDG_RUNTIME_DIR": "/run/user/1", "WAYLAND_DISPLAY": "wayland-1"}) == "/run/user/1/wayland-1"
    )
    assert socket_path({"XDG_RUNTIME_DIR": "/run/user/1", "WAYLAND_DISPLAY": "/x/y"}) == "/x/y"
    assert socket_path({"XDG_RUNTIME_DIR": str(tmp_path)}) is None
    (tmp_path / "wayland-0.lock").write_text("")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "wayland-1"))
        assert socket_path({"XDG_RUNTIME_DIR": str(tmp_path)}) == str(tmp_path / "wayland-1")


def test_bytes_may_come_in_any_pieces() -> None:
    whole, pieces = Seats(), Seats()
    stream = b"".join(
        event(2, 0, struct.pack("=I", number) + string(name) + struct.pack("=I", 1))
        for number, name in enumerate(GLOBALS)
    )
    stream += event(3, 0, struct.pack("=I", 0))
    answer = whole.feed(stream, 0.0)
    assert b"".join(pieces.feed(stream[place : place + 1], 0.0) for place in range(len(stream))) == answer
    assert whole.complete
    assert pieces.complete
    assert pieces.idle_seconds(0.0) == 0.0


def test_a_compositor_cannot_make_us_watch_without_end() -> None:
    seats = Seats()
    names = ["ext_idle_notifier_v1"] + ["wl_seat"] * 1000
    for number, name in enumerate(names):
        seats.feed(event(2, 0, struct.pack("=I", number) + string(name) + struct.pack("=I", 1)), 0.0)
    assert len(seats._idle) == MAX_SEATS


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_end_the_connection(data: bytes) -> None:
    with contextlib.suppress(ValueError, struct.error):
        Seats().feed(data, 0.0)
