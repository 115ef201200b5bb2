"""Keys that no mesh knows go without a trace; all others stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from keyring.backend import KeyringBackend

from node.identity.keys import KEY_FILE, NOTE_FILE, load_or_create_identity
from node.identity.nebula_key import load_or_create_nebula_key
from node.identity.unused import PROGRAM, forget_unused_keys
from node.program.data_dir import hold_data_dir
from node.wire.encoding import b64encode
from tests.support.keyrings import MemoryKeyring

Install = Callable[[KeyringBackend], None]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {f"{PROGRAM}.lock"}


async def make_keys(folder: Path, use_keyring: bool = False) -> None:
    for _ in range(2):  # the second start finds them
        await load_or_create_identity(folder, use_keyring=use_keyring, environ={}, time_limit=60)
        await load_or_create_nebula_key(folder, use_keyring=use_keyring, time_limit=60)


async def test_what_a_node_made_goes_from_the_disk(data_dir: Path) -> None:
    await make_keys(data_dir)
    (data_dir / "rules.json").write_text("{}")
    assert await forget_unused_keys(data_dir)
    assert names(data_dir) == {"rules.json"}
    assert await forget_unused_keys(data_dir), "nothing is left to do"


async def test_and_from_the_keyring(data_dir: Path, install: Install) -> None:
    backend = MemoryKeyring()
    install(backend)
    await make_keys(data_dir, use_keyring=True)
    assert len(backend.entries) == 2
    assert await forget_unused_keys(data_dir)
    assert backend.entries == {}
    assert names(data_dir) == set()


async def test_a_key_that_a_mesh_knows_stays(data_dir: Path) -> None:
    await make_keys(data_dir)
    (data_dir / "membership.json").write_text("{}")
    assert not await forget_unused_keys(data_dir)
    assert {KEY_FILE, NOTE_FILE} < names(data_dir)


async def test_a_key_that_somebody_provided_stays(data_dir: Path) -> None:
    text = b64encode(Ed25519PrivateKey.generate().private_bytes_raw())
    (data_dir / KEY_FILE).write_text(text)
    await make_keys(data_dir)
    assert not await forget_unused_keys(data_dir)
    assert (data_dir / KEY_FILE).read_text() == text


async def test_nothing_is_touched_while_a_node_runs(data_dir: Path) -> None:
    await make_keys(data_dir)
    with hold_data_dir(data_dir, PROGRAM):
        assert not await forget_unused_keys(data_dir)
    assert KEY_FILE in names(data_dir)


async def test_without_a_directory_there_is_nothing_to_forget(tmp_path: Path) -> None:
    assert await forget_unused_keys(tmp_path / "none")
    assert not (tmp_path / "none").exists()
