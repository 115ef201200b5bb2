"""Holds the project's own files to one another: dependencies and lock, make targets and their promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "installers" / "requirements.lock"
posix = pytest.mark.skipif(os.name != "posix", reason="make and sh are POSIX")


def project() -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return document


def normal(requirement: str) -> str:
    """Return the normal form of a requirement's name (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def locked() -> dict[str, set[str]]:
    """Return the locked versions of each package; markers may give one package two."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", LOCK.read_text("utf-8"), re.MULTILINE):
        versions.setdefault(normal(name), set()).add(version)
    return versions


def test_every_dependency_is_in_the_lock() -> None:
    wanted = {normal(requirement) for requirement in project()["project"]["dependencies"]}
    assert wanted - set(locked()) == set()


def test_the_lock_reaches_every_lower_bound() -> None:
    low = []
    for requirement in project()["project"]["dependencies"]:
        bound = re.search(r">=\s*([0-9.]+)", requirement)
        assert bound, f"{requirement} has no lower bound"
        if max(map(numbers, locked()[normal(requirement)])) < numbers(bound[1]):
            low.append(requirement)
    assert low == []


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def test_the_lock_names_no_machine_and_proves_every_file() -> None:
    text = LOCK.read_text("utf-8")
    assert "installers/write_lock.sh" in text.splitlines()[1]
    assert re.search(r"file:|https?://|--index|--find-links|--extra|(^|\s)/", text) is None
    assert text.count("==") <= text.count("--hash=sha256:")


def test_qt_is_pinned_where_it_aborts() -> None:
    assert any(version.startswith("6.11.") for version in locked()["pyside6-essentials"])


def test_every_needed_program_is_one_that_make_test_installs() -> None:
    """Hold `needs(...)` marks to the package list, so that with CI=true nothing is missing."""
    packages = {
        "Xvfb": "xvfb",
        "xvfb-run": "xvfb",
        "trayer": "trayer",
        "openbox": "openbox",
        "xdotool": "xdotool",
        "import": "imagemagick",
        "convert": "imagemagick",
        "xwininfo": "x11-utils",
        "xprop": "x11-utils",
        "chromium": "chromium",
        "gcc": "gcc",
        "ip": "iproute2",
        "nft": "nftables",
        "conntrack": "conntrack",
        "nsenter": "util-linux",
        "unshare": "util-linux",
        "ss": "iproute2",
        "ps": "procps",
        "kill": "procps",
        "nginx": "nginx-light",
        "nebula": "nebula",
        "nebula-cert": "nebula",
        "setpriv": "util-linux",
        "faketime": "faketime",
        "setcap": "libcap2-bin",
        "wrk": "wrk",
        "etcd": "etcd-server",
        "etcdctl": "etcd-client",
        "dbus-daemon": "dbus-daemon",
        "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
        "gio": "libglib2.0-bin",
        "systemd-analyze": "systemd",
        "systemd-sysusers": "systemd",
    }
    script = (ROOT / "installers" / "debian_test_packages.sh").read_text("utf-8").split()
    unknown = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        for arguments in re.findall(r"mark\.needs\(([^)]*)\)", path.read_text("utf-8")):
            programs = re.findall(r"[\"']([^\"']+)[\"']", arguments)
            missing = [program for program in programs if packages.get(program) not in script]
            unknown += [f"{path.relative_to(ROOT)} needs {program}" for program in missing]
    assert unknown == []


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert project()["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def make(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environ = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "PYTHON")
    }
    return subprocess.run(
        ["make", *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@posix
@pytest.mark.parametrize("target", ["run", "test", "lint", "bench", "soak", "clean", "help"])
def test_make_help_tells_every_target(target: str) -> None:
    assert re.search(rf"^  make {target} +\S", make("help").stdout, re.MULTILINE)


@posix
def test_run_can_be_asked_to_end_by_itself(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.touch()
    assert "coordinator_server.demo --once" in make("-n", "run", "ONCE=1", f"READY={ready}").stdout
    assert "--once" not in make("-n", "run", f"READY={ready}").stdout


@posix
def test_tests_run_in_several_processes_unless_flags_say_otherwise(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.touch()
    words = ("-n", "test", f"READY={ready}", "TEST_PROCESSES=5")
    assert make(*words, "PYTEST_FLAGS=").stdout.rstrip().endswith(" -m pytest -n 5 --dist worksteal")
    said = make(*words, "PYTEST_FLAGS=-n 0 -x").stdout.rstrip()
    assert said.endswith(" --dist worksteal -n 0 -x")
    assert said.index("--collect-only") < said.index("/mypy"), "they are compiled while types are checked"


@posix
def test_set_up_is_done_once_and_again_only_when_dependencies_change(tmp_path: Path) -> None:
    copy_build_files(tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    os.utime(tmp_path / "pyproject.toml", (1, 1))
    assert "pip install" not in make("-n", "lint", folder=tmp_path).stdout
    os.utime(tmp_path / "pyproject.toml")
    os.utime(tmp_path / ".venv" / ".ready", (1, 1))
    assert "pip install" in make("-n", "lint", folder=tmp_path).stdout


@posix
@pytest.mark.parametrize(
    ("python", "why"),
    [("/absent/python", "There is no '/absent/python' here"), ("old", "needs Python 3.11 or newer")],
)
def test_a_python_that_will_not_do_is_said(tmp_path: Path, python: str, why: str) -> None:
    copy_build_files(tmp_path)
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = make("lint", f"PYTHON={old if python == 'old' else python}", folder=tmp_path)
    assert done.returncode != 0
    assert why in done.stderr
    assert not (tmp_path / ".venv").exists()


@posix
def test_clean_leaves_the_sources(tmp_path: Path) -> None:
    copy_build_files(tmp_path)
    for name in (".venv/x", "build/x", "src/__pycache__/x.pyc", ".mypy_cache/x", "src/x.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert make("clean", folder=tmp_path).returncode == 0
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["Makefile", "pyproject.toml", "src/x.py"]


def copy_build_files(folder: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)


@posix
def test_scripts_can_be_run_and_read() -> None:
    for script in (ROOT / ".ci" / "run", *(ROOT / "installers").glob("*.sh")):
        assert os.access(script, os.X_OK), script
        subprocess.run(["sh", "-n", script], check=True, timeout=30)


def test_the_python_that_runs_us_is_one_that_we_promise() -> None:
    lowest = numbers(project()["project"]["requires-python"])
    assert sys.version_info[:2] >= lowest[:2]
    assert project()["tool"]["ruff"]["target-version"] == f"py{lowest[0]}{lowest[1]}"
