"""How this machine does, as its control API tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from node.config import NodeConfig
from node.control_file import FILE_NAME, ControlFile
from node.runtime import NodeRuntime
from node.vitals.feed import MAX_WATCHERS
from node.vitals.values import Contribution, LogTail, Vitals
from tests.support.node_values import report
from tests.support.waiting import eventually


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeRuntime]:
    config = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", watts_per_core=11.0)
    runtime = NodeRuntime(config, tmp_path)
    await runtime.start()
    yield runtime
    await runtime.stop()
    await runtime.stop()


@pytest.fixture
async def control(node: NodeRuntime, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    file = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes(), type=ControlFile)
    async with aiohttp.ClientSession(file.url, headers={"Authorization": f"Bearer {file.token}"}) as session:
        yield session


async def test_looks_come_while_somebody_looks_and_what_was_given_with_them(
    node: NodeRuntime, control: aiohttp.ClientSession
) -> None:
    async with control.ws_connect("/vitals/stream") as stream:
        node.vitals.keeper.request_ended("ner", 200, 0.02)
        first, second = [msgspec.json.decode((await stream.receive_str()), type=Vitals) for _ in range(2)]
        assert second.sequence > first.sequence
        assert second.gauges.cpu is not None
        assert second.contribution.today.requests == 1
    await eventually(lambda: not node.vitals.feed.watchers, "that nobody looks")
    async with control.get("/contribution") as answer:
        told = msgspec.json.decode(await answer.read(), type=Contribution)
    assert (told.total.requests, told.watts_per_core) == (1, 11.0)


async def test_too_many_who_look_are_turned_away(control: aiohttp.ClientSession) -> None:
    streams = [await control.ws_connect("/vitals/stream") for _ in range(MAX_WATCHERS)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await control.ws_connect("/vitals/stream")
    assert refused.value.status == 503
    for stream in streams:
        await stream.close()


async def test_the_end_of_a_services_log(node: NodeRuntime, control: aiohttp.ClientSession, tmp_path: Path) -> None:
    node.state = msgspec.structs.replace(node.state, services=(report("ner"),))
    async with control.get("/services/ner/log") as answer:
        assert msgspec.json.decode(await answer.read(), type=LogTail).lines == ()
    log = tmp_path / "services" / "ner" / "service.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"one\ntwo\nthree \xff\n")
    async with control.get("/services/ner/log?lines=2") as answer:
        told = msgspec.json.decode(await answer.read(), type=LogTail)
    assert told == LogTail(name="ner", path=str(log), lines=("two", "three �"), cut=True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/services/nothing/log", 404),
        ("/services/..%2f..%2fetc/log", 400),
        ("/services/ner/log?lines=0", 400),
        ("/services/ner/log?lines=99999999999999999999", 400),
        ("/services/ner/log?lines=²", 400),
    ],
)
async def test_what_is_no_service_or_number_is_refused(
    node: NodeRuntime, control: aiohttp.ClientSession, path: str, status: int
) -> None:
    node.state = msgspec.structs.replace(node.state, services=(report("ner"),))
    async with control.get(path) as answer:
        assert answer.status == status


async def test_what_was_given_is_kept_over_a_restart(node: NodeRuntime, tmp_path: Path) -> None:
    node.vitals.keeper.request_ended("ner", 200, 0.02)
    await node.stop()
    again = NodeRuntime(node.config, tmp_path)
    await again.start()
    try:
        assert again.vitals.keeper.contribution().services["ner"].requests == 1
    finally:
        await again.stop()
