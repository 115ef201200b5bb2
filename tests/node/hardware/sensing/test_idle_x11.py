"""Idle time of a real X server, used by xdotool; and its bytes, pure."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.hardware.sensing import idle_x11
from node.hardware.sensing.idle_x11 import X11, cookie, display_number, find_cookie, root_window, setup_request
from node.hardware.sensing.told import Unknown
from tests.support.dbus import becomes
from tests.support.waiting import eventually
from tests.support.xserver import XServer, x_server

HOST = b"volunteer"


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[XServer]:
    with x_server(tmp_path) as server:
        yield server


@pytest.mark.needs("Xvfb", "xdotool")
async def test_a_real_screen_tells_when_it_was_used_last(screen: XServer) -> None:
    sensor = X11(screen.environment)
    idle = await sensor.read()
    assert not isinstance(idle, Unknown), idle
    await grows_over(sensor, 0.3)
    before = await told(sensor)
    await asyncio.to_thread(screen.use)
    await becomes_less(sensor, before)
    await grows_over(sensor, 0.1)  # on the same connection
    screen.process.kill()
    screen.process.wait()
    assert isinstance(await sensor.read(), Unknown), "the screen is gone, and we are still here"
    sensor.close()


@pytest.mark.needs("Xvfb", "xdotool")
async def test_a_screen_that_asks_for_a_secret_gets_it(screen: XServer) -> None:
    assert isinstance(await told(X11(screen.environment), close=True), float)
    stranger = X11({**screen.environment, "XAUTHORITY": "/nowhere"})
    refused = await stranger.read()
    assert isinstance(refused, Unknown)
    assert "does not let us in" in refused.why


async def told(sensor: X11, *, close: bool = False) -> float:
    value = await sensor.read()
    assert not isinstance(value, Unknown), value
    if close:
        sensor.close()
    return value


async def grows_over(sensor: X11, seconds: float) -> None:
    async def is_over() -> bool:
        return await told(sensor) > seconds

    await becomes(is_over, True)


async def becomes_less(sensor: X11, than: float) -> None:
    async def is_less() -> bool:
        return await told(sensor) < than

    await becomes(is_less, True)


@pytest.mark.parametrize(
    ("display", "number"),
    [
        (":0", 0), (":12.1", 12), ("unix:3", 3), ("unix/volunteer:4.0", 4), ("", None), ("localhost:10.0", None),
        ("192.0.2.1:0", None), (":", None), (":0;rm", None), ("/private/tmp/x:0", None),
    ],
)  # fmt: skip
def test_only_a_screen_of_this_computer_counts(display: str, number: int | None) -> None:
    assert display_number(display) == number


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "no X11 screen"),
        ({"DISPLAY": "localhost:10.0"}, "no X11 screen"),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "Wayland"),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, "Wayland"),
        ({"DISPLAY": ":65000"}, "cannot be asked"),
    ],
)
async def test_without_such_a_screen_there_is_a_reason(environ: dict[str, str], why: str) -> None:
    said = await X11(environ).read()
    assert isinstance(said, Unknown)
    assert why in said.why


def entry(family: int, address: bytes, number: bytes, name: bytes, secret: bytes) -> bytes:
    fields = b"".join(struct.pack(">H", len(field)) + field for field in (address, number, name, secret))
    return struct.pack(">H", family) + fields


MIT = b"MIT-MAGIC-COOKIE-1"


@pytest.mark.parametrize(
    ("entries", "secret"),
    [
        ([], b""),
        ([entry(256, HOST, b"7", MIT, b"s" * 16)], b"s" * 16),
        ([entry(256, b"another", b"7", MIT, b"s"), entry(65535, b"", b"", MIT, b"wild")], b"wild"),
        ([entry(256, HOST, b"8", MIT, b"s")], b""),
        ([entry(256, HOST, b"7", b"XDM-AUTHORIZATION-1", b"s")], b""),
        ([entry(256, HOST, b"7", MIT, b"s" * 16)[:9]], b""),
    ],
)
def test_the_secret_is_found_in_the_users_file(entries: list[bytes], secret: bytes) -> None:
    assert find_cookie(b"".join(entries), 7, HOST) == secret


@given(st.binary(max_size=200))
def test_no_file_breaks_the_search(data: bytes) -> None:
    assert isinstance(find_cookie(data, 0, HOST), bytes)


def test_a_user_without_a_file_has_no_secret(tmp_path: Path) -> None:
    assert cookie({"HOME": str(tmp_path)}, 0) == b""


def test_what_is_said_first_has_the_lengths_that_the_protocol_wants() -> None:
    assert len(setup_request(b"")) == 12
    assert len(setup_request(b"s" * 16)) == 12 + 20 + 16


def test_the_root_window_stands_behind_vendor_and_formats() -> None:
    setup = bytearray(40) + b"The X Foundation".ljust(16) + bytes(2 * 8) + struct.pack("=I", 0x123)
    struct.pack_into("=H", setup, 24, 15)
    setup[29] = 2
    assert root_window(bytes(setup)) == 0x123


@pytest.mark.parametrize(
    "answer", [b"", b"\0" * 8, b"\1" + bytes(7), b"\1" + bytes(5) + b"\1\0" + bytes(4), b"\2" * 700]
)
async def test_a_server_that_talks_nonsense_is_a_reason(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "X"):
        monkeypatch.setattr(idle_x11, "socket_path", lambda _: str(tmp_path / "X"))
        assert isinstance(await X11({"DISPLAY": ":0", "HOME": str(tmp_path)}).read(), Unknown)


async def test_nobody_else_who_listens_there_is_told_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "X"):
        monkeypatch.setattr(idle_x11, "socket_path", lambda _: str(tmp_path / "X"))
        monkeypatch.setattr(idle_x11, "peer_uid", lambda _: os.getuid() + 1)
        told = await X11({"DISPLAY": ":0", "HOME": str(tmp_path)}).read()
        assert told == Unknown("the X11 screen cannot be asked: another user listens there")
        await eventually(lambda: heard == [b""], "the end of the connection")
