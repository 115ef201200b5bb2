"""A panel that comes, goes and comes back within a moment is noticed, on a real bus."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux" or shutil.which("dbus-daemon") is None:
    pytest.skip("needs a D-Bus", allow_module_level=True)

from tests.support.dbus import bus_daemon
from tests.support.desktop import wait_until
from tests.support.status_notifier import status_notifier_host

# Qt connects to the session bus once in a program's life.
PROGRAM = """
import sys
from PySide6.QtCore import QCoreApplication
from app.tray_panels import Panels
app = QCoreApplication([])
panels = Panels()
panels.came.connect(lambda: print("came", flush=True))
panels.start()
print("ready", flush=True)
app.exec()
"""


def test_each_new_panel_is_told(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with bus_daemon(tmp_path) as daemon, said.open("wb") as out:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdout=out,
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": daemon.address},
        )
        try:
            wait_until(lambda: said.read_text() == "ready\n", "the program")
            for count in (1, 2, 3):
                with status_notifier_host(daemon.address):
                    wait_until(lambda: said.read_text().count("came") == count, "the panel")  # noqa: B023
        finally:
            program.terminate()
            program.wait(60)


def test_without_a_bus_nothing_happens(tmp_path: Path) -> None:
    environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/nothing"}
    program = PROGRAM.replace("app.exec()", "")
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=120, check=False
    )
    assert (result.returncode, result.stdout) == (0, b"ready\n")
