"""The entry in the autostart folder starts what was meant, whatever its name, and is read as a desktop reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.autostart_linux import NAME, DesktopEntry, entry, exec_line, starts
from tests.support.desktop import wait_until

NASTY = [
    "plain",
    "two words",
    "",
    'quo"te',
    "back\\slash",
    "$HOME `id`",
    "100% %u %%",
    "a;b&c|d>e",
    "naïve ✓",
    "'",
    "~#",
]


@pytest.fixture
def place(tmp_path: Path) -> DesktopEntry:
    return DesktopEntry(["/bin/rma mesh", "--minimized"], [tmp_path / "own", tmp_path / "system"])


def test_it_is_off_until_it_is_switched_on(place: DesktopEntry) -> None:
    assert not place.enabled()
    place.enable()
    assert place.enabled()
    assert 'Exec="/bin/rma mesh" --minimized\n' in (place.folders[0] / NAME).read_text("utf-8")
    place.disable()
    assert not place.enabled()
    assert list(place.folders[0].iterdir()) == [], "and leaves nothing behind"
    place.disable()


def test_what_somebody_else_changed_is_what_is_so(place: DesktopEntry) -> None:
    place.enable()
    file = place.folders[0] / NAME
    text = file.read_text("utf-8")
    for changed in (
        text + "Hidden=true\n",
        text.replace("X-GNOME-Autostart-enabled=true", "X-GNOME-Autostart-enabled=false"),
        text.replace("[Desktop Entry]", "[Another]"),
        "",
    ):
        file.write_text(changed, "utf-8")
        assert not place.enabled()
    file.unlink()
    assert not place.enabled()


def test_an_entry_of_the_system_is_switched_off_for_this_user(place: DesktopEntry) -> None:
    place.folders[1].mkdir()
    (place.folders[1] / NAME).write_text(entry(["/usr/bin/rma-mesh"]), "utf-8")
    assert place.enabled()
    place.disable()
    assert not place.enabled()
    place.enable()
    assert place.enabled()
    assert (place.folders[1] / NAME).exists()


def test_folders_are_those_of_the_user(tmp_path: Path) -> None:
    found = DesktopEntry.of(["x"], {"HOME": "/home/ann", "XDG_CONFIG_HOME": "relative"})
    assert [str(folder) for folder in found.folders] == ["/home/ann/.config/autostart", "/etc/xdg/autostart"]
    found = DesktopEntry.of(["x"], {"XDG_CONFIG_HOME": "/c", "XDG_CONFIG_DIRS": "/a:relative:/b"})
    assert [str(folder) for folder in found.folders] == ["/c/autostart", "/a/autostart", "/b/autostart"]


def test_other_groups_and_comments_say_nothing() -> None:
    text = "#Hidden=true\n[Desktop Entry]\nExec=x\n# Hidden=true\n[Desktop Action y]\nHidden=true\n"
    assert starts(text)


def test_what_no_entry_can_hold_is_refused() -> None:
    for word in ("two\nlines", "a\x00b", "\t"):
        with pytest.raises(ValueError, match="cannot be started at login"):
            exec_line(["x", word])


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OSError):
        DesktopEntry(["x"], [tmp_path / "file"]).enable()


@pytest.mark.needs("gio")
def test_a_real_desktops_launcher_starts_it_word_for_word(tmp_path: Path) -> None:
    """GLib's own reading of Exec and Path, which GNOME and others start these entries with."""
    program, told, folder = tmp_path / 'a "program" $x', tmp_path / "told.json", tmp_path / "work dir"
    folder.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\n"
        f"new = pathlib.Path({str(told)!r} + '.new')\n"
        "new.write_text(json.dumps([os.getcwd(), sys.argv[1:]]))\n"
        f"new.replace({str(told)!r})\n",
        "utf-8",
    )
    program.chmod(0o700)
    file = tmp_path / "test.desktop"
    file.write_text(entry([str(program), *NASTY], folder), "utf-8")
    subprocess.run(["gio", "launch", str(file)], check=True, timeout=120, capture_output=True)
    wait_until(told.exists, "the program's word")
    assert json.loads(told.read_text("utf-8")) == [str(folder), NASTY]
