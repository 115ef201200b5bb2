"""The audit log through the API: what fits is found wherever it is, and whoever touched a line is found out."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.api import audit as audit_api
from coordinator_server.store.sqlite import FILE_NAME
from tests.support.front import Front, running_front, until


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


async def lines(front: Front, query: str) -> list[tuple[str, str]]:
    found = (await front.ask("GET", f"/api/admin/audit?{query}"))["audit"]
    return [(line["action"], line["subject"]) for line in found]


async def test_lines_are_found_by_action_subject_and_time(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_api, "PAGE", 3)  # so that several pages are looked through
    audit, at = front.coordinator.audit, front.coordinator.clock()
    for number in range(10):
        await audit.record(audit.line("noise", actor="admin", subject=f"n-{number}"))
        if number % 4 == 0:
            await audit.record(audit.line("rare", actor="admin", subject=f"s-{number}"))
    assert await lines(front, "action=rare") == [("rare", "s-0"), ("rare", "s-4"), ("rare", "s-8")]
    assert await lines(front, "action=rare&limit=2") == [("rare", "s-4"), ("rare", "s-8")]
    assert await lines(front, "subject=n-3") == [("noise", "n-3")]
    assert await lines(front, "subject=n-3&action=rare") == []
    assert await lines(front, f"action=rare&since={int(at) + 9000}") == []
    assert len(await lines(front, f"action=rare&since={int(at) - 9000}")) == 3
    await front.ask("GET", "/api/admin/audit?since=yesterday", status=400)


async def test_the_log_is_verified_and_whoever_touched_it_is_found_out(front: Front, tmp_path: Path) -> None:
    await front.key()

    await until(lambda: front.coordinator.together.leads)
    await front.coordinator.sealer.tick()
    found = await front.ask("GET", "/api/admin/audit/verify")
    assert found["holds"], found
    assert found["sealed"] > 0
    again = await front.ask("GET", f"/api/admin/audit/verify?expect={found['mark']}")
    assert again["holds"]
    beyond = f"{found['lines'] + 1}:{'0' * 64}"
    assert not (await front.ask("GET", f"/api/admin/audit/verify?expect={beyond}"))["holds"]
    await front.ask("GET", "/api/admin/audit/verify?expect=nonsense", status=400)
    with contextlib.closing(sqlite3.connect(front.coordinator.config.directory / FILE_NAME)) as database:
        database.execute("DROP TRIGGER audit_is_true")
        database.execute("UPDATE audit SET address = '192.0.2.9' WHERE number = 1")
        database.commit()
    broken = await front.ask("GET", "/api/admin/audit/verify")
    assert (broken["holds"], broken["line"], broken["seal"]) == (False, 1, 1)
