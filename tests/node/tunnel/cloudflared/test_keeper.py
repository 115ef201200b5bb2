"""A tunnel is opened, watched, told to others only while it carries, and opened again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from node.program.orphans import note_run
from node.program.tasks import TaskSet
from node.state import TunnelStatus
from node.tunnel.cloudflared.api import CloudflareApi
from node.tunnel.cloudflared.binary import Binary
from node.tunnel.cloudflared.keeper import Timings, TunnelKeeper
from node.tunnel.cloudflared.wish import Wish
from tests.support.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare, fake_cloudflare
from tests.support.cloudflared_standin import QUICK_NAME, make_standin
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script")
ORIGIN = "http://127.0.0.1:8123"
QUICK_URL = f"https://{QUICK_NAME}"
FAST = Timings(poll=0.05, first_poll=0.05, connect=60.0, lost=60.0, pauses=0.0)


class Tunnel:
    """A keeper that runs, and all that it has told."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.told: list[TunnelStatus] = []
        self.folder = folder / "cloudflared"
        self.standin = make_standin(folder / "program")
        self._session = session
        self._tasks = TaskSet("test")

    def start(self, wish: Wish, timings: Timings = FAST, api: CloudflareApi | None = None) -> None:
        keeper = TunnelKeeper(
            wish=wish,
            folder=self.folder,
            session=self._session,
            on_change=self.told.append,
            binary=Binary(self.folder, setting=str(self.standin.path)),
            api=api,
            timings=timings,
            chance=lambda: 0.0,
        )
        self._tasks.start(keeper.run(ORIGIN, "w1"), "keeper")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def until(self, true: Callable[[TunnelStatus], object], what: str) -> TunnelStatus:
        """Wait until something was told that is so, and return the first of these."""
        await eventually(lambda: any(true(status) for status in self.told), what)
        return next(status for status in self.told if true(status))

    async def until_up(self) -> TunnelStatus:
        return await self.until(lambda status: status.state == "up", "up")


@pytest.fixture
async def tunnel(tmp_path: Path) -> AsyncIterator[Tunnel]:
    async with aiohttp.ClientSession(trust_env=False) as session:
        made = Tunnel(tmp_path, session)
        yield made
        await made.stop()
    assert made.standin.running == [], "no process is left behind"
    assert not (made.folder / "run.json").exists()


async def test_a_quick_tunnel_is_told_once_it_is_connected(tunnel: Tunnel) -> None:
    tunnel.standin.does("never")
    tunnel.start(Wish("quick"))
    await eventually(lambda: tunnel.standin.starts, "started")
    assert {status.state for status in tunnel.told} <= {"starting"}
    tunnel.standin.does()
    assert (await tunnel.until_up()).url == QUICK_URL
    assert all(status.url is None for status in tunnel.told if status.state != "up")
    (start,) = tunnel.standin.starts
    assert "TUNNEL_TOKEN" not in start["environment"]
    assert ORIGIN in start["argv"]


async def test_its_address_is_asked_for_where_its_output_does_not_say_it(tunnel: Tunnel) -> None:
    tunnel.standin.does("no-box")
    tunnel.start(Wish("quick"))
    assert (await tunnel.until_up()).url == QUICK_URL


async def test_a_lost_connection_is_told_and_so_is_its_return(tunnel: Tunnel) -> None:
    tunnel.start(Wish("quick"))
    await tunnel.until_up()
    tunnel.standin.does("down")
    await tunnel.until(lambda status: status.state == "down", "down")
    assert tunnel.told[-1].url is None
    before = len(tunnel.told)
    tunnel.standin.does()
    await eventually(lambda: any(status.url for status in tunnel.told[before:]), "up again")
    assert len(tunnel.standin.starts) == 1, "cloudflared connects again by itself"


