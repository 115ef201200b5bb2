"""A node's past over its control API: requests, the activity log, settings without secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from node.activity.entries import Entries
from node.config import NodeConfig
from node.control_file import FILE_NAME, ControlFile
from node.control_insight import shown_settings
from node.routing.journeys import Journeys
from node.routing.samples import Series
from node.runtime import NodeRuntime
from node.state import View
from tests.support.waiting import eventually

SECRET = "the-token-of-a-tunnel"
CONFIG = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", tunnel="off", tunnel_token=SECRET)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeRuntime]:
    runtime = NodeRuntime(CONFIG, tmp_path)
    await runtime.start()
    yield runtime
    await runtime.stop()


@pytest.fixture
async def control(node: NodeRuntime, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    file = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes(), type=ControlFile)
    async with aiohttp.ClientSession(file.url, headers={"Authorization": f"Bearer {file.token}"}) as session:
        yield session


async def get(control: aiohttp.ClientSession, path: str, cls: Any) -> Any:
    async with control.get(path) as answer:
        assert answer.status == 200
        return msgspec.json.decode(await answer.read(), type=cls)


async def test_the_past_is_told(node: NodeRuntime, control: aiohttp.ClientSession) -> None:
    told = await get(control, "/activity", Entries)
    assert [entry.code for entry in told.entries] == ["node-started"]
    node.desk.pause()
    newer = await get(control, "/activity?after=1", Entries)
    assert [(entry.number, entry.code) for entry in newer.entries] == [(2, "paused")]
    assert (await get(control, "/view", View)).noted == 2
    assert (await get(control, "/routing/requests", Journeys)).journeys == ()
    await eventually(lambda: bool(node.desk.insight.recent().samples), "a sample")
    recent = await get(control, "/routing/history", Series)
    assert recent.step == 1.0
    assert recent.samples
    assert (await get(control, "/routing/history?span=day", Series)).step == 60.0


@pytest.mark.parametrize(
    "path",
    [
        "/routing/history?span=year",
        "/routing/requests?after=-1",
        "/routing/requests?run=x",
        "/activity?after=99999999999999999999999999",
        "/activity?after=%D9%A1",
    ],
)
async def test_what_cannot_be_meant_is_refused(control: aiohttp.ClientSession, path: str) -> None:
    async with control.get(path) as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["type"].endswith("/invalid-request")


async def test_settings_tell_no_secret(control: aiohttp.ClientSession) -> None:
    settings = await get(control, "/settings", dict[str, Any])
    assert settings["tunnel_token"] == "(set)"
    assert settings["dht_port"] == 0
    assert SECRET not in str(settings)
    assert shown_settings(NodeConfig())["tunnel_token"] == ""


async def test_nobody_without_the_token_reads_it(control: aiohttp.ClientSession) -> None:
    for path in ("/activity", "/settings", "/routing/history", "/routing/requests"):
        async with control.get(path, headers={"Authorization": "Bearer another"}) as answer:
            assert answer.status == 401
