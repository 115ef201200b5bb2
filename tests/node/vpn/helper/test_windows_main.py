"""What the helper's program does on Windows, with a listener of the test's own in the place of the pipe."""

from __future__ import annotations

import asyncio
import threading
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from node.vpn.coding import to_json
from node.vpn.helper.messages import Done, Status
from node.vpn.helper.policy import Policy
from node.vpn.helper.windows_main import serve
from node.vpn.helper.workshop import Workshop
from tests.support.fake_nebula import FakeNebula
from tests.support.pipes import SOMEBODY, Listener


def workshop(folder: Path) -> Workshop:
    return Workshop(FakeNebula(folder / "bin").binary, folder / "private", Policy((IPv4Network("10.42.0.0/16"),)))


async def test_it_serves_these_users_until_it_is_told_to_end(tmp_path: Path) -> None:
    listener, ended, ready = Listener(), threading.Event(), asyncio.Event()
    serving = asyncio.gather(serve(lambda: listener, [SOMEBODY.sid], workshop(tmp_path), ended, ready.set))
    await ready.wait()
    pipe = listener.connect()
    pipe.write(to_json(Status()) + b"\n")
    assert await asyncio.to_thread(pipe.read, 1000) == to_json(Done(running=False)) + b"\n"
    ended.set()
    await serving
    listener.free()


async def test_a_pipe_that_cannot_be_had_ends_it(tmp_path: Path) -> None:
    def listen() -> Listener:
        raise PermissionError("the name is taken")

    ended = threading.Event()
    with pytest.raises(PermissionError):
        await serve(listen, [], workshop(tmp_path), ended, lambda: None)
    assert ended.is_set()
