"""What folders take: files with holes, links, folders in folders, and what vanishes meanwhile."""

from __future__ import annotations

from pathlib import Path

from node.services.limits.disk import folder_size, folder_sizes, room

MANY = 1_000_000


def test_a_folder_takes_what_its_files_take_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x" * MANY)
    (tmp_path / "outside").write_bytes(b"x" * MANY)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    assert MANY <= folder_size(tmp_path / "a") < 1.5 * MANY
    assert folder_sizes(tmp_path, ["a", "none"])["none"] == 0


def test_a_file_with_holes_takes_what_is_stored(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100 * MANY)
    assert folder_size(tmp_path) < MANY


def test_too_many_entries_are_not_all_looked_at(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"x" * 10_000)
    assert 0 < folder_size(tmp_path, most=5) < 20 * 10_000


def test_the_room_on_a_disk_is_told(tmp_path: Path) -> None:
    found = room(tmp_path)
    assert 0 <= found.free <= found.size
