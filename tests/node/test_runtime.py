"""The life of a node: what it keeps, what stops it from starting, and that a failed start leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import msgspec
import pytest

from node.config import NodeConfig
from node.program.errors import EXIT_IN_USE, UserFacingError
from node.runtime import NodeRuntime

CONFIG = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off")


async def test_it_starts_stops_and_starts_again_as_it_was(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    key = node.member.identity.public_key
    node.desk.pause()
    await node.settle()
    await node.stop()
    again = NodeRuntime(CONFIG, tmp_path)
    await again.start()
    assert again.state.paused, "a pause outlives the program"
    assert again.member.identity.public_key == key
    await again.stop()
    assert len(asyncio.all_tasks()) == 1, "nothing is left behind"


async def test_a_snooze_ends_by_itself(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    node.desk.pause(0.3)
    assert node.state.paused
    async with asyncio.timeout(30):
        while node.state.paused:  # noqa: ASYNC110 - it waits on state
            await asyncio.sleep(0.02)
    await node.stop()


async def test_a_file_that_cannot_be_read_stops_the_start_and_is_kept(tmp_path: Path) -> None:
    broken = tmp_path / "membership.json"
    broken.write_bytes(b"{")
    node = NodeRuntime(CONFIG, tmp_path)
    with pytest.raises(UserFacingError) as caught:
        await node.start()
    assert caught.value.hint
    assert broken.read_bytes() == b"{"
    assert not (tmp_path / "control.json").exists()
    assert len(asyncio.all_tasks()) == 1


async def test_a_taken_port_stops_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = NodeRuntime(NodeConfig(port=taken.getsockname()[1], keyring=False, vpn="off"), tmp_path)
        with pytest.raises(UserFacingError) as caught:
            await node.start()
    assert caught.value.exit_code == EXIT_IN_USE
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


async def test_a_signal_ends_it_after_requests_in_flight(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    stop = asyncio.Event()
    waiting = asyncio.get_running_loop().create_task(node.wait(stop))
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set()
    await asyncio.wait_for(waiting, 30)
    assert node.state.phase == "stopped"
    await node.stop()


async def test_its_access_log_tells_of_every_request_at_its_door(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    node = NodeRuntime(
        NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", access_log=str(path)), tmp_path / "data"
    )
    (tmp_path / "data").mkdir()
    await node.start()
    async with aiohttp.ClientSession(node.url) as session:
        for where in ("/health?a=b", "/service/ner"):
            async with session.get(where) as answer:
                await answer.read()
    await node.stop()
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [("/health", 200), ("/service/ner", 401)]


async def test_an_access_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    where = str(tmp_path / "none" / "a.log")
    node = NodeRuntime(NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", access_log=where), tmp_path)
    with pytest.raises(UserFacingError, match="access_log"):
        await node.start()
    assert len(asyncio.all_tasks()) == 1
