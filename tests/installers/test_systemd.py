"""The units of coordinator and node: what they start is what our programs take, without any right."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from coordinator_server.cli import build_parser as coordinator_parser
from coordinator_server.config import CoordinatorConfig
from node.cli import build_parser as node_parser
from node.config import NodeConfig
from node.program.errors import EXIT_REFUSED, EXIT_USAGE
from node.program.settings import load_settings
from tests.support.real_mesh import ENVIRONMENT

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "installers" / "systemd"
COORDINATOR = "rma-mesh-coordinator.service"
NODE = "rma-mesh-node.service"
EXPOSED = {COORDINATOR: 2.0, NODE: 3.0}  # of 10, where 1.6 and 2.4 were measured with systemd 252
UNITS = (COORDINATOR, NODE)
RIGHTS = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); "  # PR_SET_MDWE, of Linux 6.3 and later
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


def settings(name: str) -> dict[str, dict[str, list[str]]]:
    """Return the sections of a unit, all values of each setting."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (SYSTEMD / name).read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(section, {}).setdefault(key, []).append(value)
    return found


def command(name: str) -> list[str]:
    (line,) = settings(name)["Service"]["ExecStart"]
    return shlex.split(line)


def test_the_coordinator_takes_what_its_unit_says() -> None:
    program, *words = command(COORDINATOR)
    assert Path(program).name == "rma-mesh-coordinator"
    assert words.pop() == "$RMA_MESH_COORDINATOR_OPTIONS"
    parsed = coordinator_parser(words).parse_args(words)
    assert parsed.data_dir == "/var/lib/" + settings(COORDINATOR)["Service"]["StateDirectory"][0]


def test_the_node_takes_what_its_unit_says() -> None:
    program, *words = command(NODE)
    assert Path(program).name == "rma-mesh-node"
    assert words.pop() == "$RMA_MESH_NODE_OPTIONS"
    parsed = node_parser().parse_args(words)
    assert parsed.data_dir == "/var/lib/" + settings(NODE)["Service"]["StateDirectory"][0]
    assert load_settings(NodeConfig, vars(parsed), {}).keyring is False


def test_every_setting_in_the_example_is_one_of_ours() -> None:
    text = (SYSTEMD / "coordinator.env").read_text("utf-8")
    given = dict(re.findall(r"^#?(RMA_[A-Z_]+)=(.*)$", text, re.MULTILINE))
    words = shlex.split(given.pop("RMA_MESH_COORDINATOR_OPTIONS"))
    coordinator_parser(["serve", *words]).parse_args(["serve", *words])
    config = load_settings(CoordinatorConfig, {}, given)
    names = [name.removeprefix("RMA_").lower() for name in given]
    assert len(names) > 4
    assert [name for name in names if not hasattr(config, name)] == []
    assert config.public_url == given["RMA_PUBLIC_URL"]


def test_the_passphrase_comes_as_a_credential() -> None:
    found = settings("coordinator-passphrase.conf")["Service"]
    name = found["LoadCredential"][0].partition(":")[0]
    assert found["Environment"] == [f"RMA_KEY_PASSPHRASE_FILE=%d/{name}"]


@pytest.mark.parametrize("unit", UNITS)
def test_it_has_no_right_a_user_of_its_own_and_time_to_end(unit: str) -> None:
    found = settings(unit)["Service"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["StateDirectoryMode"] == ["0700"]
    users = (SYSTEMD / "rma-mesh.sysusers").read_text("utf-8").splitlines()
    made = [shlex.split(line)[:2] for line in users if not line.startswith("#")]
    assert ["u", *found["User"]] in made
    assert ["g", *found["SupplementaryGroups"]] in made
    deadline = max(CoordinatorConfig().drain_deadline, NodeConfig().drain_deadline)
    assert int(found["TimeoutStopSec"][0]) > 2 * deadline
    assert found["Type"] == ["notify"]


def test_the_socket_belongs_to_the_service() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(SYSTEMD / "rma-mesh-coordinator.socket")
    host, _, port = unit["Socket"]["ListenStream"].partition(":")
    assert (host, int(port)) == (CoordinatorConfig().host, CoordinatorConfig().port)
    assert unit["Socket"]["Accept"] == "no"


def test_a_coordinator_is_never_given_up() -> None:
    """Else a store that is away for a minute ends it, and connections start it until systemd closes its socket."""
    found = settings(COORDINATOR)
    assert found["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert found["Service"]["Restart"] == ["on-failure"]
    assert "RestartPreventExitStatus" not in found["Service"]


def test_a_node_is_given_up_only_where_trying_again_is_of_no_use_or_harms() -> None:
    found = settings(NODE)
    assert found["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert found["Service"]["RestartPreventExitStatus"] == [f"{EXIT_USAGE} {EXIT_REFUSED}"]


@pytest.mark.parametrize("unit", UNITS)
def test_one_process_that_takes_all_memory_ends_alone(unit: str) -> None:
    assert settings(unit)["Service"]["OOMPolicy"] == ["continue"]


@pytest.mark.needs("systemd-sysusers")
@pytest.mark.parametrize("page", ["docs/operator.md", "installers/linux/README.md"])
def test_the_line_that_makes_the_users_does(page: str, tmp_path: Path) -> None:
    """Users and groups are made below `tmp_path`: systemd takes only whole paths for files, and ignores others."""
    (line,) = re.findall(r"^    (systemd-sysusers .*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    (tmp_path / "etc").mkdir()
    command = line.replace("systemd-sysusers", f"systemd-sysusers --root={shlex.quote(str(tmp_path))}")
    done = subprocess.run(["sh", "-ec", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rma-mesh:" in (tmp_path / "etc" / "group").read_text("utf-8")


@pytest.mark.needs("systemd-analyze")
def test_systemd_finds_no_fault_and_little_exposed(tmp_path: Path) -> None:
    units = [*UNITS, "rma-mesh-coordinator.socket"]
    for name in units:
        text = (SYSTEMD / name).read_text("utf-8")
        (tmp_path / name).write_text(re.sub(r"/opt/rma-mesh/venv/bin/[a-z-]+", "/bin/true", text))
    paths = [str(tmp_path / name) for name in units]
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert not any(name in done.stderr for name in units), done.stderr
    for name, most in EXPOSED.items():
        threshold = f"--threshold={round(most * 10)}"
        words = ["systemd-analyze", "security", "--offline=true", threshold, str(tmp_path / name)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.processes
@pytest.mark.needs("setpriv")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root has rights to give up")
@pytest.mark.parametrize(("module", "word"), [("coordinator_server", "serve"), ("node", "run")])
def test_it_serves_without_any_right_and_tells_systemd(tmp_path: Path, module: str, word: str) -> None:
    """Neither needs what the units take away: capabilities, new privileges, and memory to write and execute."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(120)
        rights = ["setpriv", "--no-new-privs", "--bounding-set", "-all", "--inh-caps", "-all"]
        flags = ["--data-dir", str(tmp_path / "data"), "--port", "0", "--dht-port", "0", "--vpn", "off"]
        flags += ["--no-keyring"] if module == "node" else []
        process = subprocess.Popen(
            [*rights, sys.executable, "-c", RIGHTS, "-m", module, word, "--json", *flags],
            stdout=subprocess.DEVNULL,
            env={**ENVIRONMENT, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        try:
            assert systemd.recv(1000).startswith(b"READY=1")
            process.send_signal(signal.SIGTERM)
            assert systemd.recv(1000).startswith(b"STOPPING=1")
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait(60)
