"""The admin token: recognised in constant time, and replaced while the coordinator runs.

The one that counts stands in a private file of the data directory. Of one that was replaced and still counts for a
while only the hash is kept, in a file beside it, so that a restart ends neither.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from coordinator_server.keys import ADMIN_TOKEN_FILE
from node.program.data_dir import write_private_file
from node.wire.encoding import b64encode

GRACE_FILE = "admin-before.json"
TOKEN_BYTES = 32


class Replaced(msgspec.Struct, frozen=True):
    """A token that counts until then (Unix seconds), by its SHA-256."""

    digest: str
    until: float


class AdminTokens:
    """Knows who may pass as the operator; `rotate` makes another token."""

    def __init__(self, directory: Path, token: str, clock: Callable[[], float], *, fixed: bool) -> None:
        """Know one token; `fixed` says that it comes from the settings, and is not ours to replace."""
        self.fixed = fixed
        self.turn = asyncio.Lock()  # to rotate
        self.changed: Callable[[], None] = lambda: None
        self._directory = directory
        self._clock = clock
        self._token = token
        self._before = None if fixed else self._read()

    @property
    def token(self) -> str:
        """The token that counts from now on."""
        return self._token

    @property
    def before_until(self) -> float | None:
        """Until when the one before counts (Unix seconds); None where it does not."""
        before = self._before
        return before.until if before is not None and self._clock() < before.until else None

    def fits(self, shown: str) -> bool:
        """Say whether this is a token that counts, in a time that tells nothing of how near it is."""
        digest = _digest(shown)
        now_right = hmac.compare_digest(digest, _digest(self._token))
        before = self._before
        before_right = before is not None and hmac.compare_digest(digest, before.digest)
        return now_right or (before_right and self.before_until is not None)

    def rotate(self, grace: float = 0.0) -> str:
        """Replace the token by a new one, and let the old one count for `grace` seconds more; return the new one.

        Raise OSError where it cannot be kept; the token stays, and without grace the one before counts no more.
        """
        if self.fixed:
            raise ValueError("the token comes from the settings")
        before = Replaced(_digest(self._token), self._clock() + grace) if grace else None
        new = b64encode(secrets.token_bytes(TOKEN_BYTES))
        if before is not None:
            write_private_file(self._directory / GRACE_FILE, msgspec.json.encode(before))
        else:  # first: killed in between, no older token counts on
            (self._directory / GRACE_FILE).unlink(missing_ok=True)
            self._before = None
        write_private_file(self._directory / ADMIN_TOKEN_FILE, new.encode() + b"\n")
        self._token, self._before = new, before
        self.changed()
        return new

    def _read(self) -> Replaced | None:
        try:
            return msgspec.json.decode((self._directory / GRACE_FILE).read_bytes(), type=Replaced)
        except (OSError, msgspec.MsgspecError):  # then the old one counts no more, which is the safe side
            return None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
