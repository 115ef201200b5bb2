"""The overlay with real Nebula behind real routers: every mishap ends in the right state, in a time that is told.

With `pytest -s` the times are shown; docs/vpn.md has those of a quiet machine. Nothing here fails over a time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from node.vpn.settings import VpnSettings, facts_of
from tests.support.namespaces import Namespace
from tests.support.nebula import NebulaMesh
from tests.support.netlab import Host, Kind, Machine, NetLab
from tests.support.vpn_runner import DEADLINE, VpnGuest

pytestmark = pytest.mark.needs(
    "ip", "nft", "unshare", "nsenter", "nebula", "nebula-cert", "conntrack", "setpriv", "setcap", "ps"
)
LIGHTHOUSE, SECOND, ONE, TWO, THREE = "10.42.0.1", "10.42.0.2", "10.42.0.11", "10.42.0.12", "10.42.0.13"
PATIENCE = 20.0  # seconds that an answer may take on a busy machine
ASLEEP = 8.0  # seconds; more than the manager takes for a mere delay


def measured(what: str, seconds: float) -> None:
    print(f"measured: {what}: {seconds:.1f} s")


class Overlay:
    """Machines with managers, to be put together by a test."""

    def __init__(self, lab: NetLab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.mesh = NebulaMesh(folder / "mesh")
        self.guests: list[VpnGuest] = []
        self.outside: dict[str, str] = {}

    def lighthouse(self, ip: str = LIGHTHOUSE) -> VpnGuest:
        machine = self.lab.public(f"lh{len(self.outside)}")
        self.outside[ip] = machine.ip
        guest = self.start(machine, self.mesh.lighthouse(ip))
        guest.until_phase("direct")
        return guest

    def home(self, name: str, kind: Kind = "cone") -> Host:
        return self.lab.host(name, self.lab.router(f"r-{name}", kind))

    def settings(self, ip: str, duration: str = "12h") -> VpnSettings:
        return self.mesh.worker(ip, self.outside, duration=duration)

    def worker(self, machine: Machine, ip: str, *argv: str) -> VpnGuest:
        guest = self.start(machine, self.settings(ip), *argv)
        measured(f"{machine.name} is in the overlay", guest.until_phase("direct", "relayed"))
        return guest

    @staticmethod
    def blocking(settings: VpnSettings, *blocked: VpnSettings) -> VpnSettings:
        """Return the settings with these others' certificates on the blocklist."""
        return msgspec.structs.replace(settings, blocklist=tuple(facts_of(one).fingerprint for one in blocked))

    def start(self, machine: Machine, settings: VpnSettings | None, *argv: str) -> VpnGuest:
        self.guests.append(VpnGuest(machine.space, self.folder, settings, *argv))
        return self.guests[-1]

    def pair(self, kind: Kind) -> tuple[VpnGuest, VpnGuest]:
        return self.worker(self.home("one", kind), ONE), self.worker(self.home("two", kind), TWO)


@pytest.fixture
def overlay(lab: NetLab, tmp_path: Path) -> Iterator[Overlay]:
    made = Overlay(lab, tmp_path)
    yield made
    for guest in made.guests:
        guest.close()


def until_direct(guest: VpnGuest, ip: str) -> None:
    """Send packets until the way is direct: where the relay was quicker at first, Nebula tries again by and by."""
    end = time.monotonic() + DEADLINE
    while guest.route_to(ip) != "direct":
        assert time.monotonic() < end, f"the way to {ip} is never direct: {guest.look()}"
        guest.knock(ip)


def test_behind_cone_routers_ways_are_direct_and_outlive_reboots_roaming_and_the_coordinator(
    overlay: Overlay,
) -> None:
    lighthouse = overlay.lighthouse()
    one, two = overlay.pair("cone")
    measured("first contact", one.until_reached(TWO))
    until_direct(one, TWO)
    until_direct(two, ONE)
    one.until_phase("direct")
    two.until_phase("direct")
    homes = {host.name: host for router in overlay.lab._edges for host in getattr(router, "hosts", [])}

    overlay.lab.rebind(homes["one"].router)
    measured("one's router rebooted", two.until_reached(ONE))

    overlay.lab.move(homes["two"], overlay.lab.router("elsewhere"))
    measured("two moved to another network", one.until_reached(TWO))
    two.until(lambda view: "PathsChanged" in view["signals"], "told to join the DHT anew")
    until_direct(one, TWO)

    lighthouse.stop()
    for _ in range(20):
        assert one.knock(TWO, PATIENCE) is not None
    measured(
        "without any coordinator: noticed", one.until(lambda view: "No coordinator" in view["text"], "noticed")
    )
    one.until_phase("direct")
    assert one.knock(TWO, PATIENCE) is not None


