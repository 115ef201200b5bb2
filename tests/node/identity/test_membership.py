from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.identity.membership import (
    forget_membership,
    has_membership,
    load_membership,
    mesh_keys_of,
    save_membership,
)
from node.program.errors import UserFacingError
from node.state import Membership
from node.wire.encoding import b64encode
from node.wire.mesh_keys import KeyChain, founded
from node.wire.messages import CoordinatorInfo

MEMBERSHIP = Membership(
    worker_id="w-1",
    mesh_public_key="A" * 43,
    credential="abc",
    trust="volunteer",
    coordinators=(CoordinatorInfo(id="c-1", url="http://127.0.0.1:8080"),),
)


def test_a_membership_comes_back_as_it_was_kept(data_dir: Path) -> None:
    assert load_membership(data_dir) is None
    assert not has_membership(data_dir)
    save_membership(data_dir, MEMBERSHIP)
    assert has_membership(data_dir)
    assert load_membership(data_dir) == MEMBERSHIP


def test_forgetting_may_be_done_twice(data_dir: Path) -> None:
    save_membership(data_dir, MEMBERSHIP)
    forget_membership(data_dir)
    forget_membership(data_dir)
    assert load_membership(data_dir) is None


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_only_its_owner_may_read_the_file(data_dir: Path) -> None:
    save_membership(data_dir, MEMBERSHIP)
    assert (data_dir / "membership.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["membership.json"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"worker_id": 1}', b'{"worker_id":"x"}', b"\xff\xfe\x00"])
def test_a_damaged_file_is_named_and_not_touched(data_dir: Path, damage: bytes) -> None:
    path = data_dir / "membership.json"
    path.write_bytes(damage)
    with pytest.raises(UserFacingError) as caught:
        load_membership(data_dir)
    assert str(path) in caught.value.title
    assert "new invite" in caught.value.hint
    assert path.read_bytes() == damage


def test_a_folder_in_its_place_is_an_error_that_names_it(data_dir: Path) -> None:
    (data_dir / "membership.json").mkdir()
    with pytest.raises(UserFacingError, match=r"membership\.json"):
        load_membership(data_dir)


# --- the mesh's keys in it ------------------------------------------------------------------------------------

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3)]
FOUNDING = founded(KEYS[0].public_key().public_bytes_raw())
ROTATED = FOUNDING.begin(KEYS[0], KEYS[1]).onwards().onwards()


def with_chain(chain: KeyChain | None) -> Membership:
    founding = b64encode(FOUNDING.founding)
    return msgspec.structs.replace(MEMBERSHIP, mesh_public_key=founding, mesh_chain=chain)


def test_the_chain_of_the_meshs_keys_comes_back(data_dir: Path) -> None:
    save_membership(data_dir, with_chain(ROTATED.chain))
    found = load_membership(data_dir)
    assert found is not None
    assert mesh_keys_of(found) == ROTATED


def test_a_file_of_before_there_were_chains_has_the_one_key(data_dir: Path) -> None:
    old = msgspec.to_builtins(with_chain(None))
    del old["mesh_chain"]
    (data_dir / "membership.json").write_bytes(msgspec.json.encode(old))
    found = load_membership(data_dir)
    assert found is not None
    assert mesh_keys_of(found) == FOUNDING


def test_a_chain_that_does_not_hold_is_a_damaged_file(data_dir: Path) -> None:
    foreign = founded(KEYS[2].public_key().public_bytes_raw()).begin(KEYS[2], KEYS[1])
    (good,) = ROTATED.chain.handovers
    unsigned = msgspec.structs.replace(good, by_new=bytes(64))
    for chain in (foreign.chain, msgspec.structs.replace(ROTATED.chain, handovers=(unsigned,))):
        save_membership(data_dir, with_chain(chain))
        with pytest.raises(UserFacingError, match="cannot be read"):
            load_membership(data_dir)


def test_a_founding_key_that_is_no_key_is_a_damaged_file(data_dir: Path) -> None:
    save_membership(data_dir, msgspec.structs.replace(MEMBERSHIP, mesh_public_key="not/base64url"))
    with pytest.raises(UserFacingError, match="cannot be read"):
        load_membership(data_dir)


def test_a_file_that_was_put_back_is_followed_forwards_again(data_dir: Path) -> None:
    """Whoever restores an old file has the machine where one is that was off: it goes on from there."""
    save_membership(data_dir, with_chain(FOUNDING.begin(KEYS[0], KEYS[1]).chain))
    older = load_membership(data_dir)
    assert older is not None
    assert mesh_keys_of(older).follow(ROTATED.chain) == ROTATED
