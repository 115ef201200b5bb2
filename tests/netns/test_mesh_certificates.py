"""Who is in the overlay, and who is not: renewals under load, a revoked worker, attackers with bad certificates.

The real programs in labs of networks. With `pytest -s` the times are shown; docs/vpn.md has those of a quiet
machine. Nothing here fails over a time.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.authorities import Authorities, Signer, open_signer
from coordinator_server.keys import load_or_make_secrets
from node.identity.membership import load_membership
from node.wire.encoding import b64decode
from node.wire.headers import MESH_TOKEN
from node.wire.nebula_certificates import NebulaCertificate, encode_details, sign
from node.wire.nebula_pem import PRIVATE_KEY, read_certificate, read_key
from node.wire.protobuf import bytes_field
from node.wire.tokens import TokenIssuer
from tests.support.dht_runner import DhtGroup, MemberKeys, MembersFile
from tests.support.namespaces import Guest
from tests.support.nebula import NebulaMesh
from tests.support.overlay_mesh import (
    BODIES,
    DEADLINE,
    DHT_PORT,
    PORT,
    PROGRAMS,
    Coordinator,
    Member,
    OverlayMesh,
    Worker,
    measured,
)

pytestmark = [pytest.mark.needs(*PROGRAMS, "nebula-cert"), pytest.mark.timeout(900)]
LIFE = "40"  # seconds of a certificate: the shortest that there is
ENOUGH = 1000  # requests
NER, DOCUMENTS, RAG = "ner-extraction", "document-processing", "rag-embeddings"
LIGHTHOUSE = "10.42.0.1"


def by(route: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether an answer came by this route."""
    return lambda answer: answer["status"] == 200 and answer["headers"].get("X-RMA-Route") == route


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"never {what}"
        time.sleep(0.1)


def fingerprint_of(worker: Worker) -> str:
    """Return the certificate that its Nebula was given last."""
    return read_certificate((worker.data_dir / "vpn" / "node.crt").read_text()).fingerprint


def nebula_pid(worker: Worker) -> int:
    return int(json.loads((worker.data_dir / "vpn" / "nebula.run").read_text())["pid"])


# --- renewals and a revocation ----------------------------------------------------------------------------------


@dataclass
class Load:
    """Repeats a call in a thread of its own until it is stopped, and remembers what was not right."""

    call: Callable[[], list[dict[str, Any]]]
    done: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)
    failure: list[BaseException] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                answers = self.call()
                self.done += len(answers)
                self.wrong += [answer for answer in answers if not by("vpn")(answer)]
        except Exception as error:
            self.failure.append(error)


def test_renewals_lose_no_request_and_a_revoked_worker_is_out_everywhere(mesh: OverlayMesh) -> None:
    coordinator = mesh.coordinator("--certificate-life", LIFE, "--address-rate", "1000000/min")
    link = coordinator.invite(3, "--trust", "vetted")
    services = {"one": NER, "two": DOCUMENTS, "three": RAG}
    workers = [mesh.worker(mesh.home(name), link, "--allow", service) for name, service in services.items()]
    for worker in workers:
        worker.until_vpn("direct")
        for service in services.values():
            if service != services[worker.name]:
                worker.until_calls(service, by("vpn"), "over the overlay")
    key = coordinator.key("--rate", "1000000/min")
    until(lambda: by("vpn")(coordinator.call(NER, key)), "the gateway goes through the overlay")
    renewals_under_load(coordinator, workers, key)
    a_revocation(mesh, coordinator, workers, key)


def renewals_under_load(coordinator: Coordinator, workers: list[Worker], key: str) -> None:
    """Let every certificate be renewed in time, then anew by another authority, while requests run."""
    one, two, _ = workers
    first = {worker.name: fingerprint_of(worker) for worker in workers}
    pids = {worker.name: nebula_pid(worker) for worker in workers}
    begin = time.monotonic()
    with (
        Load(lambda: one.call(DOCUMENTS, count=25, pause=0.02)) as between,
        Load(lambda: coordinator.call(NER, key, count=25, pause=0.02)) as through,
    ):
        loads = (between, through)
        until(lambda: all(fingerprint_of(worker) != first[worker.name] for worker in workers), "renewed")
        measured("all certificates were renewed in time", time.monotonic() - begin)
        second = {worker.name: fingerprint_of(worker) for worker in workers}
        begin = time.monotonic()
        coordinator.admin("mesh", "rotate-ca")
        for _ in range(2):
            until(lambda: rotation(coordinator)["waiting"] == 0, "ready for the rotation's next step")
            coordinator.admin("mesh", "rotate-ca", "--force")  # in place of a minute's patience
        measured("a new authority, and all certificates by it", time.monotonic() - begin)
        assert rotation(coordinator)["rotation"] == "steady"
        assert all(fingerprint_of(worker) != second[worker.name] for worker in workers)
        until(lambda: all(load.done >= ENOUGH or load.failure for load in loads), f"{ENOUGH} requests each")
    for load in loads:
        assert (load.failure, load.wrong) == ([], [])
    print(f"measured: {between.done} requests between workers, {through.done} through the gateway: 0 lost")
    assert {worker.name: nebula_pid(worker) for worker in workers} == pids  # nothing was restarted for it
    assert two.vpn()["state"] == "direct"


