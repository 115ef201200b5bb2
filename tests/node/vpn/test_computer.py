"""What this very machine says of its networks and rights."""

from __future__ import annotations

import os
import socket
import sys
from ipaddress import IPv4Network
from pathlib import Path

import psutil
import pytest

from node.vpn.computer import ThisComputer, device_name, local_networks, outlook, rights, system_name
from node.vpn.engine import LocalEngine
from node.vpn.helper.client import HelperEngine
from tests.support.fake_nebula import FakeNebula


def test_its_networks_have_the_addresses_of_its_interfaces() -> None:
    networks = list(local_networks())
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family == socket.AF_INET and each.netmask:
                assert any(IPv4Network(each.address).subnet_of(one.network) for one in networks)


def test_two_nodes_have_two_devices_with_names_that_systems_take(tmp_path: Path) -> None:
    names = {device_name(tmp_path / name) for name in ("a", "b")}
    if sys.platform != "darwin":
        assert len(names) == 2
        assert all(len(name) < 16 and name.isalnum() for name in names)
    assert device_name(tmp_path / "a") == device_name(tmp_path / "x" / ".." / "a")


def test_its_outlook_does_not_change_by_itself() -> None:
    assert outlook() == outlook()


def test_a_network_that_is_here_already_is_a_conflict(tmp_path: Path) -> None:
    fake = FakeNebula(tmp_path / "bin")
    checked = ThisComputer(tmp_path / "vpn", nebula=str(fake.path)).check(IPv4Network("127.0.0.0/8"))
    assert any("127.0.0.0/8" in text for text in checked.overlaps)
    assert checked.lacking == ""


def test_a_missing_nebula_is_what_is_lacking(tmp_path: Path) -> None:
    checked = ThisComputer(tmp_path, nebula=str(tmp_path / "absent")).check(IPv4Network("10.42.0.0/16"))
    assert "absent" in checked.lacking


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX rights")
def test_a_helper_is_there_when_its_socket_is(tmp_path: Path) -> None:
    assert not rights(tmp_path / "helper.sock", None).helper
    (tmp_path / "helper.sock").touch()
    found = rights(tmp_path / "helper.sock", None)
    assert (found.helper, found.system) == (True, system_name())


def test_the_engine_is_the_one_of_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from node.vpn import computer
    from node.vpn.ways import Way

    machine = ThisComputer(tmp_path / "vpn", nebula=str(FakeNebula(tmp_path / "bin").path))
    for kind, engine in (("self", LocalEngine), ("helper", HelperEngine)):
        monkeypatch.setattr(computer, "choose_way", lambda _, kind=kind: Way(kind, "because"))
        assert machine.check(IPv4Network("10.42.0.0/16")).permitted
        assert isinstance(machine.engine(lambda _: None), engine)
