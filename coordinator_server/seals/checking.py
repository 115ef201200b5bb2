"""Whether an audit log is as it was sealed: lines and seals in, a finding out. Pure.

It stops at the first thing that is wrong, since whatever follows hangs on it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from coordinator_server.seals.chain import NO_SEAL, START, Seal, SealError, decode, extend, mark_of, said
from coordinator_server.store.interface import AuditLine
from node.wire.credentials import Credential, CredentialError, verify_bytes
from node.wire.encoding import b64decode, fingerprint
from node.wire.mesh_keys import MeshKeys, MeshTrust, founded
from node.wire.signatures import WrongSignatureError, check_signature, key_of

LATE = 600.0  # seconds after which a line should long have been sealed
MARK_FORM = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the whole log found.

    `mark` stands for the log up to its last line: whoever keeps it elsewhere finds out when the end gets lost.
    `line` and `seal` are the first that are wrong, where something is. `mesh` is the fingerprint of the mesh's key
    by which the seals count: of a file that others could write, only that tells whose log it is.
    """

    holds: bool
    lines: int
    sealed: int  # lines under a seal
    unsealed: int  # lines after them, which only hang together so far
    seals: int
    mark: str
    text: str
    line: int | None = None
    seal: int | None = None
    mesh: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """A mark that an earlier look gave out: this line had this hash."""

    number: int
    digest: bytes


class _Fault(Exception):  # noqa: N818 - it never leaves this module
    """The first thing that is wrong."""

    def __init__(self, text: str, *, line: int | None = None, seal: int | None = None) -> None:
        super().__init__(text)
        self.text, self.line, self.seal = text, line, seal


def parse_mark(text: str) -> Expected:
    """Read `NUMBER:HASH`; raise ValueError."""
    match = MARK_FORM.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("a mark reads NUMBER:HASH, as `audit verify` prints it")
    return Expected(int(match[1]), bytes.fromhex(match[2]))