def test_behind_symmetric_routers_ways_are_relayed_and_a_second_coordinator_takes_over(overlay: Overlay) -> None:
    first, second = overlay.lighthouse(), overlay.lighthouse(SECOND)
    one, two = overlay.pair("symmetric")
    measured("first contact, relayed", one.until_reached(TWO))
    one.until_route(TWO, "relayed")
    two.until_route(ONE, "relayed")
    one.until_phase("relayed")
    two.until_phase("relayed")
    stop_the_one_that_relays((first, second), lambda: one.knock(TWO) is not None)
    measured("one of two relays died", one.until_reached(TWO))
    one.until_route(TWO, "relayed")
    two.until_route(ONE, "relayed")


def stop_the_one_that_relays(lighthouses: Sequence[VpnGuest], works: Callable[[], bool]) -> None:
    """Stop lighthouses until what works does not any more, and let those go on that did not matter.

    Where the way has moved to the other one meanwhile, all of them did not: then it is their turn again.
    """
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for lighthouse in lighthouses:
            lighthouse.guest.freeze()
            lighthouse.signal_nebula("STOP")
            if not works():
                return
            lighthouse.signal_nebula("CONT")
            lighthouse.guest.thaw()
    raise AssertionError("no lighthouse is on the way")


def test_blocked_udp_is_told_and_ends_when_it_is_open_again(overlay: Overlay) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    one = overlay.worker(home, ONE)
    overlay.lab.block_udp(home.router)
    overlay.lab.rebind(home.router)
    measured("UDP blocked: told", one.until_phase("no-udp"))
    assert "UDP" in one.look()["text"]
    overlay.lab.block_udp(home.router, blocked=False)
    measured("UDP open again", one.until_phase("direct"))


def test_who_slept_is_back_at_once_and_joins_anew(overlay: Overlay) -> None:
    overlay.lighthouse()
    one, two = overlay.pair("cone")
    one.until_reached(TWO)
    two.guest.freeze()
    two.signal_nebula("STOP")
    time.sleep(ASLEEP)
    two.guest.thaw()
    two.signal_nebula("CONT")
    measured("slept: noticed", two.until(lambda view: "PathsChanged" in view["signals"], "told of its sleep"))
    measured("slept: in the overlay", two.until_phase("direct", "relayed"))
    measured("slept: reached", one.until_reached(TWO))


def test_a_nebula_that_hangs_is_replaced(overlay: Overlay) -> None:
    overlay.lighthouse()
    one = overlay.worker(overlay.home("one"), ONE)
    pid = one.signal_nebula("STOP")
    measured("Nebula hangs: replaced", one.until(lambda view: view["pid"] not in (pid, None), "replaced"))
    measured("Nebula hangs: well again", one.until_phase("direct"))


def test_a_nebula_that_crashes_is_started_again_and_an_orphan_is_ended(overlay: Overlay) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    one = overlay.worker(home, ONE)
    pid = one.signal_nebula("KILL")
    one.until(lambda view: view["pid"] not in (pid, None), "started again")
    measured("Nebula crashed", one.until_phase("direct"))
    orphan = one.nebula_pid()
    one.guest.kill()
    again = overlay.worker(home, ONE)
    assert again.nebula_pid() != orphan
    status = again.space.run("ps", "-o", "stat=", "-p", str(orphan), check=False).stdout.strip()
    assert status[:1] in ("", "Z")  # ended, though nobody in a namespace without init may have noticed


def test_a_taken_port_is_left_to_who_has_it(overlay: Overlay) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    bind = "s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 4242))"
    code = f"import socket, sys; {bind}; print('up', flush=True); sys.stdin.read()"
    holder = home.space.spawn(sys.executable, "-c", code, talk=True)
    holder.read_line()
    one = overlay.worker(home, ONE)
    assert one.look()["port"] == 4243


def test_a_second_node_of_one_computer_is_a_conflict_until_the_first_one_ends(overlay: Overlay) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    first = overlay.worker(home, ONE)
    second = VpnGuest(home.space, overlay.folder / "second", overlay.settings(TWO))
    overlay.guests.append(second)
    measured("second node: conflict", second.until_phase("conflict"))
    assert "Another node" in second.look()["text"]
    first.until_phase("direct")
    first.stop()
    measured("first node ended: the second is in", second.until_phase("direct"))


