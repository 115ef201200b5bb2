"""The coordinator's secrets: made once, private, the same after a restart, and never silently replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from coordinator_server.keys import SECRET_FILES, check_mesh, load_or_make_secrets
from coordinator_server.store.sqlite import open_sqlite
from node.program.errors import EXIT_USAGE, UserFacingError


def test_they_are_made_once_and_are_the_same_afterwards(tmp_path: Path) -> None:
    first, second = load_or_make_secrets(tmp_path), load_or_make_secrets(tmp_path)
    assert first.mesh_public_key == second.mesh_public_key
    assert first.coordinator_id == second.coordinator_id
    assert first.admin_token == second.admin_token
    assert first.coordinator_id.startswith("coordinator-")
    if os.name == "posix":
        assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in SECRET_FILES} == {0o600}


def test_two_coordinators_have_nothing_in_common(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = load_or_make_secrets(tmp_path / "a"), load_or_make_secrets(tmp_path / "b")
    assert one.mesh_public_key != other.mesh_public_key
    assert one.coordinator_id != other.coordinator_id


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    secrets = load_or_make_secrets(tmp_path)
    assert secrets.admin_token not in repr(secrets)
    assert "mesh_key" not in repr(secrets)


@pytest.mark.parametrize("content", [b"", b"not a key", b"\xff\xfe", b"A" * 44])
def test_a_damaged_key_file_is_an_error_and_not_another_mesh(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mesh.key").write_bytes(content)
    with pytest.raises(UserFacingError, match=r"mesh\.key"):
        load_or_make_secrets(tmp_path)
    assert (tmp_path / "mesh.key").read_bytes() == content


def test_an_admin_token_may_be_given_but_not_a_short_one(tmp_path: Path) -> None:
    assert load_or_make_secrets(tmp_path, "a-token-of-many-letters").admin_token == "a-token-of-many-letters"
    assert not (tmp_path / "admin.token").exists()
    with pytest.raises(UserFacingError, match="too short") as caught:
        load_or_make_secrets(tmp_path, "short")
    assert caught.value.exit_code == EXIT_USAGE


async def test_a_lost_mesh_key_is_noticed(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "x.db")
    await check_mesh(store, load_or_make_secrets(tmp_path), tmp_path)
    await check_mesh(store, load_or_make_secrets(tmp_path), tmp_path)
    (tmp_path / "mesh.key").unlink()
    with pytest.raises(UserFacingError, match="not the one that this store was made with"):
        await check_mesh(store, load_or_make_secrets(tmp_path), tmp_path)
    await store.close()
