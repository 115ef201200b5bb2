"""A node in a real mesh gets a public address, tells others while it carries, and gives it up when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import namedtuple
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coordinator_server.front import FRONT
from node import events as e
from node.config import NodeConfig
from node.control import EnrollIntent
from node.program.child_process import ChildProcess
from node.program.download import Pin
from node.program.orphans import note_run
from node.public_tunnel import PublicTunnel
from node.runtime import NodeRuntime
from node.state import TunnelStatus
from node.tunnel.cloudflared.arguments import command_of
from node.tunnel.cloudflared.binary import Binary
from node.tunnel.cloudflared.keeper import Timings
from node.tunnel.cloudflared.wish import Wish
from node.wire.manifests import Catalogue
from tests.support.cloudflare_api import ACCOUNT, TOKEN, fake_cloudflare
from tests.support.cloudflared_standin import QUICK_NAME, make_standin
from tests.support.coordinators import Room, coordinator_room
from tests.support.entry_points import answering, carry
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script")
QUICK_URL = f"https://{QUICK_NAME}"
DiskUsage = namedtuple("DiskUsage", "total used free")
FAST = Timings(poll=0.05, first_poll=0.05, connect=60.0, lost=60.0, pauses=0.0)


@contextlib.asynccontextmanager
async def member(room: Room, folder: Path, timings: Timings = FAST, **settings: Any) -> AsyncIterator[NodeRuntime]:
    """Run a node that has joined the room's mesh."""
    folder.mkdir(exist_ok=True)
    config = NodeConfig(
        **{"port": 0, "dht_port": 0, "keyring": False, "vpn": "off", "worker_heartbeat": 0.2, **settings}
    )
    node = NodeRuntime(config, folder)
    node.tunnel = PublicTunnel(config, folder, lambda status: node.dispatch(e.TunnelChanged(status)), timings)
    await node.start()
    try:
        if node.state.membership is None:
            await node.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite(trust="vetted")))
        await eventually(lambda: node.state.phase == "online", "online")
        yield node
    finally:
        await node.stop()


def real_room(folder: Path) -> contextlib.AbstractAsyncContextManager[Room]:
    """Return a coordinator that goes by the real time, as nodes do."""
    return coordinator_room(folder, time.time, Catalogue(()), worker_heartbeat=1.0)  # type: ignore[arg-type]  # it is called, no more


def known(room: Room) -> str | None:
    """Return the public address that the coordinator knows of the only worker."""
    return next((one.endpoints.tunnel_url for one in room.coordinator.registry.members()), None)


async def test_a_quick_tunnel_becomes_an_entry_point_and_is_withdrawn(tmp_path: Path) -> None:
    standin = make_standin(tmp_path / "program")
    standin.does("never")
    async with real_room(tmp_path / "room") as room:
        carrying, points = carry(room), room.site.app[FRONT].entry_points
        async with member(room, tmp_path / "node", tunnel="cloudflared", cloudflared=str(standin.path)) as node:
            carrying.ways[QUICK_URL] = node.url  # before it is looked at, which is done twice a minute only
            standin.does()
            await eventually(lambda: known(room) == QUICK_URL, "the coordinator knows it")
            await eventually(lambda: [one.access_url for one in points.listed()] == [QUICK_URL], "an entry point")
            checks = {check.name: check for check in await node.desk.doctor()}
            assert checks["tunnel"].ok
            assert QUICK_URL in checks["tunnel"].detail
            assert node.url in standin.starts[0]["argv"]
            standin.does("down")
            await eventually(lambda: known(room) is None, "it is withdrawn")
            await eventually(lambda: not points.listed(), "frontends are told of it no more")
            assert node.state.phase == "online", "no other way is touched"
            standin.does()
            await eventually(lambda: known(room) == QUICK_URL, "it is told again")
        assert standin.running == []
    assert len(asyncio.all_tasks()) == 1


async def test_a_tunnel_that_cannot_be_opened_leaves_the_node_online(tmp_path: Path) -> None:
    standin = make_standin(tmp_path / "program")
    standin.does("limited")
    settings: dict[str, Any] = {"tunnel": "cloudflared", "cloudflared": str(standin.path)}
    async with (
        real_room(tmp_path / "room") as room,
        member(room, tmp_path / "node", Timings(pauses=1.0), **settings) as node,
    ):
        await eventually(lambda: node.state.tunnel.state == "rate-limited", "told")
        assert node.state.phase == "online"
        assert known(room) is None
        check = next(check for check in await node.desk.doctor() if check.name == "tunnel")
        assert not check.ok
        assert "429" in check.detail
        assert "TUNNEL_TOKEN" in check.hint


async def test_a_managed_tunnel_is_found_again_after_a_restart_and_deleted_when_the_node_leaves(
    tmp_path: Path,
) -> None:
    standin = make_standin(tmp_path / "program")
    async with real_room(tmp_path / "room") as room, fake_cloudflare() as cloudflare:
        settings: dict[str, Any] = {
            "tunnel": "cloudflared",
            "cloudflared": str(standin.path),
            "cloudflare_api_token": TOKEN,
            "cloudflare_account_id": ACCOUNT,
            "cloudflare_api": cloudflare.url,
            "tunnel_hostname": "worker.example.org",
        }
        for _ in range(2):
            async with member(room, tmp_path / "node", **settings) as node:
                await eventually(lambda: known(room) == "https://worker.example.org", "the coordinator knows it")
                (made,) = cloudflare.living
                assert cloudflare.configurations[made["id"]]["ingress"][0]["service"] == node.url
        assert len(cloudflare.tunnels) == 1
        async with member(room, tmp_path / "node", **settings) as node:
            await eventually(lambda: node.state.tunnel.url, "up")
            await node.desk.leave()
            await eventually(lambda: node.state.membership is None, "left")
            await eventually(lambda: not cloudflare.living, "the tunnel is deleted")
            assert cloudflare.records == {}
            await eventually(lambda: node.state.tunnel == TunnelStatus(), "nothing is told of it any more")
        assert TOKEN not in repr(standin.starts)
        assert standin.running == []


