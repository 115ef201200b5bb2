"""Authorities: Nebula takes what they sign, they never sign more than they may, and a rotation cuts nobody off."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.enrolment.authorities import (
    AUTHORITY_LIFE,
    BACKDATE,
    Authorities,
    Signer,
    begin,
    first,
    groups_of,
    make_authority,
    onwards,
    open_signer,
)
from coordinator_server.enrolment.sealing import SealError
from node.wire.nebula_certificates import CertificateError, NebulaCertificate, check_limits, verify
from node.wire.nebula_pem import certificate_pem
from tests.support.nebula_cert import NebulaCert

NOW = 1_800_000_000.0
WEEK = 7 * 86400.0
NETWORK = IPv4Network("10.42.0.0/16")
MESH = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
MEMBER = X25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key().public_bytes_raw()


def new(now: float = NOW) -> Authorities:
    return first(make_authority("RMA Mesh", NETWORK, now, MESH), now)


def issue(signer: Signer, now: float = NOW, life: float = WEEK) -> NebulaCertificate:
    groups = groups_of("worker", "volunteer")
    return signer.issue("w-1", IPv4Address("10.42.0.16"), groups, MEMBER, now=now, life=life)


def test_a_member_gets_address_groups_and_a_time_that_allows_for_wrong_clocks() -> None:
    signer = open_signer(new(), MESH)
    made = issue(signer)
    assert made.ips == (IPv4Interface("10.42.0.16/16"),)
    assert made.groups == ("worker", "volunteer")
    assert (made.not_before, made.not_after) == (NOW - BACKDATE, NOW + WEEK)
    verify(made, signer.certificates, NOW - BACKDATE)
    verify(made, signer.certificates, NOW + WEEK)


def test_no_certificate_outlives_its_authority_or_is_older() -> None:
    signer = open_signer(new(), MESH)
    end = signer.authority.not_after
    late = issue(signer, end - 60)
    assert late.not_after == end
    verify(late, signer.certificates, end)
    early = issue(signer, signer.authority.not_before + 1)
    assert early.not_before == signer.authority.not_before
    check_limits(early, signer.authority)


@pytest.mark.needs("nebula-cert")
def test_nebula_takes_what_it_signs(tmp_path: Path) -> None:
    now = time.time()
    signer, program = open_signer(new(now), MESH), NebulaCert(tmp_path)
    assert program.accepts(certificate_pem(issue(signer, now)), signer.pem)
    wrong = replace(issue(signer, now), groups=("admin",))
    assert not program.accepts(certificate_pem(wrong), signer.pem)
    told = program.print(certificate_pem(signer.authority))["details"]
    assert (told["ips"], told["isCa"]) == (["10.42.0.0/16"], True)
    assert told["groups"] == ["worker", "coordinator", "volunteer", "vetted"]


def test_its_key_is_sealed_with_the_mesh_key() -> None:
    stored = msgspec.json.encode(new())
    found = msgspec.json.decode(stored, type=Authorities)
    raw = open_signer(found, MESH).key.private_bytes_raw()
    assert raw not in found.members[0].sealed_key
    with pytest.raises(SealError):
        open_signer(found, Ed25519PrivateKey.generate())


def test_a_key_of_another_authority_is_refused() -> None:
    mixed = msgspec.structs.replace(new().members[0], certificate=new().members[0].certificate)
    with pytest.raises(CertificateError, match="not the one of its certificate"):
        open_signer(first(mixed, NOW), MESH)


def test_a_rotation_knows_both_until_the_end() -> None:
    old = new()
    newer = make_authority("RMA Mesh", NETWORK, NOW, MESH)
    spreading = begin(old, newer, NOW + 1)
    replacing = onwards(spreading, NOW + 2)
    done = onwards(replacing, NOW + 3)
    assert [step.phase for step in (old, spreading, replacing, done)] == [
        "steady",
        "spreading",
        "replacing",
        "steady",
    ]
    signers = [open_signer(step, MESH) for step in (old, spreading, replacing, done)]
    assert signers[0].authority == signers[1].authority != signers[2].authority == signers[3].authority
    assert signers[1].bundle == signers[2].bundle
    assert len({signer.bundle for signer in signers}) == 3
    before, after = {signers[0].authority}, {signers[3].authority}
    for one, next_one, used in ((0, 1, before), (1, 2, before | after), (2, 3, after)):
        # Of two members one is a step ahead: both know whatever either of them may use by then.
        assert used <= set(signers[one].certificates) & set(signers[next_one].certificates)


def test_an_authority_lives_for_years() -> None:
    assert open_signer(new(), MESH).authority.not_after == NOW + AUTHORITY_LIFE
    assert AUTHORITY_LIFE > 5 * 365 * 86400


def test_an_authority_does_not_show_its_key() -> None:
    assert "key=" not in repr(open_signer(new(), MESH)).replace("public_key=", "")
