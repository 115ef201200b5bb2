"""Backups of a busy coordinator: whatever was acknowledged before one began is in it, and it serves again."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import aiohttp
import pytest

from coordinator_server.backup import unpack_database
from node.program.tasks import TaskSet
from tests.support.coordinators import Worker
from tests.support.real_mesh import ENVIRONMENT, RealMesh, real_mesh, run
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.name != "posix", reason="a terminal as Unix has it"),
]
BACKUPS = 3


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


async def test_what_was_acknowledged_before_a_backup_is_in_it(mesh: RealMesh, tmp_path: Path) -> None:
    coordinator = await asyncio.to_thread(mesh.start_coordinator)
    code = (await asyncio.to_thread(mesh.admin, "invite", "create", "--uses", "100000"))["code"]
    acknowledged: list[Worker] = []
    taken: list[tuple[Path, set[str]]] = []
    tasks = TaskSet("test")
    async with aiohttp.ClientSession() as session:

        async def enrol() -> None:
            while True:
                worker = Worker(coordinator.url, session, time.time, coordinator.ready["coordinator_id"])
                assert (await worker.enrol(code)).status == 201
                acknowledged.append(worker)

        async def look() -> None:
            while True:
                async with session.get(coordinator.url + "/health") as answer:
                    assert answer.status == 200

        load = [tasks.start(work(), "load") for work in (enrol, enrol, enrol, look, look)]
        for number in range(BACKUPS):
            await more_than(acknowledged, len(acknowledged) + 5)
            sure = {worker.worker_id for worker in acknowledged}
            file = tmp_path / f"{number}.tar"
            await asyncio.to_thread(mesh.admin, "backup", str(file))
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            taken.append((file, sure))
        assert [task for task in load if task.done()] == [], "the load was there all the time"
        await tasks.stop()
        for file, sure in taken:
            unpack_database(file, tmp_path / "copy.db")
            with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
                keys = {row[0] for row in connection.execute("SELECT key FROM entries")}
                lines = {
                    row[0] for row in connection.execute("SELECT subject FROM audit WHERE action = 'enrolled'")
                }
            assert {f"worker/{name}" for name in sure} <= keys
            assert lines == {key.removeprefix("worker/") for key in keys if key.startswith("worker/")}

        # The last one goes into a new directory, and its machines are known there.
        await asyncio.to_thread(coordinator.stop)
        coordinator.data_dir.rename(tmp_path / "lost")
        file, sure = taken[-1]
        done = await asyncio.to_thread(restore, file, coordinator.data_dir, "--json")
        assert json.loads(done.stdout)["kept"] is None
        again = await asyncio.to_thread(mesh.start_coordinator)
        assert again.ready["coordinator_id"] == coordinator.ready["coordinator_id"]
        known = next(worker for worker in acknowledged if worker.worker_id in sure)
        known.url = again.url
        assert (await known.register()).status == 200
        await asyncio.to_thread(again.stop)


async def more_than(some: list[Worker], count: int) -> None:
    await eventually(lambda: len(some) > count, "machines enrol", 120)


def restore(file: Path, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    done = run("coordinator_server", "restore", str(file), "--data-dir", str(folder), *flags)
    assert done.returncode == 0, done.stderr
    return done


def test_a_restore_over_something_asks_and_keeps_it(mesh: RealMesh, tmp_path: Path) -> None:
    coordinator = mesh.start_coordinator()
    mesh.admin("backup", str(tmp_path / "backup.tar"))
    words = ["restore", str(tmp_path / "backup.tar"), "--data-dir", str(coordinator.data_dir)]
    assert run("coordinator_server", *words, "--yes").returncode == 3, "it runs"
    coordinator.stop()
    refused = run("coordinator_server", *words)
    assert refused.returncode == 2, "nobody is there to be asked"
    assert "--yes" in refused.stderr
    before = sorted(path.name for path in coordinator.data_dir.iterdir())
    code, said = at_a_terminal(words, "no\n")
    assert code == 2
    assert f"This replaces the coordinator's data in {coordinator.data_dir}" in said
    assert sorted(path.name for path in coordinator.data_dir.iterdir()) == before
    code, said = at_a_terminal(words, "yes\n")
    assert code == 0
    (kept,) = coordinator.data_dir.glob("before-restore-*")
    assert str(kept) in said.replace("\r\n", "")
    assert (kept / "mesh.key").read_bytes() == (coordinator.data_dir / "mesh.key").read_bytes()


def at_a_terminal(words: list[str], typed: str) -> tuple[int, str]:
    """Run a command at a terminal of its own, type something, and return exit code and what was to be seen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator_server", *words], stdin=theirs, stdout=theirs, stderr=theirs,
        env=ENVIRONMENT, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, typed.encode())
    said = b""
    with suppress(OSError):  # the terminal ends with the program
        while data := os.read(ours, 4096):
            said += data
    os.close(ours)
    return process.wait(120), said.decode()
