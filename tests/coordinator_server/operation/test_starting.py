"""Starts that are refused in one clear line, and those that go on with a warning, as real programs."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.audit import Audit
from coordinator_server.config import CoordinatorConfig
from coordinator_server.operation.machine import Condition
from coordinator_server.operation.starting import UNFINISHED, check_clock, check_machine, tell
from coordinator_server.store.sqlite import open_sqlite
from node.program.errors import UserFacingError
from tests.support.real_mesh import ENVIRONMENT, real_mesh, run

posix = pytest.mark.skipif(os.name != "posix", reason="needs rights and mounts as Unix has them")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
NOW = 1_800_000_000.0


def start(folder: Path, *flags: str) -> subprocess.CompletedProcess[Any]:
    places = ("--port", "0", "--dht-port", "0", "--vpn", "off")
    return run("coordinator_server", "serve", "--data-dir", str(folder), *places, *flags)


def test_what_is_fatal_is_raised_after_the_rest_was_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(UserFacingError, match="does not start") as caught:
        tell([Condition("a", "Bad.", "Stop.", fatal=True), Condition("b", "Not good.", "Mend it.")])
    assert (caught.value.message, caught.value.hint) == ("Bad.", "Stop.")
    assert "Not good. Mend it." in caplog.text


def test_a_machine_that_will_do_is_let_through(tmp_path: Path) -> None:
    check_machine(CoordinatorConfig(data_dir=str(tmp_path)))
    with pytest.raises(UserFacingError, match="are free on the disk"):
        check_machine(CoordinatorConfig(data_dir=str(tmp_path), min_free_disk=2**62))


async def test_a_clock_behind_the_store_may_be_ignored(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "store.db")
    audit = Audit(store, lambda: NOW + 10 * 86400)
    await audit.record(audit.line("key-created", actor="admin"))
    with pytest.raises(UserFacingError, match="--ignore-clock"):
        await check_clock(store, NOW)
    await check_clock(store, NOW, ignore=True)
    await check_clock(store, NOW + 10 * 86400)
    await store.close()


@pytest.mark.processes
@posix
def test_secrets_that_others_could_read_are_closed_at_the_start(tmp_path: Path) -> None:
    with real_mesh(tmp_path) as mesh:
        mesh.start_coordinator().stop()
        key = tmp_path / "coordinator" / "mesh.key"
        key.chmod(0o644)
        again = mesh.start_coordinator()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert "could be read by others" in again.log_text()


@pytest.mark.processes
@posix
@as_root
def test_root_leaves_another_users_data_directory_alone(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "mesh.key").write_text("x")
    for path in (folder, folder / "mesh.key"):
        os.chown(path, 54321, 54321)
    done = start(folder)
    assert done.returncode == 1
    assert "belongs to user 54321" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["mesh.key"], "nothing of root's is in it"


@pytest.mark.processes
def test_a_restore_that_was_cut_off_is_not_started_on(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / UNFINISHED).touch()
    done = start(folder)
    assert done.returncode == 1
    assert "was cut off" in done.stderr
    assert not (folder / "mesh.key").exists()


@pytest.mark.processes
@pytest.mark.needs("unshare")
@posix
@as_root
@pytest.mark.parametrize(
    ("options", "why"),
    [("size=20m", "MB are free on the disk"), ("size=900m,nr_inodes=30", "more files"), ("ro", "Read-only")],
)
def test_a_disk_on_which_nothing_can_be_kept_is_refused(tmp_path: Path, options: str, why: str) -> None:
    (tmp_path / "disk").mkdir()
    script = f'mount -t tmpfs -o {options} tmpfs "$1" && shift && exec "$@"'
    words = [sys.executable, "-m", "coordinator_server", "serve", "--data-dir", str(tmp_path / "disk" / "c"),
             "--port", "0", "--dht-port", "0", "--vpn", "off"]  # fmt: skip
    done = subprocess.run(
        [str(shutil.which("unshare")), "-m", "sh", "-c", script, "sh", str(tmp_path / "disk"), *words],
        capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.processes
@pytest.mark.needs("faketime")
@pytest.mark.skipif(sys.platform != "linux", reason="faketime is for Linux")
def test_a_clock_at_the_beginning_of_time_is_refused(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "coordinator_server", "serve", "--data-dir", str(tmp_path / "c"),
             "--port", "0", "--dht-port", "0", "--vpn", "off"]  # fmt: skip
    done = subprocess.run(
        ["faketime", "1999-06-15 12:00:00", *words],
        capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "The clock of this computer says 1999-06-15" in done.stderr
    assert "timedatectl" in done.stderr