def test_a_local_network_with_our_addresses_is_a_conflict(overlay: Overlay) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    home.space.ip("route", "add", "10.0.0.0/8", "via", home.gateway)
    one = overlay.start(home, overlay.settings(ONE))
    one.until_phase("conflict")
    assert "10.0.0.0/8" in one.look()["text"]
    home.space.ip("route", "del", "10.0.0.0/8")
    measured("the other network is left", one.until_phase("direct"))


def test_a_grant_for_the_network_at_home_leaves_that_alone(overlay: Overlay) -> None:
    """Whoever signs grants could otherwise draw what is meant for the volunteer's router into the overlay."""
    overlay.lighthouse()
    home = overlay.home("one")
    worker = overlay.worker(home, ONE)
    lan = home.router.lan
    greedy = NebulaMesh(overlay.folder / "greedy", str(lan))
    own, inner = (str(lan.network_address + number) for number in (77, 78))
    worker.apply(greedy.worker(own, {inner: overlay.outside[LIGHTHOUSE]}))
    worker.until_phase("conflict")
    worker.until(lambda view: view["signals"][-1] == "OverlayDown", "told to withdraw its address")
    assert own not in home.space.run("ip", "-4", "address").stdout
    assert "dev eth0" in home.space.run("ip", "route", "get", str(lan.network_address + 1)).stdout
    worker.apply(overlay.settings(ONE))
    worker.until_phase("direct")


def test_a_member_that_lies_about_its_addresses_has_nobody_write_to_programs_of_his_own_machine(
    overlay: Overlay,
) -> None:
    overlay.lighthouse()
    one = overlay.worker(overlay.home("one"), ONE)
    liar = overlay.worker(overlay.home("two"), TWO)
    configuration = json.loads((liar.folder / "nebula.json").read_text())
    liar.stop()
    told = {"127.0.0.1": False, "169.254.169.254": False, "10.42.0.99": False, "192.168.77.7": True}
    configuration["lighthouse"]["advertise_addrs"] = [f"{ip}:4999" for ip in told]
    configuration["lighthouse"].pop("remote_allow_list", None)
    settings = overlay.settings(TWO)
    pki = {"ca": settings.ca, "cert": settings.certificate, "key": settings.private_key}
    for name, text in pki.items():
        path = overlay.folder / f"liar.{name}"
        path.write_text(text)
        configuration["pki"][name] = str(path)
    file = overlay.folder / "liar.json"
    file.write_text(json.dumps(configuration))
    # Its lighthouse hears it, and its peers do not: they try all addresses that they are told.
    liar.space.nft("silent", f"chain o {{ type filter hook output priority 0;\n{_to_others(overlay)} drop\n}}")
    liar.space.spawn("nebula", "-config", str(file), log=overlay.folder / "liar.log")
    rules = "\n".join(f"ip daddr {ip} udp dport 4999 counter" for ip in told)
    one.space.nft("told", f"chain o {{ type filter hook output priority -300;\n{rules}\n}}")
    end = time.monotonic() + DEADLINE
    while not (written := _counted(one.space, "told"))[-1]:
        assert time.monotonic() < end, "nothing is written to what it told"
        one.knock(TWO, 0.5)
    assert [packets > 0 for packets in written] == list(told.values())


def _to_others(overlay: Overlay) -> str:
    return f"ip daddr != {overlay.outside[LIGHTHOUSE]}"


def _counted(space: Namespace, table: str) -> list[int]:
    """Return what the counters of a table have counted, in their order."""
    listed = json.loads(space.run("nft", "-j", "list", "table", "ip", table).stdout)["nftables"]
    rules = [entry["rule"]["expr"] for entry in listed if "rule" in entry]
    return [part["counter"]["packets"] for expr in rules for part in expr if "counter" in part]


def test_an_expired_certificate_ends_it_and_a_renewed_one_brings_it_back(overlay: Overlay) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    short = overlay.settings(ONE, duration="8s")
    one = overlay.start(home, short)
    one.until_phase("direct", "expired")  # a slow machine may take longer than it lasts
    end = facts_of(short).not_after
    one.until_phase("expired")
    measured("expired: told after its time", max(0.0, time.time() - end))
    one.apply(overlay.settings(ONE))
    measured("renewed after expiry", one.until_phase("direct"))
    long_over = overlay.settings(ONE, duration="1s")
    time.sleep(max(0.0, facts_of(long_over).not_after - time.time()))
    one.apply(long_over)
    one.until_phase("expired")


