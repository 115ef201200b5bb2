"""Control groups in a folder that looks like the kernel's: where they are made, what is written and told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.services.limits.cgroup import NAME, ControlGroup
from node.services.limits.plan import Together

FULL = "cpu memory pids"
OURS = f"{NAME}{os.getpid()}"


def kernel(root: Path, own: str, **enabled: str) -> Path:
    """Make a unified hierarchy; `enabled` has what each group on our way lets the ones below it have."""
    mounted = root / "sys/fs/cgroup"
    (mounted / own.lstrip("/")).mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"0::{own}\n")
    (mounted / "cgroup.controllers").write_text("cpu io memory pids")
    for group in (mounted / own.lstrip("/"), *(mounted / own.lstrip("/")).parents):
        if group.is_relative_to(mounted):
            (group / "cgroup.subtree_control").write_text(enabled.get(group.name, ""))
            (group / "cgroup.procs").write_text("")
    return mounted


@pytest.fixture
def makes_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every new folder hold what the kernel puts in a group."""
    mkdir, rmdir = Path.mkdir, Path.rmdir

    def with_files(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        mkdir(self, mode, parents, exist_ok)
        if OURS in self.parts:
            for name in ("cgroup.subtree_control", "cgroup.procs", "memory.events", "memory.oom.group"):
                (self / name).touch()

    def empty_and_remove(self: Path) -> None:
        for file in self.iterdir():
            file.unlink()
        rmdir(self)

    monkeypatch.setattr(Path, "mkdir", with_files)
    monkeypatch.setattr(Path, "rmdir", empty_and_remove)


@pytest.mark.usefixtures("makes_files")
def test_the_group_is_made_beside_ours_where_it_was_given_to_us(tmp_path: Path) -> None:
    mounted = kernel(tmp_path, "/system.slice/node.service/node")
    made = ControlGroup.make(tmp_path)
    assert made is not None
    assert made.path == mounted / "system.slice/node.service" / OURS
    assert (made.path.parent / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (made.path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (made.path / "cpu.weight").read_text() == "1"
    made.hold(Together(cpu_cores=1.6, ram_bytes=2**30))
    assert (made.path / "cpu.max").read_text() == "160000 100000"
    assert (made.path / "memory.max").read_text() == str(2**30)
    assert (made.path / "memory.swap.max").read_text() == "0"
    made.hold(Together(cpu_cores=0.001))
    assert (made.path / "cpu.max").read_text() == "1000 100000"
    assert (made.path / "memory.max").read_text() == (made.path / "memory.swap.max").read_text() == "max"
    made.hold(Together())
    assert (made.path / "cpu.max").read_text() == "max 100000"


@pytest.mark.usefixtures("makes_files")
def test_a_service_that_the_kernel_ended_says_why_and_others_do_not(tmp_path: Path) -> None:
    kernel(tmp_path, "/a/b", a=FULL)
    made = ControlGroup.make(tmp_path)
    assert made is not None
    made.hold(Together(ram_bytes=2**30))
    for name in ("hungry", "modest"):
        made.enter(name, 4242)
        assert (made.path / name / "cgroup.procs").read_text() == "4242"
        assert (made.path / name / "memory.oom.group").read_text() == "1"
    (made.path / "hungry" / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n")
    assert "1.0 GB" in made.ended("hungry")
    assert made.ended("modest") == made.ended("never there") == ""
    made.remove()
    assert not made.path.exists()


@pytest.mark.parametrize(
    "own",
    ["", "/../../outside"],
    ids=["the older hierarchies", "a group outside of what we see"],
)
def test_without_a_place_there_is_no_group(tmp_path: Path, own: str) -> None:
    mounted = tmp_path / "sys/fs/cgroup"
    mounted.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"9:name=systemd:/\n0::{own}\n")
    (mounted / "cgroup.controllers").write_text(FULL)
    assert ControlGroup.make(tmp_path) is None
    assert ControlGroup.make(tmp_path / "nothing") is None


def test_where_nothing_can_be_enabled_nothing_is_left_behind(tmp_path: Path) -> None:
    mounted = kernel(tmp_path, "/a/b")
    for group in (mounted, mounted / "a"):
        (group / "cgroup.subtree_control").unlink()
        (group / "cgroup.subtree_control").mkdir()  # nobody can write to it
    assert ControlGroup.make(tmp_path) is None
    assert not list(tmp_path.rglob(f"{NAME}*"))


@pytest.mark.usefixtures("makes_files")
def test_what_a_killed_node_left_behind_is_taken_away(tmp_path: Path) -> None:
    mounted = kernel(tmp_path, "/a/b", a=FULL)
    dead, alive = mounted / "a" / f"{NAME}{2**22 + 5}", mounted / "a" / f"{NAME}{os.getppid()}"
    (dead / "service").mkdir(parents=True)
    alive.mkdir()
    assert ControlGroup.make(tmp_path) is not None
    assert not dead.exists()
    assert alive.exists()
