"""The book's file: private, whole, and never thrown away."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from node.vitals.kept import FILE_NAME, MAX_BYTES, LedgerFile
from node.vitals.ledger import Ledger, entered
from node.vitals.values import Counted

LEDGER = entered(Ledger(), "2026-11-21", {"ner": Counted(requests=7, cpu_seconds=1.5, energy_joules=12.0)})


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    assert file.load() == Ledger()
    file.save(LEDGER)
    assert LedgerFile(tmp_path).load() == LEDGER
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1]", b'{"version":2,"ledger":{}}', b'{"version":1,"ledger":{"days":3}}', b"[" * 100_000,
     b" " * (MAX_BYTES + 1), b"\xff\xfe"],
    ids=["empty", "half", "other", "later", "wrong", "deep", "large", "bytes"],
)  # fmt: skip
def test_what_cannot_be_read_is_kept_aside(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(data)
    file = LedgerFile(tmp_path)
    assert file.load() == Ledger()
    assert (tmp_path / "contribution.unreadable").read_bytes() == data
    file.save(LEDGER)
    assert file.load() == LEDGER


def test_a_folder_in_its_place_is_an_error_that_is_told(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "gone")
    assert file.load() == Ledger()
    with pytest.raises(OSError, match="gone"):
        file.save(LEDGER)
