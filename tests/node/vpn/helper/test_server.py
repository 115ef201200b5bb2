"""The helper and its client over a real socket: who gets in, and that all is gone when the client is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.vpn.coding import from_json, to_json
from node.vpn.engine import LocalEngine
from node.vpn.events import InterfaceCameUp, NebulaExited, NebulaUpdated, Told
from node.vpn.helper.client import HelperEngine
from node.vpn.helper.messages import Done, Message, Refused, Start, Status, Stop
from node.vpn.helper.policy import Policy
from node.vpn.helper.server import HelperServer, members_of
from node.vpn.settings import Plan
from tests.support.fake_nebula import FakeNebula
from tests.support.nebula import plan_of, shared_mesh
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.needs("nebula-cert"),
    pytest.mark.skipif(sys.platform != "linux", reason="SO_PEERCRED is Linux's"),
]


def plan(**more: Any) -> Plan:
    return plan_of(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "x"}), **more)


class Helper:
    """A helper of the test's own, with a stand-in for Nebula."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "helper.sock"
        self.fake = FakeNebula(folder / "bin")
        self.folder = folder / "private"
        self.engines: list[LocalEngine] = []
        self.taken: tuple[str, ...] = ()
        self.let_in = True

    def engine(self, on_told: Callable[[Told], None]) -> LocalEngine:
        self.engines.append(LocalEngine(self.fake.binary, self.folder, "rma0", on_told, is_up=lambda _: True))
        return self.engines[-1]

    @property
    def pid(self) -> int | None:
        return self.engines[-1].pid if self.engines else None


@asynccontextmanager
async def helping(folder: Path) -> AsyncIterator[Helper]:
    helper = Helper(folder)
    async with HelperServer(helper.path, lambda _: helper.let_in, helper.engine, Policy(), lambda _: helper.taken):
        yield helper