def rotation(coordinator: Coordinator) -> dict[str, Any]:
    found: dict[str, Any] = coordinator.admin("status")["overlay"]
    return found


def identity_of(worker: Worker) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b64decode((worker.data_dir / "identity.key").read_text().strip()))


def token_of(worker: Worker, audience: str) -> str:
    """Return a token by a worker's own keys, as a worker could make it that does not obey."""
    membership = load_membership(worker.data_dir)
    assert membership is not None
    return TokenIssuer(identity_of(worker), worker.name, membership.credential, time.time).issue(audience)


def a_revocation(mesh: OverlayMesh, coordinator: Coordinator, workers: list[Worker], key: str) -> None:
    """Revoke a worker that does not obey: its node stands still, its Nebula and its keys go on."""
    one, two, three = workers
    ways = {
        "the overlay, to a worker": asking(f"http://{one.vpn()['ip']}:8000/health"),
        "the overlay, to the coordinator": asking(f"http://{LIGHTHOUSE}:8000/health"),
        "its token at a worker": asking(
            f"http://{two.vpn()['ip']}:8000/service/{DOCUMENTS}/extract", token_of(three, "two"), BODIES[DOCUMENTS]
        ),
        "its token at the coordinator": asking(
            f"{coordinator.url}/api/worker/peers?service={NER}",
            token_of(three, coordinator.ready["coordinator_id"]),
        ),
    }

    def working() -> set[str]:
        """Return the ways in that work still: that they do not has to be said, but in the overlay by silence."""
        answers = dict(zip(ways, three.ask("", many=list(ways.values())), strict=True))
        answers["the DHT and the registry"] = one.call(RAG, limit=5)
        answers["the gateway"] = coordinator.call(RAG, key, limit=5)
        ends = dict.fromkeys(answers, (403, 503)) | {way: (0,) for way in ways if way.startswith("the overlay")}
        ends["its token at a worker"] = (401, 0)
        return {way for way, answer in answers.items() if answer["status"] not in ends[way]}

    until(lambda: len(working()) == len(ways) + 2, "in by every way")
    three.running().freeze()
    try:
        until(lambda: set(ways) <= working(), "in by every way, without obeying")
        begin = time.monotonic()
        coordinator.admin("worker", "revoke", "three")
        measured("revoke: the command took", time.monotonic() - begin)
        begin, last = time.monotonic(), dict[str, float]()
        while left := working():
            last |= dict.fromkeys(left, time.monotonic() - begin)
            assert time.monotonic() - begin < DEADLINE, f"still in: {left}"
    finally:
        three.running().thaw()
    for way in (*ways, "the DHT and the registry", "the gateway"):
        measured(f"revoked: {way}: worked for the last time after", last.get(way, 0.0))
    begin = time.monotonic()
    three.until_vpn("revoked")
    measured("revoked: it says so itself", time.monotonic() - begin)
    assert "Ask the person who invited you." in str(three.status()["reasons"])
    assert "rma" not in three.space.run("ip", "-o", "link").stdout
    assert three.running().stop() == 0
    its_entries_are_refused(three, coordinator)
    a_stolen_data_directory(mesh, one, three)


def its_entries_are_refused(worker: Worker, coordinator: Coordinator) -> None:
    """Publish in the DHT with a revoked worker's keys, at a coordinator's address outside of the overlay."""
    membership = load_membership(worker.data_dir)
    assert membership is not None
    keys = MemberKeys(worker.name, identity_of(worker).private_bytes_raw(), membership.credential)
    file = worker.data_dir.parent / f"{worker.name}-dht.json"
    file.write_bytes(msgspec.json.encode(MembersFile(b64decode(membership.mesh_public_key), [keys], {})))
    here, there = f"{worker.machine.ip}:0", f"{coordinator.machine.ip}:{DHT_PORT}"
    argv = (sys.executable, "-m", "tests.support.dht_runner", str(file), here, there)
    group = DhtGroup(worker.space.spawn(*argv, log=file.with_suffix(".log"), talk=True), [worker.name])
    before = refused(coordinator)
    until(lambda: group.contacts(worker.name), "joined, for who only asks is answered")
    group.publish(worker.name, RAG)
    until(lambda: refused(coordinator) > before, "its entries are refused")
    group.program.close()


