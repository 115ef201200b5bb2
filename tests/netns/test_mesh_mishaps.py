"""What befalls nodes and the network between them: each mishap ends in the right state, in a time that is told.

The real programs in labs of networks. With `pytest -s` the times are shown; docs/vpn.md has those of a quiet
machine. Nothing here fails over a time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.netlab import Host
from tests.support.overlay_mesh import (
    DEADLINE,
    PORT,
    PROGRAMS,
    Coordinator,
    OverlayMesh,
    Worker,
    measured,
    until,
)

pytestmark = [pytest.mark.needs(*PROGRAMS, "setpriv", "ps", "faketime"), pytest.mark.timeout(900)]
NAME = "mesh.test"  # of the coordinator, for everybody in the first lab
ASLEEP = 8.0  # seconds; more than the manager takes for a mere delay
NER, DOCUMENTS, RAG = "ner-extraction", "document-processing", "rag-embeddings"


@contextmanager
def timed(what: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    measured(what, time.monotonic() - begin)


# --- what a story asks ------------------------------------------------------------------------------------------


def by(route: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether an answer came by this route."""
    return lambda answer: answer["status"] == 200 and answer["headers"].get("X-RMA-Route") == route


def until_over_the_overlay(caller: Worker, service: str) -> None:
    caller.until_calls(service, by("vpn"), "over the overlay")


def until_said(worker: Worker, phases: tuple[str, ...], words: str) -> None:
    """Wait until the node says in which state its overlay is, and why, in these words."""

    def said() -> bool | None:
        check = next(one for one in worker.look("/doctor")["checks"] if one["name"] == "vpn")
        return True if worker.vpn()["state"] in phases and words in check["detail"] else None

    worker.until(said, f"says {' or '.join(phases)}: {words}")


def nebula_pid(worker: Worker) -> int:
    return int(json.loads((worker.data_dir / "vpn" / "nebula.run").read_text())["pid"])


def signal(worker: Worker, name: str, pid: int) -> None:
    worker.space.run("kill", f"-{name}", str(pid))


# --- the network ------------------------------------------------------------------------------------------------


def named(mesh: OverlayMesh, ip: str) -> None:
    """Let the coordinator's name stand for this address everywhere."""
    for member in (*mesh.workers.values(), *mesh.coordinators):
        member.space.name_hosts({NAME: ip})


def test_nodes_come_back_from_whatever_befalls_the_network(mesh: OverlayMesh) -> None:
    coordinator = mesh.coordinator("--public-url", f"http://{NAME}:{PORT}")
    link = coordinator.invite(3, "--trust", "vetted")
    homes = {name: mesh.home(name) for name in ("one", "two")}
    for home in homes.values():
        home.space.name_hosts({NAME: coordinator.machine.ip})
    one = mesh.worker(homes["one"], link, "--allow", NER)
    two = mesh.worker(homes["two"], link, "--allow", DOCUMENTS)
    both = {one: DOCUMENTS, two: NER}
    for worker, service in both.items():
        worker.until_vpn("direct")
        until_over_the_overlay(worker, service)

    routers_reboot_and_machines_move(mesh, homes, both)
    links_and_udp_go_and_come(mesh, homes, both)
    the_coordinators_name_moves(mesh, coordinator, both)


def until_all_is_well(both: dict[Worker, str]) -> None:
    for worker, service in both.items():
        worker.until_vpn("direct")
        until_over_the_overlay(worker, service)


def routers_reboot_and_machines_move(mesh: OverlayMesh, homes: dict[str, Host], both: dict[Worker, str]) -> None:
    one, two = both
    mesh.lab.rebind(homes["one"].router)
    with timed("a router rebooted: called from outside"):
        until_over_the_overlay(two, both[two])
    until_all_is_well(both)

    mesh.lab.move(homes["two"], mesh.lab.router("elsewhere"))
    with timed("moved to another network: called from there"):
        until_over_the_overlay(two, both[two])
    with timed("moved to another network: called there"):
        until_over_the_overlay(one, both[one])
    until_all_is_well(both)


