"""The lab keeps what it promises: what each NAT does to a UDP program, each fault and its end, and nothing left."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.namespaces import ROOT, Guest, NetlabError
from tests.support.netlab import Host, Machine, NetLab, Router

pytestmark = pytest.mark.needs("ip", "nft", "conntrack", "unshare", "nsenter")
DEADLINE = 30.0
PORT = 4000

# Tells everybody which address it came from.
ECHO = f"""
import socket
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("", {PORT}))
print("ready", flush=True)
while True:
    data, address = door.recvfrom(2000)
    door.sendto(repr(address).encode(), address)
"""
# Asks one address from port 5000, again each half second; prints the address that it was seen under, or nothing.
ASK = f"""
import socket, sys
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("", 5000))
door.settimeout(0.5)
for turn in range(int(sys.argv[2])):
    door.sendto(b"?", (sys.argv[1], {PORT}))
    try:
        print(door.recv(2000).decode())
        break
    except OSError:
        pass
"""


def seen(asker: Machine, answerer_ip: str, turns: int = 60) -> tuple[str, int] | None:
    """Return the address under which an echo sees the asker, or None when no answer comes in so many turns."""
    said = asker.space.run(sys.executable, "-c", ASK, answerer_ip, str(turns), check=False).stdout
    return ast.literal_eval(said) if said else None


def silent(asker: Machine, answerer_ip: str) -> bool:
    return seen(asker, answerer_ip, 1) is None


def echo(machine: Machine) -> Guest:
    guest = machine.space.spawn(sys.executable, "-c", ECHO, talk=True)
    assert guest.read_line() == "ready"
    return guest


@pytest.fixture
def servers(lab: NetLab) -> tuple[Machine, Machine]:
    """Two public machines with an echo each."""
    pair = lab.public("a"), lab.public("b")
    for one in pair:
        echo(one)
    return pair


def home(lab: NetLab, kind: str) -> tuple[Router, Host]:
    router = lab.router("r", kind)  # type: ignore[arg-type]  # the parameter of a test is any text
    return router, lab.host("pc", router)


def until(happened: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)


def test_a_home_router_shows_one_port_to_all_and_lets_no_stranger_in(
    lab: NetLab, servers: tuple[Machine, Machine]
) -> None:
    router, pc = home(lab, "cone")
    echo(pc)
    assert [seen(pc, server.ip) for server in servers] == [(router.ip, 5000)] * 2
    assert silent(servers[0], router.ip)


def test_a_symmetric_router_shows_another_port_to_each(lab: NetLab, servers: tuple[Machine, Machine]) -> None:
    router, pc = home(lab, "symmetric")
    views = {seen(pc, server.ip) for server in servers}
    assert {view[0] for view in views if view} == {router.ip}
    assert len(views) == 2


def test_a_docker_host_publishes_a_port(lab: NetLab, servers: tuple[Machine, Machine]) -> None:
    dock = lab.router("dock", "docker", lan="172.17.0.0/16", publish=[f"udp:{PORT}:172.17.0.2:{PORT}"])
    inside = lab.host("c1", dock)
    assert inside.ip == "172.17.0.2"
    echo(inside)
    assert seen(servers[0], dock.ip) == (servers[0].ip, 5000)


def test_a_partition_cuts_these_from_those_until_it_is_healed(
    lab: NetLab, servers: tuple[Machine, Machine]
) -> None:
    router, pc = home(lab, "cone")
    a, b = servers
    lab.partition([pc, b], [a])
    assert silent(pc, a.ip)
    assert silent(b, a.ip)
    assert seen(pc, b.ip) == (router.ip, 5000)
    lab.heal()
    assert seen(pc, a.ip) == (router.ip, 5000)


def test_who_is_isolated_blocked_or_unplugged_is_silent(lab: NetLab, servers: tuple[Machine, Machine]) -> None:
    router, pc = home(lab, "cone")
    server = servers[0]
    faults: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (lambda: lab.isolate(pc), lab.heal),
        (lambda: lab.block_udp(router), lambda: lab.block_udp(router, blocked=False)),
        (lambda: lab.link(pc, up=False), lambda: lab.link(pc, up=True)),
    ]
    for spoil, mend in faults:
        spoil()
        assert silent(pc, server.ip)
        mend()
        assert seen(pc, server.ip) == (router.ip, 5000)


def test_a_rebooted_router_has_lost_its_mappings(lab: NetLab, servers: tuple[Machine, Machine]) -> None:
    router, pc = home(lab, "symmetric")
    views = {seen(pc, servers[0].ip)}
    end = time.monotonic() + DEADLINE
    while len(views) == 1 and time.monotonic() < end:  # the new random port may be the old one
        lab.rebind(router)
        views.add(seen(pc, servers[0].ip))
    assert len(views) > 1


def test_a_laptop_moves(lab: NetLab, servers: tuple[Machine, Machine]) -> None:
    _, pc = home(lab, "cone")
    other = lab.router("other")
    lab.move(pc, other)
    assert seen(pc, servers[0].ip) == (other.ip, 5000)


def test_distance_delays_and_loses_until_it_is_lifted(lab: NetLab, servers: tuple[Machine, Machine]) -> None:
    near, far = servers
    lab.distance(far, 0.1)
    began = time.monotonic()
    assert seen(near, far.ip) == (near.ip, 5000)
    assert time.monotonic() - began > 0.2  # there and back
    lab.distance(far, 0.0, loss=1.0)
    assert silent(near, far.ip)
    lab.distance(far, 0.0)
    assert seen(near, far.ip) == (near.ip, 5000)


def test_a_rate_is_kept_and_lifted(lab: NetLab) -> None:
    a = lab.public("a")
    for rate, word in (("20mbit", "20Mbit"), (None, "")):
        lab.rate(a, rate)
        said = a.space.run("tc", "qdisc", "show", "dev", "eth0").stdout
        assert word in said
        assert ("tbf" in said) == (rate is not None)


def test_programs_inside_are_stopped_killed_and_frozen(lab: NetLab) -> None:
    a, b = lab.public("a"), lab.public("b")
    guest = echo(a)
    guest.freeze()
    assert silent(b, a.ip)
    guest.thaw()
    assert seen(b, a.ip) == (b.ip, 5000)
    assert guest.stop() == -signal.SIGTERM
    assert silent(b, a.ip)
    assert echo(a).kill() == -signal.SIGKILL
    with pytest.raises(NetlabError, match="no-such-program"):
        a.space.run("no-such-program")


def test_names_are_known_inside_only(lab: NetLab) -> None:
    a = lab.public("a")
    a.space.name_hosts({"coordinator.example": "198.51.100.9"})
    assert a.space.run("getent", "hosts", "coordinator.example").stdout.split()[0] == "198.51.100.9"
    assert "coordinator.example" not in Path("/etc/hosts").read_text()


# A shell that starts the tests in the background has them ignore SIGINT, and so their programs.
BUILD_AND_WAIT = """
import signal, subprocess, sys, time
from tests.support.netlab import NetLab
signal.signal(signal.SIGINT, signal.default_int_handler)
with NetLab() as lab:
    far, router = lab.public("far"), lab.router("r")
    pc = lab.host("pc", router)
    lab.distance(far, 0.01)
    pc.space.spawn("sh", "-c", "sleep 1000 & sleep 1000")
    for machine in far, pc:
        print(machine.space.run("readlink", "/proc/self/ns/net").stdout)
    print("built", flush=True)
    time.sleep(1000)
"""


def spaces_in_use() -> set[str]:
    """Return the network namespaces that processes are in."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(str((entry / "ns" / "net").readlink()))
            except OSError:  # ended meanwhile
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_test_that_was_killed(lab: NetLab, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUILD_AND_WAIT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as builder:
        assert builder.stdout is not None
        spaces = set()
        for line in builder.stdout:
            if line == "built\n":
                break
            spaces |= set(line.split())
        assert builder.poll() is None
        assert len(spaces) == 2
        assert spaces <= spaces_in_use()
        builder.send_signal(number)
        builder.wait(DEADLINE)
    until(lambda: not spaces & spaces_in_use(), "every process of the lab ended")
