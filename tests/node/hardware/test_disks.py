from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from node.hardware import disks
from node.hardware.disks import Usage
from node.wire.messages import Disk

Mounted = namedtuple("Mounted", "device mountpoint fstype opts")


def test_every_disk_of_this_machine_has_room_and_a_name() -> None:
    for disk in disks.local_disks():
        assert Path(disk.mount).exists()
        assert 0 <= disk.free_bytes <= disk.total_bytes


def test_network_mounts_images_and_memory_are_no_disks() -> None:
    partitions = [
        Mounted("/dev/sda1", "/", "ext4", "rw"),
        Mounted("server:/x", "/net", "nfs4", "rw"),
        Mounted("//pc/share", "/share", "cifs", "rw"),
        Mounted("me@host:", "/ssh", "fuse.sshfs", "rw"),
        Mounted("/dev/loop0", "/snap/core", "squashfs", "ro"),
        Mounted("tmpfs", "/tmp", "tmpfs", "rw"),
        Mounted("D:\\", "D:\\", "", "cdrom"),
        Mounted("E:\\", "E:\\", "UDF", "ro,cdrom"),
        Mounted("Z:\\", "Z:\\", "NTFS", "rw,remote"),
        Mounted("C:\\", "C:\\", "NTFS", "rw,fixed"),
    ]
    assert disks.select(partitions) == ["/", "C:\\"]


def test_a_device_counts_once_at_its_shortest_mount() -> None:
    partitions = [
        Mounted("/dev/sda1", "/etc/hosts", "ext4", "rw"),
        Mounted("/dev/sda1", "/data", "ext4", "rw"),
        Mounted("/dev/sdb1", "/mnt", "xfs", "rw"),
    ]
    assert disks.select(partitions) == ["/data", "/mnt"]


def test_disks_that_do_not_answer_or_cannot_be_named_are_left_out() -> None:
    answers = {
        "/": Usage(100, 40),
        "/big": Usage(900, 1),
        "/gone": None,
        "/empty": Usage(0, 0),
        "/\udcff": Usage(5, 5),
    }
    assert disks.measure(answers, answers.get) == (
        Disk(mount="/big", total_bytes=900, free_bytes=1),
        Disk(mount="/", total_bytes=100, free_bytes=40),
    )


def test_the_list_is_capped() -> None:
    assert len(disks.measure((f"/{number}" for number in range(500)), lambda mount: Usage(1, 1))) == disks.MAX_DISKS


def test_a_system_that_cannot_list_its_disks_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(all: bool) -> list[object]:
        raise PermissionError("no")

    monkeypatch.setattr(psutil, "disk_partitions", fail)
    assert disks.local_disks() == ()


def test_free_space_is_counted_where_the_path_will_be(tmp_path: Path) -> None:
    here = psutil.disk_usage(str(tmp_path)).free
    assert abs(disks.free_bytes(tmp_path / "not" / "yet") - here) < 2**30


def test_a_mount_that_is_gone_has_no_usage(tmp_path: Path) -> None:
    assert disks.usage(str(tmp_path / "gone")) is None
