"""The certificate office: one authority per mesh, whoever starts first, and rotations that survive a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.audit import Audit
from coordinator_server.enrolment.certificates import KEY, CertificateOffice
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.program.errors import UserFacingError
from tests.support.mesh_keys import NOW, Clock, Mesh

MESH = Mesh()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


def office(store: SqliteStore, mesh: Mesh = MESH) -> CertificateOffice:
    return CertificateOffice(store, Audit(store, Clock()), mesh.key, IPv4Network("10.42.0.0/16"))


async def loaded(store: SqliteStore) -> CertificateOffice:
    made = office(store)
    await made.load(NOW)
    return made


async def test_all_coordinators_of_a_store_have_one_authority(store: SqliteStore) -> None:
    offices = [office(store) for _ in range(5)]
    await asyncio.gather(*(one.load(NOW) for one in offices))
    assert len({one.signer.authority.fingerprint for one in offices}) == 1
    assert (await loaded(store)).signer.key.private_bytes_raw() == offices[0].signer.key.private_bytes_raw()
    assert offices[0].signer.authority.name.startswith("RMA Mesh ")


async def test_a_rotation_is_seen_by_the_others_and_after_a_restart(store: SqliteStore) -> None:
    one, other = await loaded(store), await loaded(store)
    before = one.signer.authority.fingerprint
    assert await one.rotate(NOW, actor="admin")
    assert (one.phase, other.phase) == ("spreading", "steady")
    await other.load(NOW)
    assert other.phase == "spreading"
    assert other.signer.authority.fingerprint == before
    assert await other.rotate(NOW, actor="coordinator")
    third = await loaded(store)
    assert (third.phase, len(third.signer.certificates)) == ("replacing", 2)
    assert third.signer.authority.fingerprint != before
    assert await third.rotate(NOW, actor="coordinator")
    assert [certificate.fingerprint for certificate in (await loaded(store)).signer.certificates] == [
        third.signer.authority.fingerprint
    ]
    assert [line.action for line in await store.audit()] == [
        "authority-rotation-steady",
        "authority-rotation-replacing",
        "authority-rotation-begun",
    ]


async def test_two_that_rotate_at_once_take_one_step(store: SqliteStore) -> None:
    one, other = await loaded(store), await loaded(store)
    assert await one.rotate(NOW, actor="admin")
    assert not await other.rotate(NOW, actor="admin")
    assert one.authorities == other.authorities


async def test_with_another_mesh_key_it_says_what_to_do(store: SqliteStore) -> None:
    await loaded(store)
    with pytest.raises(UserFacingError, match="authority cannot be used") as caught:
        await office(store, Mesh(Ed25519PrivateKey.generate())).load(NOW)
    assert "--vpn off" in str(caught.value.hint)


@pytest.mark.parametrize("row", [b"?", b'{"x":' + b"[" * 5000], ids=["garbage", "nested"])
async def test_authorities_that_cannot_be_read_are_said(store: SqliteStore, row: bytes) -> None:
    await store.put(KEY, row)
    with pytest.raises(UserFacingError, match="authority cannot be used"):
        await loaded(store)
