"""What is so now: for the log once, for status and doctor as long as it lasts."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from coordinator_server.api.doctor import examine
from coordinator_server.enrolment import workers
from coordinator_server.front import FRONT
from coordinator_server.operation import conditions as module
from coordinator_server.operation.clocks import ClockWatch
from coordinator_server.operation.conditions import Conditions
from coordinator_server.operation.machine import Condition, DiskRoom
from tests.support.coordinators import coordinator_room


async def test_a_disk_that_runs_full_is_told_as_long_as_it_lasts_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room_left = DiskRoom(10**12)
    monkeypatch.setattr(module, "read_disk", lambda _: room_left)
    monkeypatch.setattr(module, "free_memory", lambda: 10**12)
    monkeypatch.setattr(module, "LOOK", 3600.0)
    async with coordinator_room(tmp_path / "c") as room:
        conditions = room.coordinator.conditions

        async def checks() -> dict[str, bool]:
            front = room.site.app[FRONT]
            found = await examine(room.coordinator, await front.stream.now(), front.hub)
            return {one.name: one.ok for one in found}

        def names() -> list[str]:
            return [one.name for one in conditions.now]

        await conditions.look()
        assert names() == []
        assert (await checks())["machine"]
        room_left = DiskRoom(10**6)
        with caplog.at_level(logging.WARNING):
            await conditions.look()
            await conditions.look()
        assert names() == ["disk"]
        assert caplog.text.count("Only 0 MB are free") == 1
        assert not (await checks())["disk"]
        room_left = DiskRoom(10**12)
        await conditions.look()
        assert (await checks())["machine"]


async def test_a_data_directory_that_has_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> DiskRoom:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "read_disk", fail)
    async with coordinator_room(tmp_path / "c") as room:
        await room.coordinator.conditions.look()
        assert "Input/output error" in room.coordinator.conditions.now[0].text


async def test_a_store_that_takes_no_writes_is_told_and_what_others_wrote_before_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "read_disk", lambda _: DiskRoom(10**12))
    monkeypatch.setattr(module, "free_memory", lambda: 10**12)
    monkeypatch.setattr(module, "judge_others", lambda *_: Condition("others", "Compared.", ""))
    async with coordinator_room(tmp_path / "c") as room:
        now, until = 1000.0, 2000.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
        monkeypatch.setattr(type(room.coordinator.store), "leased_until", property(lambda _: until))
        own = room.coordinator
        conditions = Conditions(own.config, own.store, own.fleet, own.clock, ClockWatch(lambda: now, lambda: now))

        async def names() -> list[str]:
            await conditions.look()
            return [one.name for one in conditions.now]

        assert await names() == []
        now += 2 * own.fleet.heartbeat
        assert await names() == ["others"]
        until = now - 1.0
        assert await names() == []  # we may have been halted ourselves
        now += module.LOOK
        assert await names() == ["store"]
        until = now + 1000.0
        assert await names() == []
        now += 2 * own.fleet.heartbeat
        assert await names() == ["others"]


async def test_a_copied_identity_is_told_as_long_as_the_copy_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "read_disk", lambda _: DiskRoom(10**12))
    monkeypatch.setattr(module, "free_memory", lambda: 10**12)
    async with coordinator_room(tmp_path / "c") as room:
        own = room.coordinator
        own.fleet.double = "https://copy.example.org"
        await own.conditions.look()
        (told,) = own.conditions.now
        assert told.name == "identity"
        assert "https://copy.example.org" in told.text
        assert "mesh.key" in told.hint
        own.fleet.double = ""
        await own.conditions.look()
        assert own.conditions.now == ()


async def test_a_bad_row_stops_no_start_and_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "read_disk", lambda _: DiskRoom(10**12))
    monkeypatch.setattr(module, "free_memory", lambda: 10**12)
    async with coordinator_room(tmp_path / "c") as room:
        await room.worker("w-1")
        for name in ("w-2", "w-3", "w-4", "w-5"):
            await room.coordinator.store.put(workers.PREFIX + name, b"?")
    async with coordinator_room(tmp_path / "c") as room:
        own = room.coordinator
        assert [one.worker_id for one in own.workers] == ["w-1"]
        await own.conditions.look()
        (told,) = own.conditions.now
        assert told.name == "rows"
        assert "'worker/w-2' (" in told.text
        assert "and 1 more" in told.text
        assert "restore FILE" in told.hint
