"""Control groups as Linux lays them out, in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.hardware.linux_limits import cpu_quota, memory_limit


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_a_system_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert memory_limit(tmp_path) is None


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "150000 100000")
    write(tmp_path, "sys/fs/cgroup/memory.max", str(2**30))
    assert cpu_quota(tmp_path) == 2  # one and a half, rounded up
    assert memory_limit(tmp_path) == 2**30


def test_the_tightest_group_on_the_way_up_counts(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/user.slice/app.scope")
    write(tmp_path, "sys/fs/cgroup/user.slice/cpu.max", "200000 100000")
    write(tmp_path, "sys/fs/cgroup/user.slice/app.scope/cpu.max", "max 100000")
    write(tmp_path, "sys/fs/cgroup/user.slice/memory.max", "4096")
    write(tmp_path, "sys/fs/cgroup/user.slice/app.scope/memory.max", "max")
    assert cpu_quota(tmp_path) == 2
    assert memory_limit(tmp_path) == 4096


def test_version_one_has_a_tree_per_controller(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "7:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n1:name=systemd:/")
    write(tmp_path, "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "50000")
    write(tmp_path, "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    write(tmp_path, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000")
    assert cpu_quota(tmp_path) == 1
    assert memory_limit(tmp_path) == 1_000_000


@pytest.mark.parametrize("text", ["", "max", "max 100000", "1 0", "x y", "-5 100000", "1 2 3"])
def test_a_quota_that_says_nothing_is_no_limit(tmp_path: Path, text: str) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/")
    write(tmp_path, "sys/fs/cgroup/cpu.max", text)
    assert cpu_quota(tmp_path) is None


def test_a_group_outside_our_view_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/../../etc\nnonsense\n")
    write(tmp_path, "etc/cpu.max", "100000 100000")
    assert cpu_quota(tmp_path) is None
