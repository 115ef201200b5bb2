"""Names of what runs: real processes, and /proc laid out as the kernel does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from node.hardware.sensing import programs as programs_module
from node.hardware.sensing.programs import forms, programs
from tests.support.desktop import wait_until

linux = pytest.mark.skipif(sys.platform != "linux", reason="runs a copy of a program of Linux")


@linux
def test_a_program_is_seen_while_it_runs_by_its_whole_name(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    game = tmp_path / "MyVeryLongGameName.x86_64"
    shutil.copy(sleep, game)
    assert "myverylonggamename.x86_64" not in programs()
    process = subprocess.Popen([game, "600"])
    try:
        names = {"myverylonggamename.x86_64", "myverylonggamen"}
        wait_until(lambda: names <= programs(), "its name")  # it has that some moments after it was started
    finally:
        process.kill()
        process.wait()
    assert "myverylonggamename.x86_64" not in programs()


def test_names_of_windows_are_there_with_and_without_their_ending() -> None:
    assert forms("Game.EXE") == ("game.exe", "game")
    assert forms("blender") == ("blender",)
    assert forms("") == ("",)


def process(proc: Path, pid: int, comm: str, *command: str) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "comm").write_text(comm + "\n")
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in command))


def test_proc_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    process(tmp_path, 1, "systemd", "/sbin/init")
    process(tmp_path, 2, "kthreadd")
    process(tmp_path, 3, "TheWitcherThree", r"Z:\games\TheWitcherThreeWildHunt.exe", "-dx12")
    process(tmp_path, 4, "gnome-screensho", "python3", "/usr/bin/gnome-screenshooter")
    process(tmp_path, 5, "kworker/u16:3-e")
    (tmp_path / "6").mkdir()  # it has ended meanwhile
    (tmp_path / "meminfo").write_text("")
    names = list(programs_module._linux_names(tmp_path))
    assert names == sorted(names, key=names.index)
    assert set(names) == {
        "systemd", "kthreadd", "TheWitcherThree", "TheWitcherThreeWildHunt.exe", "gnome-screensho",
        "gnome-screenshooter", "kworker/u16:3-e", "",
    }  # fmt: skip


def test_elsewhere_psutil_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert psutil.Process().name().lower() in programs()
