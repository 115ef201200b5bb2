from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.identity.membership import forget_membership, has_membership, load_membership, save_membership
from node.program.errors import UserFacingError
from node.state import Membership
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
