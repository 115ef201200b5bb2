"""The list is copied when it has changed, seldom enough, and not more often for a restart or a failure."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from coordinator_server.entry_points.budget import DAY
from coordinator_server.entry_points.cloudflare_kv import CloudflareKv
from coordinator_server.entry_points.kv_sync import KvSync
from coordinator_server.entry_points.office import Listed
from coordinator_server.store.interface import Store
from coordinator_server.store.sqlite import open_sqlite
from tests.support.cloudflare_api import refused
from tests.support.cloudflare_kv import ACCOUNT, NAMESPACE, TOKEN, FakeKv, fake_kv
from tests.support.mesh_keys import Clock

MIDNIGHT = 20_000 * DAY
ONE = Listed("a", "https://a.example.org", ("ner",), False)
OTHER = Listed("b", "http://8.8.8.8:8000", (), True)


@dataclass
class Desk:
    """A copy that is kept, with a list to change and a clock to turn."""

    fake: FakeKv
    store: Store
    session: aiohttp.ClientSession
    clock: Clock = field(default_factory=lambda: Clock(MIDNIGHT + 1000))
    listed: list[Listed] = field(default_factory=list)
    token: str = TOKEN

    def sync(self, per_day: int = 1000) -> KvSync:
        kv = CloudflareKv(self.session, api=self.fake.url, account=ACCOUNT, namespace=NAMESPACE, token=self.token)
        return KvSync(
            kv=kv,
            key="entry-points",
            listed=lambda: tuple(self.listed),
            store=self.store,
            clock=self.clock,
            per_day=per_day,
            settle=120.0,
            coordinator_id="c1",
        )

    async def turn(self, sync: KvSync, seconds: float) -> None:
        self.clock.now += seconds
        await sync.tick()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_sqlite(tmp_path / "store.db")
    async with fake_kv() as fake, aiohttp.ClientSession() as session:
        yield Desk(fake, store, session)
    await store.close()


async def test_only_changes_are_written_and_30_s_apart(desk: Desk) -> None:
    sync = desk.sync()
    desk.listed = [ONE]
    await sync.tick()
    assert desk.fake.entries == [ONE.access_url]
    for _ in range(100):
        await desk.turn(sync, 10.0)
    assert desk.fake.asked == 1, "nothing has changed"
    for number in range(60):  # it changes every second
        desk.listed = [ONE, OTHER] if number % 2 else [ONE]
        await desk.turn(sync, 1.0)
    assert desk.fake.asked <= 4
    await desk.turn(sync, 31.0)
    assert desk.fake.entries == [ONE.access_url, OTHER.access_url]
    assert b'"insecure":true' in desk.fake.written[-1]
    assert sync.standing().ok
    assert sync.standing().used_today == sync.writes == desk.fake.asked


async def test_a_restart_writes_nothing_and_forgets_no_write(desk: Desk) -> None:
    desk.listed = [ONE]
    await desk.sync().tick()
    desk.listed = []  # workers have not come back yet
    again = desk.sync()
    await again.tick()
    await desk.turn(again, 60.0)
    desk.listed = [ONE]
    await desk.turn(again, 100.0)
    assert desk.fake.asked == 1
    assert again.standing().used_today == 1
    desk.listed = []
    await desk.turn(again, 1.0)
    assert (desk.fake.asked, desk.fake.entries) == (2, [])


async def test_a_spent_budget_is_said_once_and_changes_wait_for_midnight(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    sync = desk.sync(per_day=3)
    with caplog.at_level(logging.WARNING):
        for number in range(40):
            desk.listed = [ONE] if number % 2 else []
            await desk.turn(sync, 2000.0)  # the last write but few is for later in the day
        desk.listed = [ONE, OTHER]
        sync = desk.sync(per_day=3)
        await desk.turn(sync, 31.0)
        await desk.turn(sync, 200.0)
    assert desk.fake.asked == 3, "also after a restart"
    assert len([1 for record in caplog.records if "used up" in record.message]) == 2, "once by each run"
    assert not sync.standing().ok
    assert "00:00 UTC" in sync.standing().text
    desk.clock.now = MIDNIGHT + DAY - 1
    await sync.tick()
    assert desk.fake.asked == 3
    await desk.turn(sync, 1.0)
    assert desk.fake.entries == [ONE.access_url, OTHER.access_url]
    assert sync.standing().ok


async def test_cloudflares_own_word_that_the_day_is_spent_counts(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    sync = desk.sync()
    desk.fake.free = 0
    desk.listed = [ONE]
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            await desk.turn(sync, 60.0)
    assert desk.fake.asked == 1
    assert len(caplog.records) == 1
    desk.fake.free = 1000
    desk.clock.now = MIDNIGHT + DAY
    await sync.tick()
    assert desk.fake.entries == [ONE.access_url]


async def test_failures_are_tried_again_less_and_less_often_and_said_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    sync = desk.sync()
    desk.listed = [ONE]
    desk.fake.out_of_order = lambda: refused(500, 10001, "internal error")
    with caplog.at_level(logging.WARNING):
        for _ in range(3600):
            await desk.turn(sync, 1.0)
    assert 4 <= desk.fake.asked <= 8
    assert sync.failures == desk.fake.asked
    assert len(caplog.records) == 1
    assert TOKEN not in caplog.text
    desk.fake.out_of_order = None
    await desk.turn(sync, 1800.0)
    assert desk.fake.entries == [ONE.access_url]


async def test_a_wrong_token_is_told_and_not_tried_all_the_time(desk: Desk) -> None:
    desk.token = "wrong-token-of-the-test"
    sync = desk.sync()
    desk.listed = [ONE]
    for _ in range(800):
        await desk.turn(sync, 1.0)
    assert desk.fake.asked == 1
    assert "CF_API_TOKEN" in sync.standing().text
    assert desk.token not in sync.standing().text
