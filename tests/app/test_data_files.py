"""What is ours is deleted by name; what else is in the folder stays and is told, and links lead nowhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.data_files import FILES, FOLDERS, HELD, belongs_to_coordinator, delete_files, is_ours, refuse_shared_place
from node.program.errors import UserFacingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    for name in (*FILES, *HELD, ".rules.json.x7f", "rules.unreadable-3", "assignment.unreadable"):
        (made / name).write_text("ours", "utf-8")
    for name in FOLDERS:
        (made / name / "deep" / "er").mkdir(parents=True)
        (made / name / "deep" / "er" / "file").write_text("ours", "utf-8")
    return made


def test_all_of_ours_goes_and_the_folder_with_it(folder: Path) -> None:
    assert delete_files(folder) == ()
    assert {one.name for one in folder.iterdir()} == HELD, "which the app still holds"
    assert delete_files(folder, held=True) == ()
    assert not folder.exists()
    assert delete_files(folder) == ()


def test_what_is_not_ours_stays_and_is_told(folder: Path) -> None:
    theirs = folder / "Thesis.odt"
    theirs.write_text("years of work", "utf-8")
    (folder / "photos").mkdir()
    (folder / ".bashrc").write_text("theirs", "utf-8")
    left = (".bashrc", "Thesis.odt", "photos")
    assert delete_files(folder, held=True) == tuple(sorted((*left, *FOLDERS)))
    assert theirs.read_text("utf-8") == "years of work"
    for name in FOLDERS:  # whose these are in a folder that others use, nobody can tell by such names
        assert (folder / name / "deep" / "er" / "file").exists()


def test_what_desktops_leave_in_folders_makes_them_nobody_elses(folder: Path) -> None:
    (folder / ".DS_Store").write_text("litter", "utf-8")
    assert delete_files(folder, held=True) == (".DS_Store",)


def test_the_usual_folder_is_ours_whatever_else_is_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(folder))
    (folder / "core").write_text("litter", "utf-8")
    assert delete_files(folder, held=True) == ("core",)


def test_a_coordinators_folder_is_left_alone(folder: Path) -> None:
    before = sorted(one.name for one in folder.iterdir())
    (folder / "mesh.key").write_text("theirs", "utf-8")
    assert belongs_to_coordinator(folder)
    assert "identity.key" in delete_files(folder, held=True)
    assert sorted(one.name for one in folder.iterdir()) == sorted([*before, "mesh.key"])


def test_a_disk_that_is_mounted_inside_keeps_what_is_on_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Partition:
        mountpoint = str(folder / "services" / "deep")

    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [Partition()])
    assert delete_files(folder, held=True) == ("services",)
    assert (folder / "services" / "deep" / "er" / "file").exists()


@pytest.mark.parametrize("place", [".", "..", "../..", "link"])
def test_nobodys_home_is_taken_for_a_folder_of_ours(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home" / "ada"
    home.mkdir(parents=True)
    (home / "link").symlink_to(home)
    with pytest.raises(UserFacingError, match="cannot be"):
        refuse_shared_place(home / place, home)
    with pytest.raises(UserFacingError):
        refuse_shared_place(Path(home.anchor), home)
    refuse_shared_place(home / "rma-mesh", home)
    refuse_shared_place(tmp_path / "elsewhere", home)


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs", "utf-8")
    (folder / "services" / "link").symlink_to(outside)
    (folder / "rules.json").unlink()
    (folder / "rules.json").symlink_to(outside / "file")
    assert delete_files(folder, held=True) == ()
    assert (outside / "file").read_text("utf-8") == "theirs"


def test_a_folder_with_the_name_of_a_file_is_not_ours(folder: Path) -> None:
    (folder / "contacts.json").unlink()
    (folder / "contacts.json").mkdir()
    assert delete_files(folder, held=True) == ("contacts.json",)


def test_what_cannot_be_deleted_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    assert delete_files(folder, held=True) == tuple(sorted(FOLDERS))


OTHERS = ["rules.txt", "Rules.json.bak", ".ssh", "x.unreadable", "services.json", "rules", "."]


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_not_ours(name: str) -> None:
    assert not is_ours(name)
