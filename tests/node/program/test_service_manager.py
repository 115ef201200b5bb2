"""What systemd is told, and the sockets that it gives, by a stand-in that listens where systemd would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node.program.service_manager import ServiceManager, take_service_manager

pytestmark = pytest.mark.skipif(os.name != "posix", reason="systemd is for Linux")

GIVEN = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
from node.program.errors import UserFacingError
from node.program.service_manager import take_service_manager
try:
    manager = take_service_manager(os.environ)
except UserFacingError as error:
    print(error)
    sys.exit(error.exit_code)
for one in manager.listeners:
    print(one.getsockname()[1], os.get_inheritable(one.fileno()))
print(sorted(name for name in os.environ if name.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))))
"""


async def test_it_hears_ready_alive_reloading_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000", "OTHER": "stays"}
        manager = take_service_manager(environment)
        assert environment == {"OTHER": "stays"}, "programs that we start are not meant"
        assert manager.watchdog == 30.0
        manager.starting("waiting to be let in", 30.5)
        assert systemd.recv(1000) == b"STATUS=waiting to be let in\nEXTEND_TIMEOUT_USEC=90500000"
        manager.ready("serving\nat last")
        assert systemd.recv(1000) == b"READY=1\nSTATUS=serving at last"
        await manager.alive()
        assert systemd.recv(1000) == b"WATCHDOG=1"
        manager.reloading()
        assert systemd.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        manager.stopping()
        assert systemd.recv(1000) == b"STOPPING=1"
    manager.ready()  # it is gone, and we go on


def test_an_abstract_socket_is_one_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        name = f"rma-mesh-test-{os.getpid()}"
        try:
            systemd.bind("\0" + name)
        except OSError:
            pytest.skip("this system has no abstract sockets") if sys.platform != "linux" else pytest.fail("none")
        systemd.settimeout(20)
        take_service_manager({"NOTIFY_SOCKET": "@" + name}).ready()
        assert systemd.recv(1000) == b"READY=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "soon"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1", "WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "1"},
        {"LISTEN_FDS": "-1", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_what_is_not_for_us_is_left_alone(environment: dict[str, str]) -> None:
    assert take_service_manager(environment) == ServiceManager()
    assert environment == {}


def given(one: socket.socket) -> subprocess.CompletedProcess[str]:
    """Start a program that finds this socket at number 3."""
    place = f"import os; os.dup2({one.fileno()}, 3);"
    return subprocess.run(
        [sys.executable, "-c", place + GIVEN],
        env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x"},
        pass_fds=[one.fileno()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_its_sockets_are_taken_and_no_child_inherits_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = given(listener)
        assert done.stdout.splitlines() == [f"{listener.getsockname()[1]} False", "[]"], done.stderr


def test_a_socket_that_is_none_for_us_is_said_in_a_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        done = given(udp)
    assert done.returncode == 2
    assert "not a TCP socket that listens" in done.stdout
    assert "ListenStream" in done.stdout