def refused(coordinator: Coordinator) -> int:
    """Return how many entries of revoked workers the coordinator's DHT node has refused."""
    return int(coordinator.admin("status")["dht"]["rejected"].get("revoked", 0))


def a_stolen_data_directory(mesh: OverlayMesh, one: Worker, three: Worker) -> None:
    """Start with a revoked worker's keys and certificate elsewhere: that gets nowhere."""
    folder = mesh.folder / "stolen"
    thief = Worker(mesh.lab.public("thief"), folder)
    shutil.copytree(three.data_dir, thief.data_dir, ignore=shutil.ignore_patterns("control.json", "*.lock"))
    thief.run()
    thief.until_vpn("revoked")
    answer = one.call(RAG)
    assert answer["status"] == 503, answer
    assert "three" not in one.peers()


def asking(url: str, token: str = "", document: Any = None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {token}", MESH_TOKEN: token} if token else {}
    )
    body = None if document is None else json.dumps(document)
    return {"url": url, "method": "GET" if body is None else "POST", "headers": headers, "body": body, "limit": 2}


# --- attackers --------------------------------------------------------------------------------------------------


def test_bad_certificates_and_members_that_attack_get_nowhere(mesh: OverlayMesh) -> None:
    coordinator = mesh.coordinator()
    link = coordinator.invite(3, "--trust", "vetted")
    home = mesh.lab.router("r-home")
    one = mesh.worker(mesh.lab.host("one", home), link, "--allow", NER)
    two = mesh.worker(mesh.home("two"), link, "--allow", DOCUMENTS)
    evil = mesh.worker(mesh.lab.host("evil", home), link, "--allow", RAG)  # a neighbour of one's, and a member
    ips = {worker.name: worker.until_vpn("direct")["ip"] for worker in (one, two, evil)}
    assert evil.running().stop() == 0

    near = Member(mesh.lab.host("near", home), mesh.folder)  # a neighbour that is no member
    foreign = an_overlay_of_another_authority(near, evil, ips)
    stranger = Stranger(evil)
    certificates = bad_certificates(signer_of(coordinator), evil, one)
    for target in (one.machine.ip, coordinator.machine.ip):
        assert stranger.greet(target, certificates) == ["a member's own"], f"at {target}"
    print(f"measured: {len(certificates) - 1} bad certificates: none is answered")
    a_member_sends_what_it_may_not(stranger, one, evil, ips)
    a_member_without_tokens(mesh, evil, one, ips)
    nobody_answers(near, foreign, ips)
    neighbours_beside_the_overlay(near, one.machine.ip, ips["one"])
    beside = Member(mesh.lab.public("beside"), mesh.folder)
    neighbours_beside_the_overlay(beside, coordinator.machine.ip, LIGHTHOUSE)


def signer_of(coordinator: Coordinator) -> Signer:
    """Return the authority's own key: nobody outside of the coordinator has it, so this attacker can do more."""
    with closing(sqlite3.connect(coordinator.data_dir / "coordinator.db")) as database:
        (value,) = database.execute("SELECT value FROM entries WHERE key = 'authorities'").fetchone()
    mesh_key = load_or_make_secrets(coordinator.data_dir).mesh_key
    return open_signer(msgspec.json.decode(value, type=Authorities), mesh_key)


@dataclass(frozen=True)
class Shown:
    """A certificate as a handshake shows it, and the X25519 key that goes with it."""

    certificate: bytes
    key: bytes


def shown(certificate: NebulaCertificate, key: bytes) -> Shown:
    """Leave out the public key, which a handshake carries already."""
    bare = encode_details(replace(certificate, public_key=b""))
    return Shown(bytes_field(1, bare) + bytes_field(2, certificate.signature), key)