def links_and_udp_go_and_come(mesh: OverlayMesh, homes: dict[str, Host], both: dict[Worker, str]) -> None:
    """One sleeps for a while and then has no link, while two has no UDP."""
    one, two = both
    mesh.lab.block_udp(homes["two"].router)
    mesh.lab.rebind(homes["two"].router)
    begin = time.monotonic()
    sleep(one)
    with timed(f"slept {ASLEEP:.0f} s: reaches the coordinator in the overlay"):
        until_reached_inside(one)
    mesh.lab.link(homes["one"], up=False)
    with timed("no link: said"):
        until_said(one, ("starting",), "waits for a coordinator")
    until_said(two, ("no-udp",), "UDP")
    measured("UDP blocked: said", time.monotonic() - begin)
    assert two.status()["phase"] == "online", two.status()  # the coordinator answers by TCP

    mesh.lab.link(homes["one"], up=True)
    mesh.lab.block_udp(homes["two"].router, blocked=False)
    begin = time.monotonic()
    one.until_vpn("direct")
    measured("link back: in the overlay", time.monotonic() - begin)
    two.until_vpn("direct")
    measured("UDP open again: in the overlay", time.monotonic() - begin)
    until_all_is_well(both)
    measured("both: called", time.monotonic() - begin)


def sleep(worker: Worker) -> None:
    """Let node and Nebula stand still, as in a laptop whose lid is closed."""
    pid = nebula_pid(worker)
    worker.running().freeze()
    signal(worker, "STOP", pid)
    time.sleep(ASLEEP)
    worker.running().thaw()
    signal(worker, "CONT", pid)


def the_coordinators_name_moves(mesh: OverlayMesh, coordinator: Coordinator, both: dict[Worker, str]) -> None:
    space, before = coordinator.space, coordinator.machine.ip
    after = "198.51.100.77"
    space.ip("addr", "del", f"{before}/24", "dev", "eth0")
    space.ip("addr", "add", f"{after}/24", "dev", "eth0")
    space.ip("route", "replace", "default", "via", coordinator.machine.gateway)
    named(mesh, after)
    with timed("the coordinator's name stands for another address: heartbeats"):
        for worker in both:
            until_the_coordinator_answers(worker)
    with timed("then: in the overlay"):
        for worker in both:
            until_reached_inside(worker)
    until_all_is_well(both)
    assert coordinator.runs(NER), coordinator.workers()


def until_the_coordinator_answers(worker: Worker) -> None:
    def answers() -> bool | None:
        codes = {reason["code"] for reason in worker.status()["reasons"]}
        return None if "coordinator-unreachable" in codes else True

    worker.until(answers, "is answered by the coordinator, by its name")


def until_reached_inside(worker: Worker) -> None:
    def answers() -> bool | None:
        return True if worker.ask("http://10.42.0.1:8000/health", limit=2)["status"] == 200 else None

    worker.until(answers, "is answered by the coordinator in the overlay")


# --- the computer -----------------------------------------------------------------------------------------------

OTHER_NETWORK = "10.77.0.0/16"
VOLUNTEER, HELPER, GROUP = 21001, 21002, 21003  # user, the helper's user, the group of those who may use it
SOCKET = "/run/rma-mesh-vpn/helper.sock"
# A program of Python may lie where other users may not look: reading is the one right that is left to them.
READ = "+dac_read_search"


def as_user(uid: int, *groups: int, right: str = "") -> tuple[str, ...]:
    """Return a command that runs another one as a user without rights, or with one."""
    rights = f"-all,{READ}{right}"
    lists = (f"--inh-caps={rights}", f"--ambient-caps={rights.removeprefix('-all,')}", f"--bounding-set={rights}")
    others = ("--groups", ",".join(map(str, groups))) if groups else ("--clear-groups",)
    return ("setpriv", "--reuid", str(uid), "--regid", str(groups[0] if groups else uid), *others, *lists)


def give_users(machine: Host) -> None:
    """Have volunteer, helper and group there, and a tunnel device as most systems have it: for everybody."""
    lines = (
        "mount -t tmpfs run /run",
        f"install -d -m 750 -o {HELPER} -g {GROUP} /run/rma-mesh-vpn",
        "cp /etc/passwd /etc/group /run/",
        f"echo 'volunteer:x:{VOLUNTEER}:{VOLUNTEER}::/nonexistent:/bin/false' >> /run/passwd",
        f"echo 'rma-mesh-vpn:x:{HELPER}:{GROUP}::/nonexistent:/bin/false' >> /run/passwd",
        f"echo 'rma-mesh:x:{GROUP}:volunteer' >> /run/group",
        "mount --bind /run/passwd /etc/passwd",
        "mount --bind /run/group /etc/group",
        "mount -t tmpfs net /dev/net",
        "mknod -m 666 /dev/net/tun c 10 200",
    )
    machine.space.run("sh", "-ec", "\n".join(lines))