async def test_one_that_stays_without_a_connection_is_started_anew(tunnel: Tunnel) -> None:
    tunnel.start(Wish("quick"), Timings(poll=0.05, first_poll=0.05, connect=60.0, lost=0.2, pauses=0.0))
    await tunnel.until_up()
    tunnel.standin.does("down")
    await eventually(lambda: len(tunnel.standin.starts) > 1, "started anew")


async def test_a_crash_is_told_and_it_is_started_again(tunnel: Tunnel) -> None:
    tunnel.start(Wish("quick"))
    await tunnel.until_up()
    os.kill(tunnel.standin.starts[0]["pid"], signal.SIGKILL)
    await eventually(lambda: len(tunnel.standin.starts) > 1, "started again")
    failed = await tunnel.until(lambda status: status.state == "failed", "failed")
    assert failed.url is None
    since = tunnel.told.index(failed)
    await eventually(lambda: any(status.url for status in tunnel.told[since:]), "up again")


@pytest.mark.parametrize(
    ("behaviour", "state", "words"),
    [
        ("limited", "rate-limited", "no more quick tunnels"),
        ("broken-service", "failed", "gives none now"),
        ("no-dns", "failed", "cannot be looked up"),
        ("unknown-flag", "failed", "flag provided but not defined"),
    ],
)
async def test_what_is_wrong_is_told_and_it_waits(tunnel: Tunnel, behaviour: str, state: str, words: str) -> None:
    tunnel.standin.does(behaviour)
    tunnel.start(Wish("quick"), Timings(poll=0.05, first_poll=0.05, pauses=1.0))
    told = await tunnel.until(lambda status: status.state == state, state)
    assert words in told.text
    assert "tried again in" in told.text
    assert told.hint
    assert len(tunnel.standin.starts) == 1


async def test_where_udp_is_blocked_tcp_is_tried_next(tunnel: Tunnel) -> None:
    tunnel.standin.does("no-udp")
    tunnel.start(Wish("quick"), Timings(poll=0.05, first_poll=0.05, connect=60.0, quic=0.1, pauses=0.0))
    await tunnel.until(lambda status: "TCP (http2)" in status.text, "up over TCP")
    protocols = [start["argv"][start["argv"].index("--protocol") + 1] for start in tunnel.standin.starts]
    assert protocols[0] == "auto"
    assert protocols[-1] == "http2"
    before = len(protocols)
    os.kill(tunnel.standin.starts[-1]["pid"], signal.SIGKILL)
    await eventually(lambda: len(tunnel.standin.starts) > before, "started again")
    again = tunnel.standin.starts[before]["argv"]
    assert again[again.index("--protocol") + 1] == "http2", "what carried is tried first"


async def test_a_token_is_in_no_argument_and_in_nothing_that_is_told(tunnel: Tunnel) -> None:
    tunnel.standin.does("leaks")
    tunnel.start(Wish("token", url="https://worker.example.org", token="very-secret"), Timings(pauses=1.0))
    told = await tunnel.until(lambda status: status.state == "failed", "failed")
    (start,) = tunnel.standin.starts
    assert start["environment"]["TUNNEL_TOKEN"] == "very-secret"
    assert start["argv"][-1] == "run"
    assert not any("very-secret" in argument for argument in start["argv"])
    assert "*****" in told.text
    assert "very-secret" not in repr(tunnel.told)
    assert not any(b"very-secret" in file.read_bytes() for file in tunnel.folder.iterdir() if file.is_file())


async def test_the_name_of_a_token_s_tunnel_is_read_from_its_configuration(tunnel: Tunnel) -> None:
    tunnel.start(Wish("token", token="t"))
    nameless = await tunnel.until(lambda status: status.state == "down", "without a name")
    assert ORIGIN in nameless.hint
    tunnel.standin.leads("worker.example.org", ORIGIN)
    assert (await tunnel.until_up()).url == "https://worker.example.org"


async def test_a_token_that_is_refused_is_told_with_what_to_do(tunnel: Tunnel) -> None:
    tunnel.standin.does("bad-token")
    tunnel.start(Wish("token", token="t"), Timings(pauses=1.0))
    told = await tunnel.until(lambda status: status.state == "refused", "refused")
    assert "dashboard" in told.hint