def bad_certificates(signer: Signer, evil: Worker, other: Worker) -> dict[str, Shown]:
    """Return certificates that are bad in one way each, and at last a good one."""
    own = read_certificate((evil.data_dir / "vpn" / "node.crt").read_text())
    theirs = read_certificate((other.data_dir / "vpn" / "node.crt").read_text())
    key = read_key(PRIVATE_KEY, (evil.data_dir / "vpn" / "node.key").read_text())
    foreign = Ed25519PrivateKey.generate()
    now = int(time.time())
    wide = (IPv4Interface(f"{own.ips[0].ip}/8"),)
    tampered = {  # by a member that changes its certificate
        "another's address": replace(own, ips=theirs.ips),
        "the coordinator's address": replace(own, ips=(IPv4Interface(f"{LIGHTHOUSE}/16"),)),
        "a wider network": replace(own, ips=wide),
        "more groups": replace(own, groups=(*own.groups, "coordinator")),
        "routes to other networks": replace(own, subnets=(IPv4Interface("0.0.0.0/0"),)),
        "a longer life": replace(own, not_after=own.not_after + 86400),
        "an authority": replace(own, is_ca=True),
        "another's certificate": theirs,
    }
    signed = {  # by somebody who has even the authority's key, for a moment
        "expired": replace(own, not_before=now - 7200, not_after=now - 3600),
        "not valid yet": replace(own, not_before=now + 3600, not_after=now + 7200),
        "a network that the authority does not have": replace(own, ips=wide),
        "a group that the authority does not have": replace(own, groups=(*own.groups, "admin")),
        "longer than the authority": replace(own, not_after=signer.authority.not_after + 1),
    }
    forged = {
        "signed by nobody": replace(own, signature=bytes(64)),
        "a foreign key, in the authority's name": sign(own, foreign),
        "a foreign authority": sign(replace(own, issuer="ab" * 32), foreign),
    }
    return {
        **{what: shown(one, key) for what, one in (tampered | forged).items()},
        **{what: shown(sign(one, signer.key), key) for what, one in signed.items()},
        "version 2": Shown(version_2(own), key),
        "nothing": Shown(b"", key),
        "a member's own": shown(own, key),
    }


def version_2(own: NebulaCertificate) -> bytes:
    """Return a certificate of version 2: ASN.1 in DER, [0] details {[0] name, [1] networks}, [3] signature."""
    network = der(0x04, own.ips[0].ip.packed + bytes([own.ips[0].network.prefixlen]))
    details = der(0xA0, der(0x80, own.name.encode()) + der(0xA1, network))
    return der(0x30, details + der(0x83, own.signature))


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


class Stranger:
    """Speaks Nebula's protocol from a worker's machine, with any certificate."""

    def __init__(self, worker: Worker) -> None:
        argv = (sys.executable, "-m", "tests.support.nebula_stranger")
        self._guest = worker.space.spawn(*argv, log=worker.data_dir.parent / "stranger.log", talk=True)
        self._guest.read_line()

    def greet(self, ip: str, certificates: dict[str, Shown]) -> list[str]:
        """Return which certificates got an answer; the last one is one that does."""
        asked = {
            "do": "greet",
            "to": [ip, 4242],
            "certificates": [one.certificate.hex() for one in certificates.values()],
            "keys": [one.key.hex() for one in certificates.values()],
        }
        names = list(certificates)
        return [names[at] for at in json.loads(self._guest.ask(json.dumps(asked)))]

    def send(self, *packets: bytes) -> None:
        self._guest.ask(json.dumps({"do": "send", "packets": [packet.hex() for packet in packets]}))


def datagram(source: str, to: str, port: int) -> bytes:
    """Return an IPv4 packet with a UDP datagram (RFC 791, RFC 768)."""
    udp = struct.pack(">HHHH", 40_001, port, 8 + 4, 0) + b"spam"
    ends = IPv4Address(source).packed + IPv4Address(to).packed
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + ends
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp


def a_member_sends_what_it_may_not(stranger: Stranger, one: Worker, evil: Worker, ips: dict[str, str]) -> None:
    """A member says in its own tunnel that it is another one, and knocks at ports and networks behind one."""
    own = bad_certificates_of(evil)
    assert stranger.greet(one.machine.ip, own) == list(own)
    mine, theirs, to = ips["evil"], ips["two"], ips["one"]
    packets = {
        "as another worker": datagram(theirs, to, 8468),
        "as the coordinator": datagram(LIGHTHOUSE, to, 8468),
        "from outside of the overlay": datagram("192.0.2.9", to, 8468),
        "to another port": datagram(mine, to, 9999),
        "to another network": datagram(mine, one.machine.gateway, 8468),
        "to another member": datagram(mine, theirs, 8468),
        "what it may": datagram(mine, to, 8468),
    }
    seen = ["udp sport 40001", f"ip saddr {mine}", f"ip daddr {to}", "udp dport 8468"]
    one.space.nft(
        "came_in",
        f"""
        chain any {{ type filter hook prerouting priority -300;
            iifname "rma*" {seen[0]} counter
            iifname "rma*" {" ".join(seen)} counter
        }}""",
    )

    def counted() -> tuple[int, int]:
        """Return how many of our packets came in at all, and how many of those that may."""
        listed = json.loads(one.space.run("nft", "-j", "list", "table", "ip", "came_in").stdout)["nftables"]
        rules = [entry["rule"]["expr"] for entry in listed if "rule" in entry]
        found = [part["counter"]["packets"] for expr in rules for part in expr if "counter" in part]
        return found[0], found[1]

    def came_in() -> bool:
        stranger.send(*packets.values())
        return counted()[1] > 0

    until(came_in, "what a member may send comes in")
    any_of_ours, allowed = counted()
    assert any_of_ours == allowed, f"{any_of_ours - allowed} packets came in that may not"


