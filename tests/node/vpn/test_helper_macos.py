"""What is known of the launch daemon before anybody has run it."""

from __future__ import annotations

import plistlib
from pathlib import PurePosixPath

import pytest

from node.vpn.helper_macos import CREDENTIALS, launch_daemon, read_credentials


def test_the_daemon_is_started_at_boot_and_again_when_it_fails() -> None:
    found = plistlib.loads(launch_daemon(PurePosixPath("/Library/RMA/helper")))
    assert found["ProgramArguments"][0] == "/Library/RMA/helper"
    assert found["RunAtLoad"]
    with pytest.raises(ValueError, match="absolute"):
        launch_daemon(PurePosixPath("helper"))


def test_who_is_connected_is_read_from_the_kernel_s_answer() -> None:
    assert read_credentials(CREDENTIALS.pack(0, 501, 1, 20, *([0] * 15))) == 501
    with pytest.raises(ValueError, match="version"):
        read_credentials(CREDENTIALS.pack(7, 501, 1, 20, *([0] * 15)))
    with pytest.raises(ValueError, match="short"):
        read_credentials(b"")
