"""A backup is sent whole and audited; that the store takes no writes is a reason to make one, not to refuse it."""

from __future__ import annotations

import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server import backup
from coordinator_server.admin_client import BACKUP_NOTES
from coordinator_server.keys import SECRET_FILES
from coordinator_server.store.interface import StoreError
from tests.support.front import Front, running_front, until


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


async def actions(front: Front) -> list[str]:
    return [entry["action"] for entry in (await front.ask("GET", "/api/admin/audit"))["audit"]]


async def make_backup(front: Front, target: Path) -> str:
    """Write a backup; return what is said of it."""
    async with front.session.post(front.url + "/api/admin/backup", headers=front.admin) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        target.write_bytes(await answer.read())
        return answer.headers.get(BACKUP_NOTES, "")


async def test_a_backup_holds_database_and_keys_and_leaves_nothing_behind(front: Front, tmp_path: Path) -> None:
    assert await make_backup(front, tmp_path / "copy.tar") == ""
    with tarfile.open(tmp_path / "copy.tar") as archive:
        assert {"coordinator.db", *SECRET_FILES} == set(archive.getnames())
    await until(lambda: not list(tmp_path.glob(".backup-*")))
    assert await actions(front) == ["backup-made"]


async def test_while_the_store_takes_no_writes_it_is_made_and_audited_later(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> bool:
        raise StoreError("The disk is full, so nothing was saved.")

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(front.coordinator.store, "commit", full)
        patch.setattr(backup, "MEMORY", elsewhere)
        patch.setattr(backup, "_has_room", lambda place, _: place == elsewhere)
        patch.setattr(type(front.coordinator.store), "in_doubt", True)
        assert await make_backup(front, tmp_path / "copy.tar") == "may-be-old,not-audited"
        assert await actions(front) == []
    with tarfile.open(tmp_path / "copy.tar") as archive:
        assert {"coordinator.db", *SECRET_FILES} == set(archive.getnames())
    await until(lambda: not list(elsewhere.iterdir()))
    await front.coordinator.audit.settle()
    (line,) = (await front.ask("GET", "/api/admin/audit"))["audit"]
    assert (line["action"], line["address"]) == ("backup-made", "127.0.0.1")
    assert "when the store took no writes" in line["detail"]
