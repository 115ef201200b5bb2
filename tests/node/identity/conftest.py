"""A data directory of one's own, and a keyring that is put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from tests.support.keyrings import HangingKeyring


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "node"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def install() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    installed: list[KeyringBackend] = []

    def put(backend: KeyringBackend) -> None:
        installed.append(backend)
        keyring.set_keyring(backend)

    yield put
    for backend in installed:
        if isinstance(backend, HangingKeyring):
            backend.release.set()
    keyring.set_keyring(before)