async def test_an_address_of_ones_own_is_told_once_it_leads_here(tmp_path: Path) -> None:
    status: list[TunnelStatus] = []
    async with (
        aiohttp.ClientSession() as session,
        real_room(tmp_path / "room") as room,
        member(room, tmp_path / "node", Timings(connect=0.05)) as node,
    ):
        node.tunnel.wish = Wish("own", url=node.url)  # as if somebody's tunnel led to it
        await node.tunnel.start(node.url, node.state.worker_id or "", node.http)
        await eventually(lambda: node.state.tunnel.url == node.url, "it leads to itself")
        assert node.state.endpoints is not None
        assert node.state.endpoints.tunnel_url == node.url
        other = PublicTunnel(NodeConfig(tunnel_url=node.url), tmp_path, status.append, Timings(connect=0.05))
        await other.start("http://127.0.0.1:1", "w2", session)
        await eventually(lambda: status, "told")
        assert (status[0].state, status[0].url) == ("down", None), "it is another node's, and not ours"
        assert "status 404" in status[0].text
        await other.stop()
    assert status[-1] == TunnelStatus()


async def test_the_address_of_a_token_s_tunnel_is_told_only_where_it_leads_here(tmp_path: Path) -> None:
    standin = make_standin(tmp_path / "program")
    settings: dict[str, Any] = {"tunnel": "cloudflared", "cloudflared": str(standin.path), "tunnel_token": "secret"}
    async with (
        answering() as elsewhere,
        real_room(tmp_path / "room") as room,
        member(room, tmp_path / "node", tunnel_url=elsewhere.url, **settings) as node,
    ):
        await eventually(lambda: node.state.tunnel.state == "down", "told")
        assert "does not lead to this machine" in node.state.tunnel.text
        assert known(room) is None
        assert elsewhere.asked
        assert node.state.endpoints is not None
        assert node.state.endpoints.tunnel_url is None
        standin.leads("worker.example.org", node.url)
        node.tunnel.wish = Wish("token", url=node.url, token="secret")  # as if the tunnel led to it
        await node.tunnel.start(node.url, node.state.worker_id or "", node.http)
        await eventually(lambda: node.state.tunnel.url == node.url, "told")
    assert standin.running == []


async def test_nothing_is_opened_that_nobody_asked_for(tmp_path: Path) -> None:
    status: list[TunnelStatus] = []
    config = NodeConfig(tunnel_token="t")
    tunnel = PublicTunnel(config, tmp_path, status.append)
    async with aiohttp.ClientSession() as session:
        await tunnel.start("http://127.0.0.1:1", "w1", session)
        assert [(one.kind, one.state) for one in status] == [("none", "off")]
        assert "--tunnel cloudflared" in status[0].text
        await tunnel.stop()
    assert config.tunnel_wish.kind == "none"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [{"tunnel": "off"}, {"tunnel_url": "http://127.0.0.1:1"}])
async def test_what_a_killed_run_left_open_is_closed_also_where_no_cloudflared_is_wished_any_more(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    standin, folder = make_standin(tmp_path / "program"), tmp_path / "cloudflared"
    folder.mkdir()
    command = command_of(standin.path, folder / "config.yml", "http://127.0.0.1:1", named=False)
    ended: list[int] = []
    left = await ChildProcess.spawn(command, folder, lambda _: None, ended.append)
    try:
        note_run(folder / "run.json", left.pid)
        tunnel = PublicTunnel(NodeConfig(**settings), tmp_path, lambda _status: None)
        async with aiohttp.ClientSession() as session:
            await tunnel.start("http://127.0.0.1:1", "w1", session)
            await eventually(lambda: ended, "it is ended")
            await eventually(lambda: not (folder / "run.json").exists(), "and forgotten")
            await tunnel.stop()
    finally:
        await left.stop(0.0)


async def test_on_a_full_disk_cloudflared_is_not_fetched_and_it_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Pin("1", "http://127.0.0.1:1/x", "0" * 64, ("cloudflared",), "cloudflared", plain=True)
    monkeypatch.setattr("node.public_tunnel.Binary", partial(Binary, path="", places=(), pin=lambda: nowhere))
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: DiskUsage(2**40, 2**40 - 2**20, 2**20))
    node = NodeRuntime(NodeConfig(port=0, keyring=False, vpn="off", tunnel="cloudflared"), tmp_path)
    async with aiohttp.ClientSession() as session:
        await node.tunnel.start("http://127.0.0.1:1", "w1", session)
        await eventually(lambda: node.state.tunnel.state == "failed", "told")
        assert "there is no room for it on this disk. Only 1.0 MB of this disk are free" in node.state.tunnel.text
        await node.tunnel.stop()


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    status: list[TunnelStatus] = []
    (tmp_path / "cloudflared").write_text("a file where the folder should be")
    tunnel = PublicTunnel(NodeConfig(tunnel="cloudflared"), tmp_path, status.append)
    async with aiohttp.ClientSession() as session:
        await tunnel.start("http://127.0.0.1:1", "w1", session)
        await eventually(lambda: status and status[-1].state == "failed", "told")
        await tunnel.stop()
