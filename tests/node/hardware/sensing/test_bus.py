"""Our client on a real dbus-daemon: calls, signals, services that hang, a bus that ends and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.hardware.sensing import bus as bus_module
from node.hardware.sensing.bus import Bus, Signal, session_address, system_address
from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet
from tests.support.dbus import BusDaemon, stand_in
from tests.support.waiting import eventually

NAME, PATH = "org.example.Clock", "/org/example/Clock"
TICK = Signal(PATH, NAME, "Tick", sender=NAME)


async def test_a_method_is_called_and_its_answer_returned(daemon: BusDaemon, bus: Bus) -> None:
    async with stand_in(daemon, NAME) as clock:
        clock.answers(PATH, NAME, "Add", lambda a, b: ("us", (a + b, "€")))
        assert await bus.call(NAME, PATH, NAME, "Add", signature="uu", body=(2, 3)) == (5, "€")
        answers = await asyncio.gather(
            *(bus.call(NAME, PATH, NAME, "Add", signature="uu", body=(number, 1)) for number in range(50))
        )
        assert answers == [(number + 1, "€") for number in range(50)]


async def test_what_is_refused_or_not_there_is_a_reason(daemon: BusDaemon, bus: Bus) -> None:
    assert await bus.call(NAME, PATH, NAME, "Add") == Unknown(f"{NAME} does not run")
    async with stand_in(daemon, NAME):
        refused = await bus.call(NAME, PATH, NAME, "Add")
        assert isinstance(refused, Unknown)
        assert "UnknownMethod" in refused.why


async def test_a_service_that_hangs_is_given_up_and_its_late_answer_harms_nobody(
    daemon: BusDaemon, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand_in(daemon, NAME) as clock:
        clock.answers(PATH, NAME, "Now", lambda: ("u", (7,)))
        assert await bus.ready()
        with monkeypatch.context() as short:
            short.setattr(bus_module, "CALL_LIMIT", 0.05)
            clock.hangs = True
            assert await bus.call(NAME, PATH, NAME, "Now") == Unknown(f"{NAME} does not answer")
        clock.hangs = False
        assert await bus.call(NAME, PATH, NAME, "Now") == (7,)
        assert bus.generation == 1, "the connection was kept"


async def test_signals_are_heard_before_and_after_the_bus_came_back(daemon: BusDaemon, tasks: TaskSet) -> None:
    now = [0.0]
    bus = Bus("test bus", lambda: daemon.address, tasks, lambda: now[0])
    heard: list[tuple[Any, ...]] = []
    await bus.listen(TICK, heard.append)
    assert await bus.ready()
    async with stand_in(daemon, NAME) as clock:
        await clock.tell(PATH, NAME, "Tock", "u", (0,))
        await clock.tell(PATH, NAME, "Tick", "u", (1,))
        await eventually(lambda: heard == [(1,)], "the first tick")
    daemon.stop()
    await eventually(lambda: not bus.connected, "the end of the connection")
    lost = await bus.call(NAME, PATH, NAME, "Now")
    assert isinstance(lost, Unknown)
    assert "cannot be used" in lost.why
    daemon.start()
    assert await bus.call(NAME, PATH, NAME, "Now") == lost, "it is not tried again at once"
    now[0] += bus_module.RETRY_MOST
    assert await bus.ready()
    assert bus.generation == 2
    async with stand_in(daemon, NAME) as clock:
        await clock.tell(PATH, NAME, "Tick", "u", (2,))
        await eventually(lambda: heard == [(1,), (2,)], "the second tick")
    bus.close()
    await eventually(lambda: not len(tasks), "the end of its task")


async def test_who_waits_is_told_when_the_bus_ends(daemon: BusDaemon, bus: Bus, tasks: TaskSet) -> None:
    async with stand_in(daemon, NAME) as clock:
        clock.hangs = True
        call = tasks.start(bus.call(NAME, PATH, NAME, "Now"), "call")
        await eventually(lambda: clock.asked, "the question")
        daemon.stop()
        lost = await call
        assert isinstance(lost, Unknown)
        assert "was lost" in lost.why


async def test_without_a_bus_there_is_a_reason(tasks: TaskSet, tmp_path: Path) -> None:
    bus = Bus("desktop's bus", lambda: None, tasks)
    assert await bus.call(NAME, PATH, NAME, "Now") == Unknown("there is no desktop's bus here")
    assert not await bus.ready()
    bus.close()
    for address in ("tcp:host=localhost,port=1", f"unix:path={tmp_path}/none", "nonsense", "unix:x", ""):
        wrong = Bus("desktop's bus", lambda address=address: address, tasks)  # type: ignore[misc]
        assert isinstance(await wrong.call(NAME, PATH, NAME, "Now"), Unknown), address


@pytest.mark.parametrize("greeting", [b"REJECTED EXTERNAL\r\n", b"OK 1234\r\n" + b"\xff" * 64, b"x" * 9000, b""])
async def test_something_else_that_listens_there_is_no_bus(
    tasks: TaskSet, tmp_path: Path, greeting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(greeting)
        await writer.drain()
        writer.close()

    monkeypatch.setattr(bus_module, "CALL_LIMIT", 20.0)
    server = await asyncio.start_unix_server(serve, tmp_path / "socket")
    async with server:
        bus = Bus("test bus", lambda: f"unix:path={tmp_path}/socket", tasks)
        assert isinstance(await bus.call(NAME, PATH, NAME, "Now"), Unknown)
        assert not bus.connected


async def test_a_bus_that_never_answers_is_given_up_and_left_alone_for_a_while(
    tasks: TaskSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        await reader.read()
        writer.close()

    monkeypatch.setattr(bus_module, "CALL_LIMIT", 0.2)
    server = await asyncio.start_unix_server(serve, tmp_path / "socket")
    async with server:
        bus = Bus("test bus", lambda: f"unix:path={tmp_path}/socket", tasks, lambda: 0.0)
        assert await bus.call(NAME, PATH, NAME, "Now") == Unknown(f"{NAME} does not answer")
        assert await bus.call(NAME, PATH, NAME, "Now") == Unknown("the test bus does not answer")
        await eventually(lambda: len(came) == 1 and came[0].is_closing(), "the end of the one connection")


def test_buses_are_found_where_the_environment_or_the_system_has_them(tmp_path: Path) -> None:
    assert session_address({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/x"}) == "unix:path=/x"
    assert session_address({"XDG_RUNTIME_DIR": str(tmp_path)}) is None
    assert system_address({"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/y"}) == "unix:path=/y"


async def test_the_socket_of_a_session_is_found_in_its_folder(tmp_path: Path) -> None:
    async with await asyncio.start_unix_server(lambda _, writer: writer.close(), tmp_path / "bus"):
        assert session_address({"XDG_RUNTIME_DIR": str(tmp_path)}) == f"unix:path={tmp_path}/bus"
