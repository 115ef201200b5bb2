"""The package script against played system programs: what is there, who we are, and whether apt works."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "installers" / "debian_test_packages.sh"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the script is for Debian")

QUERY_ALL = 'for each in "$@"; do case "$each" in -*|*Package*) ;; *) echo "installed $each";; esac; done'
QUERY_NO_GCC = QUERY_ALL.replace("-*|", "-*|gcc|")
QUERY_REMOVED_GCC = QUERY_NO_GCC + '; echo "config-files gcc"; exit 1'


def play(folder: Path, **programs: str) -> Path:
    """Make a PATH in which these programs are scripts and only a shell's everyday tools are real."""
    for name in ("sed", "cat"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, body in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f'#!/bin/sh\necho "{path.name} $*" >> {folder}/calls\n{body}\n')
        path.chmod(0o755)
    return folder


def run(path: Path) -> tuple[str, list[str]]:
    """Run the script; return what it said and the calls of apt-get."""
    shell = shutil.which("sh")
    assert shell
    done = subprocess.run(
        [shell, str(SCRIPT)], env={"PATH": str(path)}, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    calls = (path / "calls").read_text().splitlines() if (path / "calls").exists() else []
    return done.stderr, [call for call in calls if call.startswith("apt-get")]


def test_where_everything_is_installed_nothing_is_done_or_said(tmp_path: Path) -> None:
    assert run(play(tmp_path, dpkg_query=QUERY_ALL, id="echo 0", apt_get="exit 1")) == ("", [])


@pytest.mark.parametrize("query", [QUERY_NO_GCC, QUERY_REMOVED_GCC])
def test_root_gets_exactly_what_is_missing(tmp_path: Path, query: str) -> None:
    said, calls = run(play(tmp_path, dpkg_query=query, id="echo 0", apt_get="echo noise"))
    assert said == "Installing system packages for the tests: gcc\n"
    assert calls[0] == "apt-get update -qq"
    assert calls[1].endswith(" gcc")
    assert len(calls) == 2


def test_everybody_else_is_told_what_is_missing(tmp_path: Path) -> None:
    said, calls = run(play(tmp_path, dpkg_query=QUERY_NO_GCC, id="echo 1000", apt_get=""))
    assert "Not root" in said
    assert "skipped: gcc" in said
    assert "sudo" in said
    assert calls == []


def test_without_a_network_the_tests_go_on(tmp_path: Path) -> None:
    said, calls = run(play(tmp_path, dpkg_query=QUERY_NO_GCC, id="echo 0", apt_get="echo no network >&2; exit 100"))
    assert "no network" in said
    assert "could not be installed" in said
    assert len(calls) == 1


def test_another_system_is_no_error(tmp_path: Path) -> None:
    said, calls = run(play(tmp_path, id="echo 0", apt_get=""))
    assert said.startswith("Not Debian")
    assert calls == []
