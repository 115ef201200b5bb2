"""The kernel's list of devices, played as folders."""

from __future__ import annotations

from pathlib import Path

from node.hardware.graphics_cards import makers


def device(folder: Path, name: str, kind: str, vendor: str) -> None:
    (folder / name).mkdir()
    (folder / name / "class").write_text(kind + "\n")
    (folder / name / "vendor").write_text(vendor + "\n")


def test_cards_are_told_apart_from_other_devices(tmp_path: Path) -> None:
    device(tmp_path, "0000:00:02.0", "0x030000", "0x8086")
    device(tmp_path, "0000:01:00.0", "0x030200", "0x10de")
    device(tmp_path, "0000:01:00.1", "0x040300", "0x10de")  # its sound
    device(tmp_path, "0000:02:00.0", "0x030000", "0x1af4")  # a virtual machine's
    (tmp_path / "0000:03:00.0").mkdir()
    assert makers(tmp_path) == ("Intel", "NVIDIA")


def test_a_system_without_such_a_list_tells_of_none(tmp_path: Path) -> None:
    assert makers(tmp_path / "none") == ()
