"""Keeps the volunteer's rules in `<data_dir>/rules.json`: written whole, private, and never thrown away."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from node.program.data_dir import move_file, write_private_file
from node.rules.settings import Rules

log = logging.getLogger(__name__)

FILE_NAME = "rules.json"
VERSION = 1
MAX_BYTES = 1 << 20
MAX_ASIDE = 100


class RulesUnreadable(Exception):  # noqa: N818 - said in the past tense to the volunteer
    """Why the file cannot be read, in a sentence for the volunteer."""


class KeptRules(msgspec.Struct, frozen=True):
    """The file's content. A later version may mean something else by the same words: it is not guessed at."""

    version: int
    rules: Rules


class _Stamp(msgspec.Struct):
    version: int


class RulesFile:
    """Reads and writes the file of one data directory; blocks, as disks do."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME

    def load(self) -> Rules:
        """Return the rules, the default ones where none were saved; raise RulesUnreadable."""
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise RulesUnreadable(f"{self.path} is too large to be a file of rules.")
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Rules()
        except OSError as error:
            raise RulesUnreadable(f"{self.path}: {error.strerror or error}.") from None
        try:
            version = msgspec.json.decode(data, type=_Stamp).version
            if version != VERSION:
                raise RulesUnreadable(
                    f"{self.path} was written by another version of this program (its {version})."
                )
            return msgspec.json.decode(data, type=KeptRules).rules
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RulesUnreadable(f"{self.path}: {error}.") from None

    def save(self, rules: Rules) -> None:
        """Replace the rules; a file that cannot be read is kept beside them. Raise OSError, and change nothing."""
        try:
            self.load()
        except RulesUnreadable:
            self._keep_aside()
        write_private_file(self.path, msgspec.json.encode(KeptRules(VERSION, rules)))

    def _keep_aside(self) -> None:
        aside = self._free_name()
        log.warning("%s cannot be read; it is kept as %s", self.path, aside.name)
        try:
            write_private_file(aside, self.path.read_bytes())
        except OSError:  # as where it is not ours to read, or a folder
            move_file(self.path, aside)

    def _free_name(self) -> Path:
        names = (self.path.with_suffix(f".unreadable-{number}") for number in range(1, MAX_ASIDE))
        return next((name for name in names if not name.exists()), self.path.with_suffix(".unreadable"))