def test_nodes_say_what_is_wrong_with_a_computer_and_come_back_when_it_is_mended(mesh: OverlayMesh) -> None:
    coordinator = mesh.coordinator("--vpn-network", OTHER_NETWORK)
    link = coordinator.invite(9, "--trust", "vetted")
    old = mesh.lab.router("r-old", lan="10.42.7.0/24")  # the usual network of a mesh, taken: hence the other one
    keeper = a_worker_whose_port_is_taken(mesh, mesh.lab.host("keeper", old), link)
    workers_without_rights(mesh, link)
    key = coordinator.key()
    until(lambda: by("direct")(coordinator.call(DOCUMENTS, key)) or None, "answers a direct call")
    a_second_node(mesh, keeper, link)
    a_local_network_with_the_meshs_addresses(mesh, keeper)
    a_full_disk(mesh, coordinator, link)
    a_wrong_clock(mesh, link)


def a_worker_whose_port_is_taken(mesh: OverlayMesh, machine: Host, link: str) -> Worker:
    bind = "s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 4242))"
    holder = machine.space.spawn(
        sys.executable, "-c", f"import socket, sys; {bind}; print('up', flush=True); sys.stdin.read()", talk=True
    )
    holder.read_line()
    with timed("UDP port 4242 is another program's: from start to the overlay"):
        keeper = mesh.worker(machine, link, "--allow", NER)
        keeper.until_vpn("direct")
    assert keeper.vpn()["ip"].startswith("10.77."), keeper.vpn()
    configuration = json.loads((keeper.data_dir / "vpn" / "nebula.json").read_text())
    assert configuration["listen"]["port"] == 4243
    return keeper


def workers_without_rights(mesh: OverlayMesh, link: str) -> None:
    """Start a node that may not open a network, and one that asks the helper; both serve and call."""
    machine = mesh.lab.public("plain")
    own(mesh.folder / "plain", VOLUNTEER)
    plain = mesh.worker(machine, link, "--allow", DOCUMENTS, "--host", "0.0.0.0", wrap=as_user(VOLUNTEER))
    with timed("no permission: said"):
        until_said(plain, ("no-permission",), "helper service")

    home = mesh.home("helped")
    give_users(home)
    log = mesh.folder / "helper.log"
    options = ("--socket", SOCKET, "--folder", str(Path(SOCKET).parent / "private"), "--network", OTHER_NETWORK)
    right = as_user(HELPER, GROUP, right=",+net_admin")
    home.space.spawn(*right, sys.executable, "-m", "node.vpn.helper", *options, log=log)
    own(mesh.folder / "helped", VOLUNTEER)
    helped = mesh.worker(home, link, "--allow", RAG, wrap=as_user(VOLUNTEER, GROUP))
    with timed("without rights, by the helper: in the overlay"):
        helped.until_vpn("direct")
    assert "rma-mesh0" in home.space.run("ip", "-o", "link").stdout
    keeper = mesh.workers["keeper"]
    until_over_the_overlay(keeper, RAG)
    until_over_the_overlay(helped, NER)
    keeper.until_calls(DOCUMENTS, by("direct"), "by a worker that has no permission")


def own(folder: Path, uid: int) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)


def a_second_node(mesh: OverlayMesh, keeper: Worker, link: str) -> None:
    """Two nodes of one computer: one data directory is refused, another one is in conflict until the first ends."""
    command = (sys.executable, "-m", "node", "run", "--data-dir", str(keeper.data_dir))
    refused = keeper.space.run(*command, check=False, limit=DEADLINE)
    assert refused.returncode == 3, refused
    assert "is in use" in refused.stderr, refused

    orphan = nebula_pid(keeper)
    keeper.running().kill()
    keeper.run()
    with timed("a killed node was started again: in the overlay"):
        keeper.until_vpn("direct")
    assert nebula_pid(keeper) != orphan
    assert keeper.space.run("ps", "-o", "stat=", "-p", str(orphan), check=False).stdout.strip()[:1] in ("", "Z")
    until_over_the_overlay(keeper, RAG)

    folder = mesh.folder / "second"
    folder.mkdir()
    twin = Worker(keeper.machine, folder)
    twin.run(link, "--worker-id", "twin", "--name", "twin", "--port", "0", "--dht-port", "0")
    with timed("a second node of one computer: said"):
        until_said(twin, ("conflict",), "Another node")
    keeper.until_vpn("direct")
    assert keeper.running().stop() == 0
    with timed("the first node ended: the second one is in the overlay"):
        twin.until_vpn("direct")
    assert twin.running().stop() == 0
    keeper.run()
    keeper.until_vpn("direct")


