"""One run of cloudflared: what is remembered of what it says, and that it ends."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from node.program.orphans import note_run
from node.tunnel.cloudflared.arguments import command_of, environment_of
from node.tunnel.cloudflared.connector import Connector
from tests.support.cloudflared_standin import QUICK_NAME, make_standin
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script")


async def test_it_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    standin = make_standin(tmp_path / "program")
    command = command_of(standin.path, tmp_path / "config.yml", "http://127.0.0.1:8000", named=False)
    connector = Connector()
    await connector.start(command, tmp_path, environment_of(tmp_path), tmp_path / "run.json")
    assert (tmp_path / "run.json").exists()
    await eventually(lambda: connector.protocol, "connected")
    assert len(standin.running) == 1
    assert connector.url == f"https://{QUICK_NAME}"
    assert connector.address.startswith("127.0.0.1:")
    assert not await connector.ends_within(0.0)
    await connector.stop()
    assert await connector.ends_within(60.0)
    assert connector.code is not None
    assert standin.running == []
    assert not (tmp_path / "run.json").exists()
    await connector.stop()


async def test_who_is_stopped_while_it_is_written_down_is_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(note: Path, pid: int) -> None:
        begun.set()
        go_on.wait(120)
        note_run(note, pid)

    monkeypatch.setattr("node.tunnel.cloudflared.connector.note_run", slow)
    standin, note = make_standin(tmp_path / "program"), tmp_path / "run.json"
    command = command_of(standin.path, tmp_path / "config.yml", "http://127.0.0.1:8000", named=False)
    connector = Connector()
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(connector.start(command, tmp_path, environment_of(tmp_path), note))
        await eventually(begun.is_set, "it is being written down")
        starting.cancel()
        stopping = group.create_task(connector.stop())
        await eventually(lambda: connector.code is not None, "it has ended")
        assert not stopping.done()
        go_on.set()
    assert not note.exists()


async def test_what_explains_most_is_remembered_until_it_is_connected() -> None:
    connector = Connector(("hidden",))
    connector.hear(b'2026-11-01T10:00:00Z ERR x status_code="429 Too Many Requests" hidden')
    connector.hear(b"failed to unmarshal quick Tunnel: invalid character")
    assert connector.trouble is not None
    assert connector.trouble.kind == "rate-limited"
    assert "hidden" not in connector.trouble.text
    connector.hear(b"2026-11-01T10:00:00Z INF Registered tunnel connection connIndex=0 protocol=http2")
    assert (connector.trouble, connector.protocol) == (None, "http2")


async def test_a_secret_that_would_be_cut_in_two_is_not_shown_either() -> None:
    connector, secret = Connector(("s" * 180,)), "s" * 180
    connector.hear(f"2026-11-01T10:00:00Z ERR {'x' * 200} {secret}".encode())
    assert connector.trouble is not None
    assert "sss" not in connector.trouble.text


async def test_where_it_is_is_believed_once() -> None:
    connector = Connector()
    for port, name in ((1234, "first"), (22, "second")):
        connector.hear(f"2026-11-01T10:00:00Z INF Starting metrics server on 127.0.0.1:{port}/metrics".encode())
        connector.hear(f"2026-11-01T10:00:00Z INF |  https://{name}.trycloudflare.com  |".encode())
    assert (connector.address, connector.url) == ("127.0.0.1:1234", "https://first.trycloudflare.com")


async def test_a_program_that_is_none_is_an_error(tmp_path: Path) -> None:
    connector = Connector()
    with pytest.raises(OSError):
        await connector.start((str(tmp_path / "absent"),), tmp_path, {}, tmp_path / "run.json")
    await connector.stop()
