from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.program.data_dir import hold_data_dir, is_held, with_room, write_private_file
from node.program.errors import EXIT_FAILED, EXIT_IN_USE, UserFacingError

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from pathlib import Path
from node.program.data_dir import hold_data_dir
with hold_data_dir(Path(sys.argv[1]), "node"):
    print("held", flush=True)
    sys.stdin.read()
"""
posix = pytest.mark.skipif(os.name != "posix", reason="file modes and signals are POSIX")


@contextmanager
def another_program(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the directory until its stdin closes."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()
            process.wait(60)


def test_a_directory_is_made_private_and_let_go_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    for _ in range(2):
        with hold_data_dir(path, "node") as held:
            assert held == path
            if os.name == "posix":
                assert path.stat().st_mode & 0o777 == 0o700


def test_a_directory_in_use_by_another_process_is_refused(tmp_path: Path) -> None:
    with another_program(tmp_path), pytest.raises(UserFacingError) as caught, hold_data_dir(tmp_path, "node"):
        pass
    assert caught.value.exit_code == EXIT_IN_USE
    assert str(tmp_path) in caught.value.title
    assert "in use" in caught.value.title
    assert "--data-dir" in caught.value.hint


def test_two_kinds_of_program_do_not_hinder_one_another(tmp_path: Path) -> None:
    with another_program(tmp_path), hold_data_dir(tmp_path, "coordinator"):
        pass


@posix
def test_a_program_that_is_killed_lets_go(tmp_path: Path) -> None:
    with another_program(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        with hold_data_dir(tmp_path, "node"):
            pass


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(UserFacingError, match="cannot be used") as caught, hold_data_dir(path, "node"):
        pass
    assert caught.value.exit_code == EXIT_FAILED
    assert caught.value.message == "There is a file where a directory should be."
    assert "--data-dir" in caught.value.hint


def test_a_directory_that_we_may_not_write_to_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(
            13, "Permission denied"
        )  # root may write everywhere, so the system's answer is played

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(UserFacingError, match="Permission denied") as caught, hold_data_dir(tmp_path / "x", "node"):
        pass
    if os.name == "posix":
        assert f"{tmp_path} belongs to " in caught.value.message
        assert "this program runs as user 4000000." in caught.value.message


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "Make room"), (errno.EDQUOT, "Make room"), (errno.EROFS, "Mount that disk for writing")],
)
def test_a_disk_without_room_is_said(tmp_path: Path, number: int, hint: str) -> None:
    with pytest.raises(UserFacingError, match="cannot be used") as caught, with_room(tmp_path):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in caught.value.message
    assert hint in caught.value.hint


def test_other_errors_keep_their_trace(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), with_room(tmp_path):
        raise ConnectionResetError


@posix
def test_a_shared_directory_given_by_mistake_stays_open(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "somebody's file").touch()
    with hold_data_dir(shared, "node"):
        assert shared.stat().st_mode & 0o777 == 0o755


@posix
def test_our_own_directory_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with hold_data_dir(path, "node"):
        (path / "file").touch()
    path.chmod(0o755)
    with hold_data_dir(path, "node"):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_private_file(path, b"one")
    write_private_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@posix
def test_only_its_owner_may_read_it_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o666)
    write_private_file(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o600


@posix
def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "secret"
    target.write_text("keep")
    path.symlink_to(target)
    write_private_file(path, b"new")
    assert target.read_text() == "keep"
    assert not path.is_symlink()


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    write_private_file(path, b"old")

    def crash(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        write_private_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@posix
def test_only_a_running_program_holds_its_directory(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "nowhere", "node")
    with another_program(tmp_path) as process:
        assert is_held(tmp_path, "node")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        assert (tmp_path / "node.lock").exists()
        assert not is_held(tmp_path, "node")