def test_a_renewal_loses_no_packet_and_a_blocklist_cuts_a_live_tunnel(overlay: Overlay) -> None:
    overlay.lighthouse()
    one, two = overlay.pair("cone")
    one.until_reached(TWO)
    mine, theirs = overlay.settings(ONE), overlay.settings(TWO)
    two.apply(theirs)
    one.apply(mine)
    lost = sum(one.knock(TWO, PATIENCE) is None for _ in range(500))
    print(f"measured: renewal: {lost} of 500 lost")
    assert lost == 0

    # A tunnel goes on with the certificates that it was made with, so all that a machine has had are blocked.
    one.apply(overlay.blocking(mine, *two.given))
    begin = time.monotonic()
    while one.knock(TWO) is not None:
        assert time.monotonic() - begin < DEADLINE, "the blocked peer is still reached"
        time.sleep(0.05)
    measured("blocklist: a live tunnel is cut", time.monotonic() - begin)
    one.until(lambda view: TWO not in [peer["ip"] for peer in view["peers"]], "without the blocked peer")
    assert two.knock(ONE) is None
    two.revoke()
    measured("revoked: left", two.until_phase("revoked"))
    two.until(lambda view: view["signals"][-1] == "OverlayDown", "told to withdraw its address")


# --- rights ---------------------------------------------------------------------------------------------------

NO_RIGHTS = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
ONE_RIGHT = ("setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin")


def start_helper(space: Namespace, folder: Path) -> Path:
    """Start the helper with CAP_NET_ADMIN and nothing else."""
    folder.mkdir(mode=0o700)
    socket = folder / "helper.sock"
    argv = ("--socket", str(socket), "--folder", str(folder / "private"))
    space.spawn(*ONE_RIGHT, sys.executable, "-m", "node.vpn.helper", *argv, log=folder / "helper.log")
    end = time.monotonic() + DEADLINE
    while not socket.exists():
        assert time.monotonic() < end, (folder / "helper.log").read_text()
        time.sleep(0.02)
    return socket


VOLUNTEER = 21001
# A user with no right of his own but to look where the program that runs lies, whom a file may give one.
UNPRIVILEGED = (
    *("setpriv", "--reuid", str(VOLUNTEER), "--regid", str(VOLUNTEER), "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),
    *("--bounding-set=-all,+dac_read_search,+net_admin", "env", "PATH=/run/bin:/usr/bin:/bin"),
)


def by_the_program_s_own_right(overlay: Overlay) -> None:
    """Do what docs/vpn.md says for computers without a helper: setcap on the Nebula program."""
    home = overlay.home("three")
    lines = (
        "mount -t tmpfs run /run",
        "mkdir /run/bin",
        "cp $(which nebula) /run/bin/nebula",
        "mount -t tmpfs net /dev/net",
        "mknod -m 666 /dev/net/tun c 10 200",  # as most systems have it
        "setcap cap_net_admin+ep /run/bin/nebula",
    )
    home.space.run("sh", "-ec", "\n".join(lines))
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # where that user may look without further rights
        os.chown(folder, VOLUNTEER, VOLUNTEER)
        guest = VpnGuest(home.space, Path(folder), overlay.settings(THREE), *UNPRIVILEGED)
        try:
            measured("in the overlay by setcap", guest.until_phase("direct"))
            guest.until_reached(ONE)
        finally:
            guest.close()


def test_without_rights_it_says_so_and_with_the_helper_it_works(overlay: Overlay, tmp_path: Path) -> None:
    overlay.lighthouse()
    home = overlay.home("one")
    lonely = overlay.start(home, overlay.settings(ONE), *NO_RIGHTS)
    measured("no rights: told", lonely.until_phase("no-permission"))
    assert "helper service" in lonely.look()["text"]
    lonely.stop()

    socket = start_helper(home.space, tmp_path / "helper")
    one = VpnGuest(home.space, overlay.folder / "helped", None, *NO_RIGHTS, helper=socket)
    overlay.guests.append(one)
    settings = overlay.settings(ONE)
    one.apply(settings)
    measured("in the overlay by the helper", one.until_phase("direct"))
    two = overlay.worker(overlay.home("two"), TWO)
    one.until_reached(TWO)
    one.apply(overlay.blocking(settings, overlay.settings("10.42.0.99")))
    one.until_reached(TWO)
    assert two.knock(ONE, PATIENCE) is not None
    devices = home.space.run("ip", "-o", "link").stdout
    assert "rma-mesh0" in devices
    by_the_program_s_own_right(overlay)
    one.guest.kill()  # the helper notices, and leaves no network behind
    end = time.monotonic() + DEADLINE
    while "rma-mesh0" in home.space.run("ip", "-o", "link").stdout:
        assert time.monotonic() < end, "the helper keeps the network of a dead client"
        time.sleep(0.02)