class Caller:
    """A client that says whatever the test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, line: bytes) -> Message | None:
        self._writer.write(line + b"\n")
        while True:
            message = await self.hear()
            if message is None or isinstance(message, Done | Refused):
                return message

    async def hear(self) -> Message | None:
        try:
            async with asyncio.timeout(60):
                line = await self._reader.readline()
        except ConnectionResetError:  # it went without reading all that we said
            return None
        return from_json(line, Message) if line else None  # type: ignore[arg-type]  # a union is a type to msgspec

    def hang_up(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def calling(helper: Helper) -> AsyncIterator[Caller]:
    caller = Caller(*await asyncio.open_unix_connection(str(helper.path)))
    try:
        yield caller
    finally:
        caller.hang_up()


async def test_a_client_starts_updates_and_stops_nebula(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        told: list[Told] = []
        engine = HelperEngine(helper.path, told.append)
        await engine.start(plan())
        await eventually(lambda: InterfaceCameUp("rma0", 4242, "1.6.1") in told, "Nebula is up")
        first = helper.pid
        await engine.update(plan(blocklist=("ab" * 32,)))
        await eventually(lambda: any(isinstance(one, NebulaUpdated) for one in told), "the update")
        await engine.start(plan(listen_port=5000))
        await eventually(lambda: InterfaceCameUp("rma0", 5000, "1.6.1") in told, "Nebula is up again")
        assert helper.pid != first
        await engine.stop()
        await eventually(lambda: helper.pid is None, "Nebula is gone")
        assert not any(isinstance(one, NebulaExited) for one in told)


async def test_when_the_client_dies_nebula_goes(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        async with calling(helper) as caller:
            assert await caller.ask(to_json(Start(plan()))) == Done(running=True)
            pid = helper.pid
            assert pid is not None
        await eventually(lambda: not psutil.pid_exists(pid), "Nebula is gone")


async def test_when_the_helper_dies_the_client_is_told(tmp_path: Path) -> None:
    told: list[Told] = []
    async with helping(tmp_path) as helper:
        engine = HelperEngine(helper.path, told.append)
        await engine.start(plan())
        await eventually(lambda: told, "Nebula is up")
    await eventually(lambda: NebulaExited("crashed", "the helper service has ended") in told, "the end")
    await engine.start(plan())
    assert "does not answer" in str(told[-1])
    await engine.stop()


async def test_who_is_cut_off_while_it_stops_leaves_no_connection_behind(tmp_path: Path) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(to_json(Done(running=True)) + b"\n")
        await reader.readline()
        asked.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        gone.set()
        writer.close()

    async with await asyncio.start_unix_server(silent, tmp_path / "helper.sock"):
        engine = HelperEngine(tmp_path / "helper.sock", lambda _told: None)
        await engine.start(plan())
        stopping = asyncio.get_running_loop().create_task(engine.stop())
        await asked.wait()
        stopping.cancel()
        await asyncio.wait([stopping])
        assert stopping.cancelled()
        async with asyncio.timeout(60):
            await gone.wait()
        await engine.stop()


async def test_what_nebula_says_of_its_end_reaches_the_client(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        helper.fake.will("port-taken")
        told: list[Told] = []
        engine = HelperEngine(helper.path, told.append)
        await engine.start(plan())
        await eventually(lambda: told, "the end")
        assert isinstance(told[0], NebulaExited)
        assert told[0].kind == "port-taken"
        await engine.stop()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b'{"type":"Run","command":"id"}',
        b'{"type":"Stop","force":true}',
        b'{"type":"Start"}',
        b'{"type":"Start","plan":{"configuration":"/etc/nebula/config.yml"}}',
        b"\xff\xfe",
        b"[" * 10_000,
    ],
)
async def test_what_is_no_request_is_refused_and_starts_nothing(line: bytes, tmp_path: Path) -> None:
    async with helping(tmp_path) as helper, calling(helper) as caller:
        assert isinstance(await caller.ask(line), Refused)
        assert await caller.ask(to_json(Status())) == Done(running=False)
        assert helper.fake.starts == 0


async def test_a_line_without_an_end_ends_the_connection(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper, calling(helper) as caller:
        assert await caller.ask(b"x" * 3_000_000) is None


async def test_what_the_policy_or_the_machine_forbids_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        async with calling(helper) as caller:
            lighthouse = plan_of(shared_mesh().lighthouse("10.42.0.1"))
            refused = await caller.ask(to_json(Start(lighthouse)))
            assert isinstance(refused, Refused)
            assert "lighthouses" in refused.why
            helper.taken = ("The network of eth0 has these addresses.",)
            assert await caller.ask(to_json(Start(plan()))) == Refused(helper.taken[0])
            assert helper.fake.starts == 0
        told: list[Told] = []
        engine = HelperEngine(helper.path, told.append)
        await eventually(lambda: len(helper.engines) == 1, "one client so far")
        while not told or "uses the helper already" in str(told[-1]):  # until the first has gone
            await engine.start(plan())
        assert "eth0" in str(told[-1])
        await engine.stop()


async def test_only_one_client_at_a_time(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper, calling(helper) as first:
        assert await first.ask(to_json(Stop())) == Done(running=False)
        async with calling(helper) as second:
            assert await second.hear() == Refused("another program uses the helper already")
            assert await second.hear() is None
        assert await first.ask(to_json(Status())) == Done(running=False)


async def test_who_is_not_of_the_group_is_turned_away(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        helper.let_in = False
        async with calling(helper) as caller:
            assert await caller.hear() == Refused(
                "this user is not one whom the administrator allows to open the private network"
            )
        assert helper.engines == []


def test_members_are_those_of_the_group_and_root() -> None:
    import grp
    import pwd

    own = grp.getgrgid(pwd.getpwuid(65534).pw_gid).gr_name
    assert members_of(own)(65534)
    assert members_of(own)(0)
    assert not members_of("no-such-group")(65534)
    assert not members_of(own)(4_000_000)
    assert not members_of("root")(65534)


async def test_the_socket_is_no_stranger_s_to_open_and_goes_at_the_end(tmp_path: Path) -> None:
    async with helping(tmp_path) as helper:
        assert helper.path.stat().st_mode & 0o777 == 0o660
    assert not os.path.lexists(helper.path)
