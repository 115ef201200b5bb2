"""The operator's passphrase: where it is read from, and how a key is made of it that takes long to guess."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import psutil
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from coordinator_server.config import CoordinatorConfig
from node.program.errors import EXIT_USAGE, UserFacingError

log = logging.getLogger(__name__)

LONGEST = 1024  # characters
LONG_ENOUGH = 20  # characters: below, we warn
SALT_BYTES = 16
BLOCK = 8  # scrypt's r: with it, deriving a key takes 1 KiB of memory for each unit of n
STRONGEST, WEAKEST = 2**17, 2**14  # scrypt's n: 128 MiB and 0.7 s, 16 MiB and 0.1 s (measured)
LARGEST = 2**20  # that we take from the store: 1 GiB
SHARE = 4  # of the free memory one in so many parts is taken
LIMIT_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Derivation(msgspec.Struct, frozen=True, kw_only=True):
    """How a key is derived from a passphrase (scrypt, RFC 7914)."""

    salt: Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=64)]
    n: Annotated[int, msgspec.Meta(ge=WEAKEST, le=LARGEST)]
    r: Annotated[int, msgspec.Meta(ge=BLOCK, le=BLOCK)] = BLOCK
    p: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1

    def derive(self, passphrase: bytes) -> bytes:
        """Return 32 bytes; takes long and much memory, so call it in a thread. Raise MemoryError or ValueError."""
        return Scrypt(salt=self.salt, length=32, n=self.n, r=self.r, p=self.p).derive(passphrase)


def new_derivation(memory: int | None = None) -> Derivation:
    """Return the strongest derivation that this computer's free memory (bytes) allows, with a new salt."""
    free, n = free_memory() if memory is None else memory, STRONGEST
    while n > WEAKEST and n * 128 * BLOCK * SHARE > free:
        n //= 2
    if n < STRONGEST:
        log.warning(
            "the mesh's keys are sealed so that a guess at the passphrase takes %d MiB and not %d MiB of memory, "
            "because little is free here: with more, seal them anew by `rma-mesh-coordinator keys reseal`",
            *(n * 128 * BLOCK // 2**20, STRONGEST * 128 * BLOCK // 2**20),
        )
    return Derivation(salt=os.urandom(SALT_BYTES), n=n)


def free_memory() -> int:
    """Return the bytes that this computer has free, or that its container may have at most."""
    found = [psutil.virtual_memory().available]
    for path in LIMIT_FILES:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(path.read_text("ascii")))
    return min(found)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Where the passphrase is: given as it is, or in a file, which is read each time, as it may be changed."""

    given: str = field(default="", repr=False)
    file: str = ""

    def __bool__(self) -> bool:
        return bool(self.given or self.file)

    @property
    def source(self) -> str:
        """Say where it comes from, never what it is."""
        return f"the passphrase in {self.file}" if self.file else "the passphrase of RMA_KEY_PASSPHRASE"

    @property
    def remedy(self) -> str:
        """Say how another passphrase gets here."""
        return (
            f"write that into {self.file}, which is read anew each time, and try again"
            if self.file
            else "set RMA_KEY_PASSPHRASE to that, and start again"
        )

    def read(self) -> bytes:
        """Return it in one form, however it was typed; raise UserFacingError for what is none."""
        text = self.given
        if self.file:
            try:
                text = Path(self.file).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise _unusable(self, getattr(error, "strerror", None) or "it is no text") from None
        text = unicodedata.normalize("NFC", text).strip("\r\n")
        if not text or len(text) > LONGEST or not text.isprintable():
            raise _unusable(self, f"it has to be one line of 1 to {LONGEST} characters")
        return text.encode()


def passphrase_of(config: CoordinatorConfig) -> Passphrase:
    return Passphrase(config.key_passphrase, config.key_passphrase_file)


def weaknesses(passphrase: Passphrase) -> list[str]:
    """Return what the operator should know of a passphrase, one sentence each."""
    found, length = [], len(passphrase.read().decode())
    if length < LONG_ENOUGH:
        found.append(
            f"{passphrase.source} has {length} characters: whoever has the store or a backup can try out short "
            f"ones. Take {LONG_ENOUGH} or more, such as six random words, with `rma-mesh-coordinator keys reseal`"
        )
    if passphrase.file and os.name == "posix":
        with contextlib.suppress(OSError):
            if stat.S_IMODE(Path(passphrase.file).stat().st_mode) & 0o077:
                found.append(f"others on this computer may read {passphrase.file}: make its mode 0600")
    return found


def _unusable(passphrase: Passphrase, why: str) -> UserFacingError:
    source = passphrase.source
    return UserFacingError(f"{source[0].upper()}{source[1:]} cannot be used: {why}.", exit_code=EXIT_USAGE)