async def test_a_deaf_one_is_killed_at_the_end(tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.tunnel.cloudflared.connector.STOP_LIMIT", 0.2)
    tunnel.standin.does("deaf")
    tunnel.start(Wish("quick"))
    await tunnel.until_up()
    await tunnel.stop()


async def test_one_that_an_earlier_run_left_behind_is_ended(tunnel: Tunnel) -> None:
    tunnel.start(Wish("quick"))
    await tunnel.until_up()
    note = (tunnel.folder / "run.json").read_bytes()
    await tunnel.stop()
    tunnel.folder.joinpath("config.yml").touch()
    left = await asyncio.create_subprocess_exec(
        tunnel.standin.path, *tunnel.standin.starts[0]["argv"], stderr=asyncio.subprocess.DEVNULL
    )
    note_run(tunnel.folder / "run.json", left.pid)
    assert note != (tunnel.folder / "run.json").read_bytes()
    tunnel.start(Wish("quick"))
    async with asyncio.timeout(60):
        await left.wait()


async def test_a_program_that_is_not_there_is_told(tunnel: Tunnel) -> None:
    tunnel.standin.path.unlink()
    tunnel.start(Wish("quick"), Timings(pauses=1.0))
    told = await tunnel.until(lambda status: status.state == "failed", "failed")
    assert "There is no program" in told.text


# --- managed -----------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def account() -> AsyncIterator[tuple[FakeCloudflare, CloudflareApi]]:
    async with fake_cloudflare() as fake, aiohttp.ClientSession() as session:
        yield fake, CloudflareApi(session, TOKEN, fake.url)


async def test_a_managed_tunnel_is_made_and_run_with_its_token(tunnel: Tunnel) -> None:
    async with account() as (fake, api):
        tunnel.start(Wish("managed", api_token=TOKEN, account_id=ACCOUNT), api=api)
        assert (await tunnel.until_up()).url == "https://w1.example.org"
        (made,) = fake.living
        (start,) = tunnel.standin.starts
        assert start["environment"]["TUNNEL_TOKEN"] == fake.token_of(made["id"])
        assert TOKEN not in repr(start)
        assert fake.configurations[made["id"]]["ingress"][0]["service"] == ORIGIN
        await tunnel.stop()


async def test_a_limit_of_the_api_is_told_and_waited_for(tunnel: Tunnel) -> None:
    async with account() as (fake, api):
        fake.refuse("zones", 429, 971, "Please wait and consider throttling your request speed", Retry_After="1234")
        tunnel.start(Wish("managed", api_token=TOKEN, account_id=ACCOUNT), Timings(pauses=1.0), api)
        told = await tunnel.until(lambda status: status.state == "rate-limited", "rate-limited")
        assert "tried again in 21 minutes" in told.text
        await tunnel.stop()
        assert tunnel.standin.starts == []


async def test_an_api_that_repeats_the_token_is_not_quoted_with_it(tunnel: Tunnel) -> None:
    async with account() as (fake, api):
        fake.refuse("zones", 400, 6003, f"Invalid request headers: {TOKEN}")
        tunnel.start(Wish("managed", api_token=TOKEN, account_id=ACCOUNT), Timings(pauses=1.0), api)
        told = await tunnel.until(lambda status: status.state == "refused", "refused")
        assert TOKEN not in repr(tunnel.told)
        assert "*****" in told.text
        await tunnel.stop()


async def test_an_api_token_without_rights_is_told(tunnel: Tunnel) -> None:
    async with account() as (fake, api):
        fake.refuse("cfd_tunnel", 403, 10000, "Authentication error")
        tunnel.start(Wish("managed", api_token=TOKEN, account_id=ACCOUNT), Timings(pauses=1.0), api)
        told = await tunnel.until(lambda status: status.state == "refused", "refused")
        assert "Cloudflare Tunnel / Edit" in told.hint
        await tunnel.stop()
