"""The audit log: every line reaches the store, refusals are thinned out, long text is cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.audit import MOST_OWED, REFUSAL_PAUSE, Audit
from coordinator_server.store.interface import StoreError
from coordinator_server.store.sqlite import open_sqlite
from tests.support.mesh_keys import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def audit(tmp_path: Path, clock: Clock) -> AsyncIterator[Audit]:
    store = await open_sqlite(tmp_path / "x.db")
    yield Audit(store, clock)
    await store.close()


async def test_lines_are_kept_with_time_and_number(audit: Audit, clock: Clock) -> None:
    await audit.record(audit.line("enrolled", actor="anonymous", subject="w-1", address="192.0.2.1"))
    clock.now += 5
    await audit.record(audit.line("worker-revoked", actor="admin", subject="w-1"))
    newest, first = await audit.newest()
    assert (newest.action, newest.number, newest.time - first.time) == ("worker-revoked", 2, 5)
    assert (first.actor, first.address, first.outcome) == ("anonymous", "192.0.2.1", "done")


async def test_what_is_done_though_the_store_takes_nothing_is_recorded_later_and_once(
    audit: Audit, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> bool:
        raise StoreError("The disk is full.")

    clock.now = 1_700_000_000.0
    with monkeypatch.context() as patch:
        patch.setattr(audit._store, "commit", full)
        for number in range(MOST_OWED + 5):
            assert not await audit.record_or_owe(audit.line("backup-made", actor="admin", subject=f"{number}"))
        await audit.settle()
        assert await audit.newest() == []
    clock.now += 60
    await asyncio.gather(audit.settle(), audit.settle())
    lines = await audit.newest()
    assert [line.subject for line in reversed(lines)] == [f"{number}" for number in range(5, MOST_OWED + 5)]
    assert lines[0].detail == "at 2023-11-14 22:13:20 UTC, when the store took no writes"
    assert lines[0].time == clock.now, "it is written, and sealed, now"
    assert await audit.record_or_owe(audit.line("backup-made", actor="admin"))
    assert len(await audit.newest()) == len(lines) + 1


async def test_a_flood_of_refusals_costs_one_line_a_minute_and_address(audit: Audit, clock: Clock) -> None:
    async def refuse(address: str) -> None:
        await audit.refusal(audit.line("worker-refused", actor="anonymous", address=address, outcome="refused"))

    for _ in range(50):
        await refuse("192.0.2.1")
    await refuse("192.0.2.2")
    assert len(await audit.newest()) == 2
    clock.now += REFUSAL_PAUSE
    await refuse("192.0.2.1")
    assert len(await audit.newest()) == 3


async def test_what_strangers_send_is_cut(audit: Audit) -> None:
    line = audit.line("enrolment-refused", actor="anonymous", subject="s" * 999, detail="d" * 9999)
    assert (len(line.subject), len(line.detail)) == (200, 500)


async def test_a_flood_from_ever_new_addresses_costs_a_bounded_number_of_lines(audit: Audit, clock: Clock) -> None:
    for number in range(300):
        for address in (f"2001:db8:1:1::{number:x}", f"2001:db8:2:{number:x}::1"):
            line = audit.line("worker-refused", actor="anonymous", address=address, outcome="refused")
            await audit.refusal(line)
    assert len(await audit.newest()) == 60
    clock.now += 60
    await audit.refusal(audit.line("worker-refused", actor="anonymous", address="192.0.2.1", outcome="refused"))
    assert len(await audit.newest()) == 61
