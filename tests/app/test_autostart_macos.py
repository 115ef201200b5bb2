"""The launch agent's file is what launchd takes, and is read as it would be."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from app.autostart_macos import LABEL, LaunchAgent


@pytest.fixture
def place(tmp_path: Path) -> LaunchAgent:
    return LaunchAgent(["/Applications/RMA & Mesh.app/rma-mesh", "--minimized"], tmp_path / "LaunchAgents")


def test_it_is_written_and_deleted_again(place: LaunchAgent) -> None:
    assert not place.enabled()
    place.enable()
    assert place.enabled()
    found = plistlib.loads(place.path.read_bytes())
    assert found["ProgramArguments"] == ["/Applications/RMA & Mesh.app/rma-mesh", "--minimized"]
    assert (found["Label"], place.path.stem) == (LABEL, LABEL)
    assert "WorkingDirectory" not in found
    place.disable()
    assert list(place.folder.iterdir()) == []
    place.disable()


def test_a_checkout_starts_in_its_folder(tmp_path: Path) -> None:
    made = LaunchAgent(["x"], tmp_path, Path("/src"))
    made.enable()
    assert plistlib.loads(made.path.read_bytes())["WorkingDirectory"] == "/src"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a property list",
        b"<?xml version='1.0'?><plist><array/></plist>",
        plistlib.dumps({"Label": LABEL}),
        plistlib.dumps({"Label": LABEL, "RunAtLoad": True, "Disabled": True}),
        plistlib.dumps({"Label": LABEL, "RunAtLoad": "yes"}),
    ],
)
def test_a_file_that_starts_nothing_is_off(place: LaunchAgent, content: bytes) -> None:
    place.folder.mkdir()
    place.path.write_bytes(content)
    assert not place.enabled()
    place.enable()
    assert place.enabled()
