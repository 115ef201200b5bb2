"""Nebula as a child process: what it tells, that a reload has to be proved, that nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from node.program.orphans import note_run
from node.vpn.engine import LocalEngine, needs_restart
from node.vpn.events import InterfaceCameUp, NebulaExited, NebulaUpdated, Told
from node.vpn.settings import Plan
from tests.support.fake_nebula import FakeNebula
from tests.support.nebula import plan_of, shared_mesh
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.needs("nebula-cert"),
    pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script with a shebang"),
]


def plan(**more: Any) -> Plan:
    return plan_of(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "198.51.100.7"}), **more)


class Watched:
    """An engine, its stand-in and what was told."""

    def __init__(self, folder: Path, version: str = "1.6.1", *, reloads: bool = True) -> None:
        self.fake = FakeNebula(folder / "bin", version)
        self.folder = folder / "run"
        self.told: list[Told] = []
        self.engine = LocalEngine(
            self.fake.binary,
            self.folder,
            "rma0",
            self.told.append,
            reload_limit=30.0,
            stop_limit=20.0,
            write_again=0.05,
            is_up=lambda _: True,
            reloads=reloads,
        )

    async def until(self, kind: type[Told]) -> Any:
        await eventually(lambda: any(isinstance(one, kind) for one in self.told), f"{kind.__name__} being told")
        found = next(one for one in self.told if isinstance(one, kind))
        self.told.remove(found)
        return found

    async def started(self, wanted: Plan) -> Plan:
        await self.engine.start(wanted)
        await self.until(InterfaceCameUp)
        return wanted


@asynccontextmanager
async def watched(folder: Path, version: str = "1.6.1", *, reloads: bool = True) -> AsyncIterator[Watched]:
    it = Watched(folder, version, reloads=reloads)
    try:
        yield it
    finally:
        await it.engine.stop()


async def test_it_starts_and_stops_and_leaves_no_process(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        await it.started(plan())
        pid = it.engine.pid
        assert pid is not None
        assert (it.folder.stat().st_mode & 0o777, (it.folder / "node.key").stat().st_mode & 0o777) == (0o700, 0o600)
        await it.engine.stop()
        assert not psutil.pid_exists(pid)
        assert it.engine.pid is None
        assert it.told == []  # that we ended it is no news


async def test_a_renewed_certificate_and_a_blocklist_are_reloaded_without_a_restart(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        first = await it.started(plan())
        renewed = shared_mesh().member("10.42.0.11")
        await it.engine.update(msgspec.structs.replace(first, **renewed, blocklist=("ab" * 32, "cd" * 32)))
        assert await it.until(NebulaUpdated) == NebulaUpdated(restarted=False)
        assert it.fake.starts == 1


async def test_where_nothing_can_be_reloaded_as_on_windows_it_is_restarted_without_complaint(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path, reloads=False) as it:
        first = await it.started(plan())
        await it.engine.update(msgspec.structs.replace(first, **shared_mesh().member("10.42.0.11")))
        assert await it.until(NebulaUpdated) == NebulaUpdated(restarted=True)
        await it.until(InterfaceCameUp)
        assert it.fake.starts == 2


async def test_settings_that_cannot_be_written_are_tried_again_and_meanwhile_the_old_ones_go_on(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as it:
        first = await it.started(plan())
        aside = it.folder.rename(tmp_path / "aside")  # nothing can be written now, as on a full disk
        await it.engine.update(msgspec.structs.replace(first, **shared_mesh().member("10.42.0.11")))
        assert it.engine.pid is not None
        assert it.told == []
        aside.rename(it.folder)
        assert await it.until(NebulaUpdated) == NebulaUpdated(restarted=False)
        assert it.fake.starts == 1


async def test_what_is_tried_again_does_not_undo_what_came_after_it(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        first = await it.started(plan())
        older, newer = (msgspec.structs.replace(first, **shared_mesh().member("10.42.0.11")) for _ in range(2))
        aside = it.folder.rename(tmp_path / "aside")
        await it.engine.update(older)
        busy: Any = it.engine._busy
        async with asyncio.TaskGroup() as group:
            await busy.acquire()
            group.create_task(it.engine.update(newer))
            await eventually(
                lambda: len(busy._waiters or ()) == 2, "the newer one waits, and the older one behind it"
            )
            aside.rename(it.folder)
            busy.release()
        await eventually(lambda: not len(it.engine._tasks), "the older one is through, too")
        assert (it.folder / "node.crt").read_text() == newer.certificate


async def test_it_starts_again_with_what_was_written_where_nothing_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with watched(tmp_path) as it:
        first = await it.started(plan())
        monkeypatch.setattr("node.vpn.private_files.write_private_file", full)
        monkeypatch.setattr("node.program.orphans.write_private_file", full)
        await it.started(first)
        await it.engine.start(msgspec.structs.replace(first, mtu=1200))
        assert "No space left" in (await it.until(NebulaExited)).text


@pytest.mark.parametrize(
    ("behaviour", "why"), [("keeps", "no such file"), ("forgets", "1 blocked certificates are missing")]
)
async def test_a_reload_that_did_not_happen_is_noticed_and_mended(behaviour: str, why: str, tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        first = await it.started(plan())
        it.fake.will(behaviour)
        await it.engine.update(msgspec.structs.replace(first, blocklist=("ab" * 32,)))
        updated = await it.until(NebulaUpdated)
        assert updated.restarted
        assert why in updated.why
        await it.until(InterfaceCameUp)
        assert it.fake.starts == 2


async def test_a_nebula_that_hangs_in_its_reload_is_killed_and_started_again(tmp_path: Path) -> None:
    it = Watched(tmp_path)
    it.engine = LocalEngine(
        it.fake.binary, it.folder, "rma0", it.told.append, reload_limit=0.3, stop_limit=0.3, is_up=lambda _: True
    )
    try:
        first = await it.started(plan())
        it.fake.will("hangs")
        await it.engine.update(msgspec.structs.replace(first, blocklist=("ab" * 32,)))
        assert "no word" in (await it.until(NebulaUpdated)).why
        await it.until(InterfaceCameUp)
    finally:
        await it.engine.stop()


async def test_later_versions_are_not_asked_for_lines_that_they_may_not_write(tmp_path: Path) -> None:
    async with watched(tmp_path, "1.9.3") as it:
        first = await it.started(plan())
        it.fake.will("forgets")
        await it.engine.update(msgspec.structs.replace(first, blocklist=("ab" * 32,)))
        assert await it.until(NebulaUpdated) == NebulaUpdated(restarted=False)


async def test_a_new_lighthouse_or_port_needs_a_restart(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        first = await it.started(plan())
        moved = plan_of(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "x"}), ("198.51.100.99",))
        same_key = {name: getattr(first, name) for name in ("certificate", "private_key", "ca")}
        await it.engine.update(msgspec.structs.replace(moved, **same_key))
        assert await it.until(NebulaUpdated) == NebulaUpdated(restarted=True)
        text = (it.folder / "nebula.json").read_text()
        assert json.loads(text)["static_host_map"] == {"10.42.0.1": ["198.51.100.99:4242"]}


def test_what_needs_a_restart_and_what_does_not() -> None:
    before = plan()
    renewed = msgspec.structs.replace(before, **shared_mesh().member("10.42.0.11"), blocklist=("ab" * 32,))
    assert not needs_restart(before, renewed)
    assert needs_restart(before, msgspec.structs.replace(before, listen_port=5000))
    assert needs_restart(before, msgspec.structs.replace(before, relays=()))
    assert needs_restart(before, msgspec.structs.replace(before, **shared_mesh().member("10.42.0.99")))


@pytest.mark.parametrize(
    ("behaviour", "kind", "text"),
    [
        ("port-taken", "port-taken", "address already in use"),
        ("permission", "permission", "not permitted"),
        ("busy", "device-busy", "busy"),
        ("expired", "expired", "expired"),
        ("panics", "crashed", "something is nil"),
    ],
)
async def test_why_it_ended_is_told(behaviour: str, kind: str, text: str, tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        it.fake.will(behaviour)
        await it.engine.start(plan())
        ended = await it.until(NebulaExited)
        assert ended.kind == kind
        assert text in ended.text


async def test_a_program_that_is_gone_or_unknown_is_told_too(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        it.fake.path.unlink()
        await it.engine.start(plan())
        assert (await it.until(NebulaExited)).kind == "refused"
    async with watched(tmp_path, "2.0.0") as it:
        await it.engine.start(plan())
        assert "2.0.0" in (await it.until(NebulaExited)).text


async def test_an_orphan_of_an_earlier_run_is_ended_first(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        await it.started(plan())
        orphan = it.engine.pid
        assert orphan is not None
        note = (it.folder / "nebula.run").read_bytes()
        it.engine._run = None  # as if we had been killed
        (it.folder / "nebula.run").write_bytes(note)
        await it.started(plan())
        gone = asyncio.get_running_loop().time() + 60
        while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
            assert asyncio.get_running_loop().time() < gone
            await asyncio.sleep(0.01)
        assert it.engine.pid != orphan


def test_the_note_of_a_run_is_private(tmp_path: Path) -> None:
    note_run(tmp_path / "run", os.getpid())
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_somebody_else_has_made_is_not_written_to(tmp_path: Path) -> None:
    """Whoever could change the configuration of a Nebula with our rights could open any network with them."""
    async with watched(tmp_path) as it:
        theirs = tmp_path / "theirs"
        theirs.mkdir(mode=0o777)
        it.folder.symlink_to(theirs)
        await it.engine.start(plan())
        assert "not a folder of this user's" in (await it.until(NebulaExited)).text
        assert list(theirs.iterdir()) == []
        it.folder.unlink()
        it.folder.mkdir()
        it.folder.chmod(0o777)
        await it.started(plan())
        assert it.folder.stat().st_mode & 0o777 == 0o700


async def test_a_plan_that_contradicts_itself_is_told_and_starts_nothing(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        await it.engine.start(plan(lighthouses=()))
        assert "needs a lighthouse" in (await it.until(NebulaExited)).text
        assert it.fake.starts == 0


async def test_complaints_while_it_runs_are_no_reason_for_its_end_but_its_last_words(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        await it.started(plan())
        it.fake.will("complains")
        ended = await it.until(NebulaExited)
        assert (ended.kind, "strange packet" in ended.text) == ("crashed", True)


async def test_one_that_ended_before_its_address_was_there_is_never_said_to_be_up(tmp_path: Path) -> None:
    it, there = Watched(tmp_path), False
    it.engine = LocalEngine(it.fake.binary, it.folder, "rma0", it.told.append, is_up=lambda _: there)
    it.fake.will("complains")
    try:
        await it.engine.start(plan())
        await it.until(NebulaExited)
        there = True
        waiting = [task for task in asyncio.all_tasks() if task.get_name() == "nebula:address"]
        await asyncio.gather(*waiting)
        assert it.told == []
    finally:
        await it.engine.stop()
