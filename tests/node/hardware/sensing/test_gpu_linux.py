"""What /sys says of cards, from folders laid out as the kernel does."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.hardware.sensing.gpu_linux import AMD, NVIDIA, PCI_DEVICES, cards


def device(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def test_only_display_controllers_of_two_makers_count(tmp_path: Path) -> None:
    device(tmp_path / "0000:00:02.0", vendor="0x8086", **{"class": "0x030000"})
    device(tmp_path / "0000:01:00.0", vendor=NVIDIA, **{"class": "0x030200"})
    device(tmp_path / "0000:01:00.1", vendor=NVIDIA, **{"class": "0x040300"})  # its sound
    device(tmp_path / "0000:03:00.0", vendor=AMD, **{"class": "0x038000"})
    (tmp_path / "0000:04:00.0").mkdir()
    assert [(card.path.name, card.vendor) for card in cards(tmp_path)] == [
        ("0000:01:00.0", NVIDIA),
        ("0000:03:00.0", AMD),
    ]


@pytest.mark.parametrize(
    ("status", "text", "celsius"),
    [
        ("active", "48000", 48.0),
        ("active", "hot", None),
        ("suspended", "48000", None),
        ("unsupported", "-1000", -1.0),
    ],
)
def test_a_temperature_is_told_unless_the_card_sleeps(
    tmp_path: Path, status: str, text: str, celsius: float | None
) -> None:
    device(
        tmp_path / "0000:03:00.0",
        vendor=AMD,
        power__runtime_status=status,
        power__control="auto",
        hwmon__hwmon2__temp1_input=text,
        **{"class": "0x030000"},
    )
    (found,) = cards(tmp_path)
    assert found.celsius() == celsius
    assert found.sleeps() == (status == "suspended")
    assert found.may_sleep()


def test_a_card_without_such_files_tells_nothing(tmp_path: Path) -> None:
    device(tmp_path / "0000:03:00.0", vendor=AMD, **{"class": "0x030000"})
    (found,) = cards(tmp_path)
    assert (found.celsius(), found.sleeps(), found.may_sleep()) == (None, False, False)


def test_the_bus_of_this_computer_can_be_read() -> None:
    assert len(cards(PCI_DEVICES)) <= 16
    assert cards(Path("/nowhere")) == ()
