"""What the helper is on macOS, as far as no macOS is needed to know it."""

from __future__ import annotations

import plistlib
import shlex
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from node.vpn.helper.__main__ import parser
from node.vpn.helper_macos import (
    CREDENTIALS,
    FOLDER,
    GROUP,
    LABEL,
    LOG,
    PLIST,
    SOCKET,
    install_commands,
    peer_uid,
    read_credentials,
    remove_commands,
)

INSTALLERS = Path(__file__).parents[3] / "installers/macos"


def daemon() -> Any:
    """Return the property list that installers put in place."""
    return plistlib.loads((INSTALLERS / f"{LABEL}.plist").read_bytes())


def test_the_daemon_is_started_at_boot_and_again_when_it_fails() -> None:
    found = daemon()
    assert (found["Label"], found["UserName"], found["GroupName"]) == (LABEL, "root", "rma-mesh")
    assert (found["RunAtLoad"], found["KeepAlive"], found["Umask"]) == (True, {"SuccessfulExit": False}, 0o077)
    assert found["StandardErrorPath"] == str(LOG)


def test_its_arguments_are_ones_that_the_helper_takes() -> None:
    program, *arguments = daemon()["ProgramArguments"]
    options = parser().parse_args(arguments)
    assert PurePosixPath(program).is_absolute()
    assert PurePosixPath(options.nebula).is_absolute()
    assert (options.socket, options.folder) == (Path(SOCKET), Path(FOLDER))
    assert (options.group, options.allow_lighthouse) == (GROUP, False)
    assert len(str(SOCKET)) < 104, "sun_path has no more room on macOS"


def test_who_is_connected_is_read_from_the_kernel_s_answer() -> None:
    answer = CREDENTIALS.pack(0, 501, 1, 20, *([0] * 15))
    assert len(answer) == 76, "sizeof(struct xucred)"
    assert read_credentials(answer) == 501

    class Connection:
        def getsockopt(self, *asked: int) -> bytes:
            assert asked == (0, 1, 76)
            return answer

    connection: Any = Connection()
    assert peer_uid(connection) == 501
    with pytest.raises(ValueError, match="version"):
        read_credentials(CREDENTIALS.pack(7, 501, 1, 20, *([0] * 15)))
    with pytest.raises(ValueError, match="short"):
        read_credentials(b"")


def test_what_is_installed_is_removed_again() -> None:
    installed, removed = install_commands("ann"), remove_commands()
    assert installed[-1] == ("launchctl", "bootstrap", "system", str(PLIST))
    assert removed[0] == ("launchctl", "bootout", f"system/{LABEL}")
    assert {str(PLIST), str(FOLDER), str(SOCKET.parent)} <= {part for command in removed for part in command}


@pytest.mark.parametrize("user", ["", "-d", "a\nb"])
def test_a_name_that_would_be_an_option_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match="name"):
        install_commands(user)


def test_what_is_written_for_installers_is_what_these_functions_say() -> None:
    text = (INSTALLERS / "README.md").read_text("utf-8")
    for command in (*install_commands("ann"), *remove_commands()):
        assert f"    {shlex.join(command)}\n" in text
