"""What is ours is deleted by name; what else is in the folder stays and is told, and links lead nowhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.data_files import FILES, FOLDERS, HELD, delete_files, is_ours


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
    assert delete_files(folder, held=True) == (".bashrc", "Thesis.odt", "photos")
    assert theirs.read_text("utf-8") == "years of work"


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs", "utf-8")
    (folder / "services" / "link").symlink_to(outside)
    (folder / "rules.json").unlink()
    (folder / "rules.json").symlink_to(outside / "file")
    for name in FILES - {"rules.json"}:
        (folder / name).unlink()
    (folder / "contacts.json").mkdir()  # a folder of that name is not ours
    assert delete_files(folder, held=True) == ("contacts.json",)
    assert (outside / "file").read_text("utf-8") == "theirs"


def test_what_cannot_be_deleted_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    assert delete_files(folder, held=True) == tuple(sorted(FOLDERS))


OTHERS = ["rules.txt", "Rules.json.bak", ".ssh", "x.unreadable", "services.json", "rules", "."]


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_not_ours(name: str) -> None:
    assert not is_ours(name)