@dataclass(slots=True)
class Check:
    """One walk along a log: `take` its lines in order, then ask `finish` for what was found.

    `stored` are the seals as they are kept, in order; `keys` are the mesh's, from the founding one on.
    """

    stored: Sequence[bytes]
    keys: MeshKeys
    expected: Expected | None = None
    _digest: bytes = START
    _lines: int = 0
    _open: Seal | None = None  # whose lines come now
    _seals: int = 0  # that are right to their last line
    _sealed: int = 0
    _previous: bytes = NO_SEAL
    _oldest_open: float = 0.0  # time of the first line that no seal covers
    _fault: _Fault | None = field(default=None)

    def take(self, lines: Iterable[AuditLine]) -> bool:
        """Take more lines; return False when there is no need for further ones."""
        try:
            for line in lines:
                self._take(line)
        except _Fault as wrong:
            self._fault = wrong
        return self._fault is None

    def finish(self, now: float) -> Finding:
        """Return what was found; `now` is the moment (Unix seconds) by which a line's age counts."""
        if self._fault is None:
            try:
                self._finish(now)
            except _Fault as wrong:
                self._fault = wrong
        fault = self._fault
        return Finding(
            holds=fault is None,
            lines=self._lines,
            sealed=self._sealed,
            unsealed=self._lines - self._sealed,
            seals=self._seals,
            mark=f"{self._lines}:{self._digest.hex()}",
            text=self._good_news() if fault is None else fault.text,
            line=fault.line if fault else None,
            seal=fault.seal if fault else None,
            mesh=fingerprint(self.keys.signing).hex(),
        )

    def _take(self, line: AuditLine) -> None:
        number = self._lines + 1
        if line.number != number:
            raise _Fault(f"Line {number} is missing: after {self._lines} comes {line.number}.", line=number)
        if self._open is None and self._seals < len(self.stored):
            self._open = self._read_seal(number)
        seal = self._open
        if seal is not None and not hmac.compare_digest(seal.mark(number), mark_of(line)):
            text = f"Line {number} is not what seal {seal.number} says of it: it was changed, put in or moved."
            raise _Fault(text, line=number, seal=seal.number)
        self._digest, self._lines = extend(self._digest, line), number
        self._compare_expected()
        if seal is None:
            self._oldest_open = self._oldest_open or line.time
        elif number == seal.last:
            self._close(seal)

    def _close(self, seal: Seal) -> None:
        if not hmac.compare_digest(seal.digest, self._digest):
            text = f"Lines {seal.first} to {seal.last} are not what seal {seal.number} says of them."
            raise _Fault(text, line=seal.first, seal=seal.number)
        self._seals, self._sealed, self._previous, self._open = seal.number, seal.last, seal.hash, None

    def _read_seal(self, first: int) -> Seal:
        """Return the next seal, which must fit to the one before and be a coordinator's of this mesh."""
        number = self._seals + 1
        try:
            seal = decode(self.stored[number - 1])
            signer = _signer(seal, self.keys)
            check_signature(key_of(signer.public_key), seal.signature, said(seal))
        except (SealError, CredentialError, WrongSignatureError, ValueError) as error:
            raise _Fault(f"Seal {number} cannot be believed: {error}.", line=first, seal=number) from None
        if seal.number != number or seal.previous != self._previous:
            raise _Fault(f"Seal {number} is missing, or not the one that was there.", line=first, seal=number)
        covers = seal.last - seal.first + 1
        if seal.first != first or covers < 1 or len(seal.marks) != len(mark_of(_NOTHING)) * covers:
            raise _Fault(f"Seal {number} does not begin at line {first}.", line=first, seal=number)
        return seal

    def _compare_expected(self) -> None:
        expected = self.expected
        if expected is None or expected.number != self._lines or expected.digest == self._digest:
            return
        text = f"The log up to line {self._lines} is not the one that the expected mark was made of."
        raise _Fault(text, line=self._lines)

    def _finish(self, now: float) -> None:
        seal = self._open or (self._read_seal(self._lines + 1) if self._seals < len(self.stored) else None)
        if seal is not None:
            text = f"The end is missing: seal {seal.number} goes to line {seal.last}, the log to {self._lines}."
            raise _Fault(text, line=self._lines + 1, seal=seal.number)
        if self.expected is not None and self.expected.number > self._lines:
            text = f"The end is missing: the expected mark is of line {self.expected.number}."
            raise _Fault(f"{text} The log goes to line {self._lines}.", line=self._lines + 1)
        if self._oldest_open and now - self._oldest_open > LATE:
            first = self._sealed + 1
            text = f"No seal covers line {first} and those after it, and that for too long: seals were taken away,"
            raise _Fault(f"{text} or no coordinator has made any.", line=first)

    def _good_news(self) -> str:
        if not self._lines:
            return "The log is empty."
        if self._sealed == self._lines:
            return (
                "The only line is as it was sealed."
                if self._lines == 1
                else f"All {self._lines} lines are as they were sealed."
            )
        sealed = "1 line is as it was" if self._sealed == 1 else f"{self._sealed} lines are as they were"
        rest = self._lines - self._sealed
        newest = "the newest one waits" if rest == 1 else f"the newest {rest} wait"
        return f"{sealed} sealed; {newest} for the next seal."


_NOTHING = AuditLine(time=0.0, actor="", action="")


def _signer(seal: Seal, keys: MeshKeys) -> Credential:
    """Return the coordinator that made a seal; a key of the mesh that is retired by now has signed what it did."""
    credential = _credential(seal.credential, keys.every, seal.time)
    if credential.role != "coordinator":
        raise CredentialError(f"{credential.subject} is no coordinator")
    return credential


@lru_cache(1024)
def _credential(text: str, keys: tuple[bytes, ...], time: float) -> Credential:
    found: CredentialError | None = None
    for key in reversed(keys):
        try:
            return verify_bytes(b64decode(text), MeshTrust(founded(key)), time)
        except CredentialError as error:
            found = error
    raise found or CredentialError("there is no key of the mesh")
