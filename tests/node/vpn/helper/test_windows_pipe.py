"""Named pipes of Windows: real ones there, elsewhere played ones, which show that the calls mean what they say."""

from __future__ import annotations

import asyncio
import ctypes
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from node.vpn.binary import NebulaBinary
from node.vpn.coding import from_json, to_json
from node.vpn.helper.messages import Done, Refused, Status
from node.vpn.helper.pipe_transport import open_streams
from node.vpn.helper.policy import Policy
from node.vpn.helper.service import Service
from node.vpn.helper.windows_main import serve
from node.vpn.helper.workshop import Workshop
from node.vpn.helper_windows import Client, access_list
from tests.support.played_windows import USER, PlayedWindows, load, played_windows
from tests.support.waiting import eventually

NAME = r"\\.\pipe\test"
USERS = access_list([USER])


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedWindows]:
    if sys.platform == "win32":
        pytest.skip("there is a real one here")
    with played_windows(monkeypatch) as played:
        yield played


@pytest.fixture
def pipes(windows: PlayedWindows) -> ModuleType:
    return load("node/vpn/helper/windows_pipe.py")


def accepted(listener: Any, connect: Any) -> tuple[Any, Any]:
    """Return both ends of a connection."""
    found: list[Any] = []
    accepting = threading.Thread(target=lambda: found.append(listener.accept()))
    accepting.start()
    client = connect()
    accepting.join(60)
    assert not accepting.is_alive()
    return found[0], client


def test_both_ends_talk_know_one_another_and_let_go_of_everything(
    windows: PlayedWindows, pipes: ModuleType
) -> None:
    assert not pipes.pipe_is_there(NAME)
    listener = pipes.WindowsListener(NAME, USERS)
    assert pipes.pipe_is_there(NAME)
    server, client = accepted(listener, lambda: pipes.open_pipe(NAME))
    assert pipes.pipe_is_there(NAME), "the next one can come"
    client.write(b"hello")
    assert server.read(100) == b"hello"
    assert server.client() == Client(USER, frozenset({"S-1-5-4"})), "groups that count, and those only"
    assert not windows.impersonating
    server.write(b"x" * 40_000)
    server.close()
    heard = b""
    while piece := client.read(65_536):
        heard += piece
    assert heard == b"x" * 40_000
    with pytest.raises(OSError, match="error"):
        server.write(b"late")
    for one in (server, client, client, listener, listener):
        one.close()
    assert listener.accept() is None
    assert windows.handles == {}


def test_closing_wakes_whoever_waits(pipes: ModuleType, windows: PlayedWindows) -> None:
    listener = pipes.WindowsListener(NAME, USERS)
    server, client = accepted(listener, lambda: pipes.open_pipe(NAME))
    found: list[Any] = []
    waiting = [
        threading.Thread(target=lambda: found.append(server.read(10))),
        threading.Thread(target=lambda: found.append(listener.accept())),
    ]
    for thread in waiting:
        thread.start()
    while len(windows.operations) < 2:
        threading.Event().wait(0.002)
    server.close()
    listener.close()
    for thread in waiting:
        thread.join(60)
    assert sorted(found, key=str) == [None, b""]
    client.close()
    assert windows.handles == {}


def test_a_name_that_is_taken_is_no_helper_s(windows: PlayedWindows, pipes: ModuleType) -> None:
    listener = pipes.WindowsListener(NAME, USERS)
    with pytest.raises(OSError, match="error 5"):
        pipes.WindowsListener(NAME, USERS)
    windows.owner = USER  # somebody was there first
    with pytest.raises(PermissionError, match="has taken the helper's place"):
        pipes.open_pipe(NAME)
    listener.close()
    with pytest.raises(OSError, match="error 2"):
        pipes.open_pipe(r"\\.\pipe\absent")


def test_a_busy_pipe_is_tried_again_and_then_said(windows: PlayedWindows, pipes: ModuleType) -> None:
    listener = pipes.WindowsListener(NAME, USERS)
    first = pipes.open_pipe(NAME)  # it takes the only free end, and nobody accepts it
    assert pipes.pipe_is_there(NAME)
    with pytest.raises(OSError, match="error 231"):
        pipes.open_pipe(NAME)
    server, client = accepted(listener, lambda: first)
    for one in (server, client, listener):
        one.close()
    assert windows.handles == {}