def bad_certificates_of(evil: Worker) -> dict[str, Shown]:
    """Return nothing but the member's own certificate."""
    own = read_certificate((evil.data_dir / "vpn" / "node.crt").read_text())
    key = read_key(PRIVATE_KEY, (evil.data_dir / "vpn" / "node.key").read_text())
    return {"a member's own": shown(own, key)}


def start_nebula(machine: Member, evil: Worker, name: str, **files: Path) -> tuple[Guest, Path]:
    """Start a Nebula by hand, with the configuration of a node before but other files; return it and its log."""
    configuration = json.loads((evil.data_dir / "vpn" / "nebula.json").read_text())
    configuration["pki"] |= {which: str(path) for which, path in files.items()} | {"blocklist": []}
    configuration["listen"]["port"] = 0
    path, log = evil.data_dir.parent / f"{name}.json", evil.data_dir.parent / f"{name}.log"
    path.write_text(json.dumps(configuration))
    return machine.space.spawn("nebula", "-config", str(path), log=log), log


def an_overlay_of_another_authority(near: Member, evil: Worker, ips: dict[str, str]) -> tuple[Guest, Path]:
    """Start a real Nebula whose certificate is another mesh's, though it believes ours, too."""
    folder = evil.data_dir.parent
    other = NebulaMesh(folder / "other").member(ips["evil"], "worker")
    files = {name: folder / f"other.{name}" for name in ("ca", "cert", "key")}
    files["ca"].write_text(other["ca"] + (evil.data_dir / "vpn" / "ca.crt").read_text())
    files["cert"].write_text(other["certificate"])
    files["key"].write_text(other["private_key"])
    return start_nebula(near, evil, "other", **files)


def nobody_answers(near: Member, foreign: tuple[Guest, Path], ips: dict[str, str]) -> None:
    """Ask through that Nebula until it has given up twice."""
    nebula, log = foreign
    services = [asking(f"http://{ip}:8000/health") for ip in (LIGHTHOUSE, ips["one"])]

    def in_vain() -> bool:
        assert [answer["status"] for answer in near.ask("", many=services)] == [0, 0]
        return log.read_text().count("Handshake timed out") >= 2

    until(in_vain, "in vain")
    assert "Handshake message received" not in log.read_text()
    nebula.stop()


def a_member_without_tokens(mesh: OverlayMesh, evil: Worker, one: Worker, ips: dict[str, str]) -> None:
    """A member is let in by Nebula, and no farther than to doors that ask for a token."""
    argv = (sys.executable, "-m", "http.server", "9999", "--directory", str(mesh.folder / "other"))
    one.space.spawn(*argv, log=mesh.folder / "open.log")
    until(lambda: one.ask("http://127.0.0.1:9999/", limit=2)["status"] == 200, "open beside")
    nebula, _ = start_nebula(evil, evil, "own")
    doors = [f"http://{ips['one']}:8000/health", f"http://{LIGHTHOUSE}:8000/api/worker/peers?service={NER}"]
    shut = [f"http://{ips['one']}:9999/", f"http://{LIGHTHOUSE}:{PORT}/health"]
    asked = [asking(url) for url in (*doors, *shut)]
    # What is shut is asked together with what is open: so the way there is open.
    until(lambda: [answer["status"] for answer in evil.ask("", many=asked)] == [401, 401, 0, 0], "let in to doors")
    nebula.stop()


def neighbours_beside_the_overlay(neighbour: Member, at: str, ip: str) -> None:
    """Who routes packets for an overlay address straight to its machine is refused there."""
    neighbour.space.ip("route", "add", "10.42.0.0/16", "via", at)
    answer = neighbour.ask(f"http://{ip}:8000/health", limit=20)
    assert answer["status"] == 403, answer
