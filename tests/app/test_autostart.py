"""What is started at login finds the same app again, wherever that came from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app import autostart
from app.autostart import autostart_of_this_system, login_command, working_dir


def test_a_checkout_is_started_from_its_folder() -> None:
    command = login_command(None, {})
    assert command == [sys.executable, "-m", "app", "--minimized"]
    folder = working_dir(command)
    assert folder is not None
    assert (folder / "app" / "__main__.py").exists()


def test_an_installed_app_never_takes_one_from_the_folder_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart, "is_installed", lambda: True)
    command = login_command(None, {})
    assert command == [sys.executable, "-P", "-m", "app", "--minimized"]
    assert working_dir(command) is None


def test_a_bundle_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/RMA Mesh/rma-mesh")
    command = login_command(Path("/data dir"), {})
    assert command == ["/opt/RMA Mesh/rma-mesh", "--minimized", "--data-dir", "/data dir"]
    assert working_dir(command) is None
    command = login_command(None, {"APPIMAGE": "/home/ann/RMA.AppImage"})
    assert command == ["/home/ann/RMA.AppImage", "--minimized"]


def test_this_system_has_a_place_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    place = autostart_of_this_system(None)
    assert place is not None
    if sys.platform == "linux":
        assert not place.enabled()
        place.enable()
        assert place.enabled()
        assert (tmp_path / "autostart" / "rma-mesh.desktop").exists()


@pytest.mark.parametrize(
    ("platform", "kind"), [("win32", "RunKey"), ("darwin", "LaunchAgent"), ("linux", "DesktopEntry")]
)
def test_each_system_has_its_own(platform: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert type(autostart_of_this_system(None)).__name__ == kind