async def test_the_helper_serves_its_users_there(windows: PlayedWindows, pipes: ModuleType, tmp_path: Path) -> None:
    workshop = Workshop(NebulaBinary(tmp_path / "nebula", "1.9.5"), tmp_path / "private", Policy())
    ended, ready = threading.Event(), asyncio.Event()
    serving = asyncio.gather(serve(lambda: pipes.WindowsListener(NAME, USERS), [USER], workshop, ended, ready.set))
    await ready.wait()
    streams = [open_streams(pipes.open_pipe(NAME), lambda: True, 10_000, "node")]
    async with asyncio.timeout(60):
        for _ in range(2):
            reader, writer, _who = streams[-1]
            writer.write(to_json(Status()) + b"\n")
            heard = await reader.readline()
            if len(streams) == 1:
                assert from_json(heard, Done) == Done(running=False)
                streams.append(
                    open_streams(await asyncio.to_thread(pipes.open_pipe, NAME), lambda: True, 999, "node")
                )
        assert "another program uses" in from_json(heard, Refused).why
        for _, writer, _who in streams:
            writer.close()
            await writer.wait_closed()
        ended.set()
        await serving
    await eventually(lambda: not windows.handles, "all is let go of")


def test_structures_have_the_sizes_of_the_headers(windows: PlayedWindows, pipes: ModuleType) -> None:
    manager = load("node/vpn/helper/windows_manager.py")
    if ctypes.sizeof(ctypes.c_void_p) == 8:  # as they are for x64 and ARM64
        assert [ctypes.sizeof(one) for one in (pipes.Overlapped, pipes.SecurityAttributes)] == [32, 24]
        assert (ctypes.sizeof(pipes.SidAndAttributes), pipes.TokenGroups.Groups.offset) == (16, 8)
        assert ctypes.sizeof(manager.TableEntry) == 16
        manager.end_children_with_us()
        assert windows.job == (9, 0x2000, 144), "the extended limits, and kill on close"
    assert ctypes.sizeof(manager.ServiceStatus) == 28


def test_a_service_is_run_by_the_manager(windows: PlayedWindows) -> None:
    manager = load("node/vpn/helper/windows_manager.py")

    def body(_ended: threading.Event, ready: Callable[[], None]) -> int:
        ready()
        return 0

    manager.run_service("RmaMeshVpn", Service("RmaMeshVpn", manager.WindowsManager(), body).main)
    (told,) = [thing for thing in windows.handles.values() if isinstance(thing, list)]
    assert told == [(0x10, 2, 0), (0x10, 4, 0), (0x10, 1, 0)]
    assert windows.control(4, 0, None, None) == 0
    assert windows.control(99, 0, None, None) == 120


if sys.platform == "win32":  # elsewhere it is no test: where nothing may be skipped a skip is a failure

    def test_a_real_client_is_known_and_bytes_go_both_ways() -> None:
        from node.vpn.helper import windows_pipe
        from node.vpn.helper_windows import CLIENT_RIGHTS, is_sid

        name = rf"\\.\pipe\rma-mesh-test-{uuid.uuid4().hex}"
        listener = windows_pipe.WindowsListener(name, f"D:P(D;;FA;;;NU)(A;;FA;;;OW)(A;;0x{CLIENT_RIGHTS:x};;;IU)")
        assert windows_pipe.pipe_is_there(name)

        def connect() -> windows_pipe.WindowsPipe:
            handle = windows_pipe._create_file(name, CLIENT_RIGHTS, 0, None, 3, windows_pipe.OVERLAPPED_IO, None)
            return windows_pipe.WindowsPipe(handle)

        server, client = accepted(listener, connect)
        client.write(b"hello")
        assert server.read(100) == b"hello"
        assert is_sid(server.client().sid)
        server.write(b"x" * 40_000)
        server.close()
        heard = b""
        while piece := client.read(65_536):
            heard += piece
        assert heard == b"x" * 40_000, "what was written arrives after the end"
        client.close()
        listener.close()
