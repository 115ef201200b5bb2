"""Keeps the book of what was given in `<data_dir>/contribution.json`, written whole: no crash can spoil it."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from node.program.data_dir import move_file, write_private_file
from node.vitals.ledger import Ledger

log = logging.getLogger(__name__)

FILE_NAME = "contribution.json"
VERSION = 1
MAX_BYTES = 4 << 20


class KeptLedger(msgspec.Struct, frozen=True):
    """The file's content. A later version may mean something else by the same words: it is not guessed at."""

    version: int
    ledger: Ledger


class LedgerFile:
    """Reads and writes the file of one data directory; blocks, as disks do."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME

    def load(self) -> Ledger:
        """Return the book; what cannot be read is set aside, and a new one begun."""
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise ValueError("it is too large")
            kept = msgspec.json.decode(self.path.read_bytes(), type=KeptLedger)
            if kept.version != VERSION:
                raise ValueError(f"it was written by another version of this program (its {kept.version})")
        except FileNotFoundError:
            return Ledger()
        except (OSError, ValueError, RecursionError) as error:  # as msgspec's are
            self._set_aside(error)
            return Ledger()
        return kept.ledger

    def save(self, ledger: Ledger) -> None:
        """Replace the book; raise OSError, and change nothing."""
        write_private_file(self.path, msgspec.json.encode(KeptLedger(VERSION, ledger)))

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_suffix(".unreadable")
        log.warning(
            "%s cannot be read (%s); a new one is begun, and it is kept as %s", self.path, error, aside.name
        )
        try:
            move_file(self.path, aside)
        except OSError as failure:
            log.warning("%s cannot be set aside: %s", self.path, failure)
