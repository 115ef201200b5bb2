"""The helper behind a pipe, with a real client of it: who gets in, and that all is gone when the client is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.vpn.coding import from_json, to_json
from node.vpn.engine import LocalEngine
from node.vpn.events import InterfaceCameUp, NebulaExited, Told
from node.vpn.helper.client import HelperEngine
from node.vpn.helper.connecting import Streams
from node.vpn.helper.messages import Done, Message, Refused, Start, Status
from node.vpn.helper.pipe_server import MAX_WAITING, PipeServer
from node.vpn.helper.pipe_transport import open_streams
from node.vpn.helper.policy import Policy
from node.vpn.helper.reception import Reception
from node.vpn.helper_windows import Client, members_of
from node.vpn.settings import Plan
from tests.support.fake_nebula import FakeNebula
from tests.support.nebula import plan_of, shared_mesh
from tests.support.pipes import SOMEBODY, Listener, SocketPipe
from tests.support.waiting import eventually

pytestmark = pytest.mark.needs("nebula-cert")
STRANGER = Client("S-1-5-21-1-2-3-1002", frozenset({"S-1-1-0"}))


def plan(**more: Any) -> Plan:
    return plan_of(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "x"}), **more)


class Helper:
    """A helper whose Nebula is a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.listener = Listener()
        self.fake = FakeNebula(folder / "bin")
        self.folder = folder / "private"
        self.engines: list[LocalEngine] = []

    def engine(self, on_told: Callable[[Told], None]) -> LocalEngine:
        self.engines.append(LocalEngine(self.fake.binary, self.folder, "rma0", on_told, is_up=lambda _: True))
        return self.engines[-1]

    @property
    def pid(self) -> int | None:
        return self.engines[-1].pid if self.engines else None

    async def connect(self, _place: Path) -> Streams:
        """Connect as a node on Windows does."""
        reader, writer, _ = open_streams(self.listener.connect(), lambda: True, 2**20, "node")
        return reader, writer


@asynccontextmanager
async def helping(folder: Path, first_word: float = 60.0) -> AsyncIterator[Helper]:
    helper = Helper(folder)
    reception = Reception(members_of([SOMEBODY.sid]), helper.engine, Policy(), lambda _: ())
    try:
        async with PipeServer(lambda: helper.listener, reception, first_word):
            yield helper
        await eventually(
            lambda: not any("helper-" in thread.name for thread in threading.enumerate()), "no thread is left"
        )
    finally:
        helper.listener.free()


async def hear(pipe: SocketPipe) -> Message | None:
    """Read an answer; None where the connection has ended."""
    line = b""
    while not line.endswith(b"\n"):
        piece = await asyncio.to_thread(pipe.read, 1)
        if not piece:
            return None
        line += piece
    return from_json(line, Message)  # type: ignore[arg-type]  # a union is a type to msgspec


async def ask(pipe: SocketPipe, request: object) -> Message | None:
    pipe.write(to_json(request) + b"\n")
    return await hear(pipe)


async def test_a_node_s_network_comes_and_goes_with_it(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        told: list[Told] = []
        engine = HelperEngine(Path("pipe"), told.append, helper.connect)
        await engine.start(plan())
        await eventually(lambda: InterfaceCameUp("rma0", 4242, "1.6.1") in told, "Nebula is up")
        pid = helper.pid
        assert pid is not None
        await engine.stop()
        await eventually(lambda: not psutil.pid_exists(pid), "Nebula is gone")
        assert not any(isinstance(one, NebulaExited) for one in told)


async def test_a_node_that_is_killed_leaves_no_network(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        pipe = helper.listener.connect()
        assert await ask(pipe, Start(plan())) == Done(running=True)
        pid = helper.pid
        assert pid is not None
        pipe.close()
        await eventually(lambda: not psutil.pid_exists(pid), "Nebula is gone")


async def test_a_helper_that_ends_says_so_to_its_client_and_takes_nebula_along(tmp_path: Path) -> None:
    told: list[Told] = []
    async with helping(tmp_path) as helper:
        engine = HelperEngine(Path("pipe"), told.append, helper.connect)
        await engine.start(plan())
        await eventually(lambda: told, "Nebula is up")
        pid = helper.pid
        assert pid is not None
    assert not psutil.pid_exists(pid)
    await eventually(lambda: NebulaExited("crashed", "the helper service has ended") in told, "the end")
    await engine.stop()


async def test_one_at_a_time_and_no_strangers(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        first = helper.listener.connect()
        assert await ask(first, Status()) == Done(running=False)
        second, stranger = helper.listener.connect(), helper.listener.connect(STRANGER)
        assert await ask(second, Status()) == Refused("another program uses the helper already")
        assert await hear(second) is None
        refused = await ask(stranger, Start(plan()))
        assert isinstance(refused, Refused)
        assert "administrator" in refused.why
        assert await hear(stranger) is None
        assert await ask(first, Status()) == Done(running=False)
        assert (len(helper.engines), helper.fake.starts) == (1, 0)


async def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    async with helping(tmp_path, first_word=0.05) as helper:
        assert await hear(helper.listener.connect()) is None


async def test_whom_windows_cannot_name_is_let_go(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        broken = helper.listener.connect()
        helper.listener.pipes[-1].broken = OSError("the system does not say")
        broken.write(to_json(Start(plan())) + b"\n")
        assert await hear(broken) is None
        assert helper.engines == []


async def test_silent_clients_are_few(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        silent = [helper.listener.connect() for _ in range(MAX_WAITING)]
        late = helper.listener.connect()
        assert await hear(late) is None
        silent[0].close()

        async def served() -> bool:
            return await ask(helper.listener.connect(), Status()) == Done(running=False)

        async with asyncio.timeout(60):
            while not await served():
                pass


async def test_a_listener_that_fails_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.vpn.helper.pipe_server.PAUSE", 0.01)
    async with helping(tmp_path) as helper:
        helper.listener.waiting.put(OSError("no more pipes"))
        assert await ask(helper.listener.connect(), Status()) == Done(running=False)


async def test_a_pipe_that_is_another_program_s_is_said() -> None:
    def listen() -> Listener:
        raise PermissionError("the name is taken")

    reception: Reception[Client] = Reception(members_of([]), lambda _: None, Policy(), lambda _: ())  # type: ignore[arg-type, return-value]  # never asked
    with pytest.raises(PermissionError, match="taken"):
        async with PipeServer(listen, reception):
            raise AssertionError("it does not listen")
