"""The command line: arguments, version, what goes wrong before there is a window; whole runs without a screen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psutil
import pytest

from app.compose import Options
from app.control_client import read_address
from app.main import default_data_dir, has_screen, main, parse
from app.wizard.qr import FLAG as READ_PICTURE
from node import __version__, config
from tests.support.desktop import wait_until

LINK = "rma-mesh://enroll?coordinator=https%3A%2F%2Fmesh.example&invite=RMA-X"
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith("RMA_")},
    "QT_QPA_PLATFORM": "offscreen",
    "RMA_PORT": "0",
    "RMA_DHT_PORT": "0",
    "RMA_KEYRING": "false",
}


def test_arguments_become_options(tmp_path: Path) -> None:
    found = parse(["--data-dir", str(tmp_path), "--minimized", "--attach-only", LINK])
    assert found == Options(tmp_path, minimized=True, attach_only=True, link=LINK)
    assert parse([]).data_dir == Path(default_data_dir())


def test_the_data_directory_is_the_nodes_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RMA_DATA_DIR", raising=False)
    assert (
        default_data_dir() == config.default_data_dir() == platformdirs.user_data_dir("rma-mesh", appauthor=False)
    )
    monkeypatch.setenv("RMA_DATA_DIR", "/elsewhere")
    assert default_data_dir() == "/elsewhere"


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["--help"], 0), (["--nonsense"], 2)])
def test_version_help_and_nonsense(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == code
    assert __version__ in capsys.readouterr().out or arguments != ["--version"]


def test_a_home_is_no_data_directory_and_a_relative_one_is_made_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", "~"]) == 2
    assert "cannot be" in capsys.readouterr().err
    assert parse(["--data-dir", "here"]).data_dir == Path.cwd() / "here"


def test_a_data_directory_that_cannot_be_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--data-dir", str(tmp_path / "file")]) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_without_a_screen_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert main([]) == 1
    assert "rma-mesh-node run" in capsys.readouterr().err
    assert has_screen({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert has_screen({}, "win32")


class Run:
    """The app as a process of its own, with a node that it starts itself."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.programs: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "app", "--data-dir", str(self.data_dir), *arguments]
        program = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE)
        self.programs.append(program)
        return program

    def wait_for_node(self) -> int:
        wait_until((self.data_dir / "embedded-node.json").exists, "the node")
        address = read_address(self.data_dir)
        assert address is not None
        return address.pid

    def left(self) -> list[int]:
        return [p.pid for p in psutil.process_iter(["cmdline"]) if str(self.data_dir) in (p.info["cmdline"] or [])]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    for program in made.programs:
        program.kill()
        program.wait(60)
        assert program.stderr is not None
        program.stderr.close()
    for pid in made.left():
        psutil.Process(pid).kill()


def ended(program: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, errors = program.communicate(timeout=60)
    lines = errors.decode().splitlines()
    return program.returncode, "\n".join(line for line in lines if not line.startswith("This plugin does not"))


@pytest.mark.processes
def test_it_starts_a_real_node_and_leaves_nothing(run: Run) -> None:
    app = run.start()
    run.wait_for_node()
    app.send_signal(signal.SIGTERM)
    code, errors = ended(app)
    assert (code, errors) == (0, "")
    assert run.left() == []


@pytest.mark.processes
def test_a_second_start_hands_over_and_ends(run: Run) -> None:
    app = run.start("--minimized")
    run.wait_for_node()
    assert ended(run.start(LINK)) == (0, "")
    assert app.poll() is None
    app.send_signal(signal.SIGINT)
    assert ended(app) == (0, "")
    assert run.left() == []


@pytest.mark.processes
def test_after_a_crash_of_the_app_its_node_is_adopted(run: Run) -> None:
    first = run.start()
    run.wait_for_node()
    first.kill()
    first.wait(60)
    (run.data_dir / "app.sock").unlink()
    second = run.start()
    wait_until((run.data_dir / "app.sock").exists, "the second app")
    second.send_signal(signal.SIGTERM)
    assert ended(second)[0] == 0
    assert run.left() == []


def test_made_into_one_file_it_reads_pictures_itself(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    command = [sys.executable, "-m", "app", READ_PICTURE, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=120, check=False)
    assert json.loads(done.stdout) == {"problem": "not-a-picture"}
    assert done.returncode == 0