def a_local_network_with_the_meshs_addresses(mesh: OverlayMesh, keeper: Worker) -> None:
    home = keeper.machine
    assert isinstance(home, Host)
    before = home.router
    mesh.lab.move(home, mesh.lab.router("r-same", lan="10.77.3.0/24"))
    with timed("moved to a network with the mesh's addresses: said"):
        until_said(keeper, ("conflict",), "10.77.3.0/24")
    mesh.lab.move(home, before)
    with timed("moved back: in the overlay"):
        keeper.until_vpn("direct")
    until_over_the_overlay(keeper, RAG)


def a_full_disk(mesh: OverlayMesh, coordinator: Coordinator, link: str) -> None:
    """Nothing can be written: a Nebula that crashed starts all the same, and a new place is taken later."""
    home = mesh.home("cramped")
    folder = mesh.folder / "cramped"
    folder.mkdir()
    home.space.run("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "cramped", str(folder))
    inside = Path(f"/proc/{home.space.pid}/root{folder}")  # only that machine sees its disk at the usual place
    for name in ("control.json", "vpn"):
        (folder / name).symlink_to(inside / name)
    cramped = mesh.worker(home, link, "--allow", RAG)
    cramped.until_vpn("direct")
    until_over_the_overlay(cramped, NER)
    home.space.run("dd", "if=/dev/zero", f"of={folder / 'full'}", "bs=4k", check=False)
    assert not (inside / "vpn" / "more").exists()

    before = nebula_pid(cramped)
    signal(cramped, "KILL", before)
    with timed("a full disk, and Nebula crashes: in the overlay"):
        cramped.until(lambda: "Nebula has ended" in cramped.tail() or None, "notices")
        cramped.until_vpn("direct")
    coordinator.admin("mesh", "rotate-ca", "--force")
    cramped.until(lambda: "cannot be written" in cramped.tail() or None, "cannot write its new place")
    until_over_the_overlay(cramped, NER)
    assert "cramped" in coordinator.admin("status")["overlay"]["waiting_for"]
    (inside / "full").unlink()
    with timed("the disk has room again: the new place is in use"):
        cramped.until(lambda: is_ready(coordinator, "cramped"), "uses its new place")
    until_over_the_overlay(cramped, NER)


def is_ready(coordinator: Coordinator, worker_id: str) -> bool | None:
    return None if worker_id in coordinator.admin("status")["overlay"]["waiting_for"] else True


def a_wrong_clock(mesh: OverlayMesh, link: str) -> None:
    """The node's clock jumps; Nebula's does not, as it asks the system beside the library that lies."""
    clock = mesh.folder / "clock.txt"
    clock.write_text("+0")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    lies = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": clock,
        "FAKETIME_NO_CACHE": 1,
        "DONT_FAKE_MONOTONIC": 1,
    }
    wrap = ("env", *(f"{name}={value}" for name, value in lies.items()))
    late = mesh.worker(mesh.home("late"), link, "--allow", RAG, wrap=wrap)
    late.until_vpn("direct")
    until_over_the_overlay(late, NER)
    for jump in ("+3600", "-3600"):
        clock.write_text(jump)
        with timed(f"the clock jumps by {jump} s: said"):
            late.until(
                lambda: "check the clocks" in str(late.status()["reasons"]) or None, "says that clocks differ"
            )
        assert late.vpn()["state"] == "direct"  # peers believe its certificate: their clocks are right
        clock.write_text("+0")
        with timed("the clock is right again: calls"):
            late.until(lambda: late.status()["phase"] == "online" or None, "is online again")
            until_over_the_overlay(late, NER)
