"""The unit of the privileged helper: it starts what there is, where nodes look for it, with one right."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from node.vpn.helper.__main__ import parser
from node.vpn.helper.connecting import usual_place

LINUX = Path(__file__).parents[2] / "installers" / "linux"
UNIT = LINUX / "rma-mesh-vpn.service"
EXPOSED = 3.0  # of 10, where 1.9 was measured with systemd 252; what is left is what opening a network takes


def settings() -> dict[str, list[str]]:
    """Return the settings of the service, all values of each."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def test_it_starts_the_helper_where_nodes_look_for_it() -> None:
    (line,) = settings()["ExecStart"]
    _program, *arguments = shlex.split(line)
    assert arguments.pop() == "$RMA_MESH_VPN_OPTIONS"
    options = parser().parse_args(arguments)
    assert options.socket == usual_place("linux")
    assert options.socket.parent == Path("/run", *settings()["RuntimeDirectory"])
    assert options.folder.parent == options.socket.parent, "systemd removes it with the folder around it"
    assert not options.allow_lighthouse
    assert settings()["Group"] == [options.group]


@pytest.mark.parametrize(
    "line", [line[1:].strip() for line in UNIT.read_text("utf-8").splitlines() if '="' in line]
)
def test_what_it_says_of_options_is_so(line: str) -> None:
    name, value, _ = line.split('"')
    assert name == "RMA_MESH_VPN_OPTIONS="
    assert parser().parse_args(shlex.split(value))


def test_it_has_one_right_and_gains_none() -> None:
    found = settings()
    for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert found[name] == ["CAP_NET_ADMIN"]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["DeviceAllow"] == ["/dev/net/tun rw"]
    assert found["User"] != ["root"]


def test_user_and_group_are_made() -> None:
    made = [
        shlex.split(line, comments=True)[:2]
        for line in (LINUX / "rma-mesh-vpn.sysusers").read_text("utf-8").splitlines()
    ]
    assert ["u", *settings()["User"]] in made
    assert ["g", *settings()["Group"]] in made


@pytest.mark.needs("systemd-analyze")
def test_systemd_finds_no_fault_with_it_and_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/rma-mesh/rma-mesh-vpn-helper", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert UNIT.name not in done.stderr, done.stderr
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={round(EXPOSED * 10)}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
