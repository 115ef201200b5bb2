"""Nebula's configuration: what it holds, and that the real Nebula takes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.vpn.configuration import Files, UnknownVersionError, check_version, configuration
from node.vpn.settings import Plan
from tests.support.nebula import plan_of, shared_mesh

pytestmark = pytest.mark.needs("nebula", "nebula-cert")
FILES = Files(Path("/x/ca.crt"), Path("/x/node.crt"), Path("/x/node.key"))


def worker(**more: Any) -> Plan:
    return plan_of(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "198.51.100.7"}), **more)


def document(plan: Plan, version: str = "1.6.1") -> Any:
    return json.loads(configuration(plan, FILES, "rma0", version))


def test_a_worker_is_set_up_as_it_was_measured_to_work() -> None:
    found = document(worker())
    assert found["punchy"] == {"punch": True, "respond": True, "delay": "10ms", "target_all_remotes": True}
    assert found["relay"] == {"am_relay": False, "use_relays": True, "relays": ["10.42.0.1"]}
    lighthouse = found["lighthouse"]
    denied = lighthouse.pop("remote_allow_list")
    assert lighthouse == {"am_lighthouse": False, "interval": 10, "hosts": ["10.42.0.1"]}
    assert {"127.0.0.0/8", "169.254.0.0/16", "10.42.0.0/16"} < set(denied)
    assert not any(denied.values()), "what is not named is allowed then"
    assert found["static_host_map"] == {"10.42.0.1": ["198.51.100.7:4242"]}
    assert found["listen"] == {"host": "0.0.0.0", "port": 4242, "read_buffer": 2 << 20}
    assert found["tun"]["mtu"] == 1300
    assert found["pki"]["disconnect_invalid"] is True
    assert found["logging"]["format"] == "json"


def test_the_firewall_lets_in_only_the_mesh_s_own_services() -> None:
    inbound = document(worker())["firewall"]["inbound"]
    assert inbound == [
        {"port": "any", "proto": "icmp", "host": "any"},
        {"port": 8000, "proto": "tcp", "group": "coordinator"},
        {"port": 8000, "proto": "tcp", "group": "worker"},
        {"port": 8468, "proto": "udp", "group": "coordinator"},
        {"port": 8468, "proto": "udp", "group": "worker"},
    ]


def test_a_lighthouse_relays_and_reports_to_nobody() -> None:
    found = document(plan_of(shared_mesh().lighthouse("10.42.0.1")))
    assert (found["lighthouse"]["am_lighthouse"], found["lighthouse"]["hosts"]) == (True, [])
    assert found["relay"] == {"am_relay": True, "use_relays": True}


def test_a_lighthouse_without_an_address_is_left_out() -> None:
    plan = worker()
    lost = msgspec.structs.replace(plan.lighthouses[0], addresses=())
    found = document(msgspec.structs.replace(plan, lighthouses=(lost,)))
    assert (found["static_host_map"], found["lighthouse"]["hosts"]) == ({}, [])


def test_nothing_adds_a_route_or_a_debug_console() -> None:
    text = configuration(worker(), FILES, "rma0", "1.6.1")
    assert "unsafe" not in text
    assert "sshd" not in text


@pytest.mark.parametrize("version", ["1.6.1", "1.7.2", "1.8.2", "1.9.3", "1.9.7", "1.6.1-dirty"])
def test_versions_that_we_know(version: str) -> None:
    assert check_version(version)[0] == 1
    assert document(worker(), version)["pki"]["ca"] == "/x/ca.crt"


@pytest.mark.parametrize(
    "version", ["1.10.0", "1.5.2", "2.0.0", "", "1", "1.x.2", "1.6.1.2", "９.6.1", "1.66666666.1"]
)
def test_other_versions_are_said_not_guessed_at(version: str) -> None:
    with pytest.raises(UnknownVersionError, match=r"1\.6, 1\.7, 1\.8, 1\.9"):
        configuration(worker(), FILES, "rma0", version)


@pytest.mark.parametrize("role", ["worker", "lighthouse"])
def test_the_real_nebula_takes_it(role: str, tmp_path: Path) -> None:
    mesh = shared_mesh()
    plan = worker(blocklist=("ab" * 32,)) if role == "worker" else plan_of(mesh.lighthouse("10.42.0.1"))
    files = Files(tmp_path / "ca.crt", tmp_path / "node.crt", tmp_path / "node.key")
    files.ca.write_text(plan.ca)
    files.certificate.write_text(plan.certificate)
    files.key.write_text(plan.private_key)
    (tmp_path / "nebula.json").write_text(configuration(plan, files, "rma0", "1.6.1"))
    argv = ["nebula", "-test", "-config", str(tmp_path / "nebula.json")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
