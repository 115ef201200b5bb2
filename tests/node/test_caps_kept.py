"""A node goes by the caps of its rules as soon as they are changed, and tells how it keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.config import NodeConfig
from node.rules.caps import CapReport
from node.rules.settings import Caps, Rules
from node.runtime import NodeRuntime
from tests.support.waiting import eventually

CONFIG = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeRuntime]:
    made = NodeRuntime(CONFIG, tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def test_caps_hold_when_they_are_changed_and_it_is_told_how(node: NodeRuntime) -> None:
    def cap(name: str) -> CapReport | None:
        return next((one for one in node.state.caps if one.name == name), None)

    assert not node.caps.meter.active
    before = cap("cpu")
    assert before is not None
    assert before.wanted == Caps().cpu_percent
    assert not before.enforced  # a node that was given nothing to keep caps with says so
    assert cap("upload") is None

    caps = Caps(cpu_percent=None, upload_bytes_per_second=1000, ram_bytes=5)
    await node.rules.put(Rules(caps=caps))
    await eventually(lambda: cap("upload") is not None, "the new caps")
    assert node.caps.meter.active
    assert node.caps.services.plan.together.ram_bytes == 5
    assert cap("cpu") is None
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")  # whoever is on this machine needs no patience
        writer.close()
        await writer.wait_closed()

    await node.rules.put(Rules())
    await eventually(lambda: cap("upload") is None, "the caps from before")
    assert not node.caps.meter.active
