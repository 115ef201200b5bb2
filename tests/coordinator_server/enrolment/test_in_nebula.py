"""Nebula itself takes the certificates that the overlay gives, and none that it did not give or has blocked.

Without network devices (`tun.disabled`), and so without rights: a worker shakes hands with its lighthouse anyway.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.enrolment.authorities import (
    Authorities,
    Signer,
    begin,
    first,
    groups_of,
    make_authority,
    onwards,
    open_signer,
)
from node.program.tasks import TaskSet
from node.wire.nebula_certificates import NebulaCertificate, sign
from node.wire.nebula_pem import PRIVATE_KEY, certificate_pem, key_pem
from tests.support.waiting import eventually

pytestmark = [pytest.mark.needs("nebula"), pytest.mark.processes]

NETWORK = IPv4Network("10.42.0.0/16")
LIGHTHOUSE, WORKER = IPv4Address("10.42.0.1"), IPv4Address("10.42.0.16")
MESH = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)


def new_authority() -> Authorities:
    return first(make_authority("a mesh", NETWORK, time.time(), MESH), time.time())


def opened(authorities: Authorities) -> Signer:
    return open_signer(authorities, MESH)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Member:
    """A Nebula with a key of its own, and what it has logged."""

    folder: Path
    name: str
    port: int = field(default_factory=free_port)
    key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    log: list[dict[str, Any]] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None

    def certified(self, signer: Signer) -> NebulaCertificate:
        lighthouse = self.name == "coordinator-1"
        return signer.issue(
            self.name,
            LIGHTHOUSE if lighthouse else WORKER,
            groups_of("coordinator" if lighthouse else "worker", "vetted"),
            self.key.public_key().public_bytes_raw(),
            now=time.time(),
            life=86400.0,
        )

    def said(self, text: str) -> bool:
        return any(text in f"{line.get('msg')} {line.get('error')}" for line in self.log)

    def met(self, what: str, name: str) -> bool:
        """Say whether the last message of a handshake with this member was sent or received."""
        return any(line["msg"] == f"Handshake message {what}" and line.get("certName") == name for line in self.log)

    def begun_or_ended(self) -> bool:
        return self.ended or self.said("interface is active")

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.returncode is not None

    @asynccontextmanager
    async def running(
        self, certificate: NebulaCertificate, ca: str, lighthouse: int = 0, blocklist: Sequence[str] = ()
    ) -> AsyncIterator[Member]:
        """Run Nebula; `lighthouse` is the port of its lighthouse, or 0 where it is one, which needs a port."""
        key = key_pem(PRIVATE_KEY, self.key.private_bytes_raw())
        document = {
            "pki": {"ca": ca, "cert": certificate_pem(certificate), "key": key, "blocklist": list(blocklist)},
            "static_host_map": {str(LIGHTHOUSE): [f"127.0.0.1:{lighthouse}"]} if lighthouse else {},
            "lighthouse": {
                "am_lighthouse": not lighthouse,
                "interval": 1,
                "hosts": [str(LIGHTHOUSE)] if lighthouse else [],
            },
            "listen": {"host": "127.0.0.1", "port": 0 if lighthouse else self.port},
            "tun": {"disabled": True},
            "logging": {"level": "info", "format": "json"},
            "firewall": {"outbound": [{"port": "any", "proto": "any", "host": "any"}], "inbound": []},
        }
        file = self.folder / f"{self.name}.json"
        file.write_text(json.dumps(document))
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec("nebula", "-config", file, stdout=pipe, stderr=pipe)
        tasks = TaskSet("nebula")
        reading = [tasks.start(self._read(stream), "log") for stream in (self.process.stdout, self.process.stderr)]
        try:
            yield self
        finally:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()
            await asyncio.gather(*reading)
            await tasks.stop()

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for line in stream:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"msg": line.decode()})


@asynccontextmanager
async def lighthouse_of(folder: Path, signer: Signer, blocklist: Sequence[str]) -> AsyncIterator[Member]:
    """Run a lighthouse, on another port where somebody took the first one meanwhile."""
    for _ in range(20):
        member = Member(folder, "coordinator-1")
        async with member.running(member.certified(signer), signer.pem, blocklist=blocklist):
            await eventually(member.begun_or_ended, "Nebula runs or gives up")
            if not member.ended:
                yield member
                return
    pytest.fail(f"Nebula does not start: {member.log}")


async def meet(
    folder: Path,
    theirs: Signer,
    ours: Signer,
    change: Callable[[NebulaCertificate], NebulaCertificate] = lambda certificate: certificate,
    *,
    blocked: bool = False,
) -> tuple[bool, bool]:
    """Have a worker of `ours` meet a lighthouse of `theirs`; say whether it and the worker took the other."""
    here = Member(folder, "w-1")
    certificate = change(here.certified(ours))
    refused = "Invalid certificate from host"
    async with (
        lighthouse_of(folder, theirs, [certificate.fingerprint] if blocked else []) as there,
        here.running(certificate, ours.pem, lighthouse=there.port),
    ):
        await eventually(lambda: there.met("sent", "w-1") or there.said(refused), "they meet")
        if there.said(refused):
            return False, False
        await eventually(lambda: here.met("received", "coordinator-1") or here.said(refused), "the worker hears")
        return True, not here.said(refused)


async def test_worker_and_coordinator_meet_with_what_they_were_given(tmp_path: Path) -> None:
    signer = opened(new_authority())
    assert await meet(tmp_path, signer, signer) == (True, True)


async def test_a_forged_certificate_is_refused(tmp_path: Path) -> None:
    signer = opened(new_authority())
    forger = Ed25519PrivateKey.generate()
    assert await meet(tmp_path, signer, signer, lambda certificate: sign(certificate, forger)) == (False, False)


async def test_a_foreign_authoritys_certificate_is_refused(tmp_path: Path) -> None:
    assert await meet(tmp_path, opened(new_authority()), opened(new_authority())) == (False, False)


async def test_more_than_the_authority_may_give_is_refused(tmp_path: Path) -> None:
    signer = opened(new_authority())

    def grasping(certificate: NebulaCertificate) -> NebulaCertificate:
        return sign(replace(certificate, groups=("worker", "admin")), signer.key)

    assert await meet(tmp_path, signer, signer, grasping) == (False, False)


async def test_a_blocked_fingerprint_is_refused(tmp_path: Path) -> None:
    signer = opened(new_authority())
    assert await meet(tmp_path, signer, signer, blocked=True) == (False, False)


@pytest.mark.parametrize("shift", [-2 * 86400, 86400])
async def test_with_a_certificate_whose_time_it_is_not_nebula_does_not_even_start(
    tmp_path: Path, shift: int
) -> None:
    signer, member = opened(new_authority()), Member(tmp_path, "w-1")
    made = member.certified(signer)
    moved = replace(made, not_before=made.not_before + shift, not_after=made.not_after + shift)
    async with member.running(sign(moved, signer.key), signer.pem, lighthouse=9):
        assert member.process is not None
        async with asyncio.timeout(60):
            assert await member.process.wait() != 0
    assert member.said("expired")


@pytest.mark.parametrize("step", [0, 1, 2])
async def test_at_no_step_of_a_rotation_two_members_refuse_one_another(tmp_path: Path, step: int) -> None:
    """One member is a step ahead of the other, whichever of them is which."""
    old = new_authority()
    spreading = begin(old, make_authority("a mesh", NETWORK, time.time(), MESH), time.time())
    replacing = onwards(spreading, time.time())
    signers = [opened(authorities) for authorities in (old, spreading, replacing, onwards(replacing, time.time()))]
    one, next_one = signers[step], signers[step + 1]
    assert await meet(tmp_path, one, next_one) == (True, True)
    assert await meet(tmp_path, next_one, one) == (True, True)
