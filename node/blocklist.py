"""Whom this node believes no more: takes each newer list that the mesh has signed, and no older one."""

from __future__ import annotations

import logging

import msgspec

from node.kept_files import KeptBlocklist, KeptFiles
from node.wire.blocklists import (
    BlocklistError,
    PutOut,
    SignedBlocklist,
    digest_of,
    open_blocklist,
    open_current,
)
from node.wire.credentials import CLOCK_SKEW
from node.wire.mesh_keys import MeshTrust

OLD = 2 * 3600.0  # seconds: coordinators sign every hour, also what has not changed
log = logging.getLogger(__name__)


class Blocklist:
    """The newest list that we were told; it survives restarts. What is refused is said in the log, once."""

    def __init__(self, files: KeptFiles) -> None:
        self._files = files
        self._kept = KeptBlocklist()
        self._last: SignedBlocklist | None = None  # that was verified
        self._said = ""
        self._asks = False  # for the whole list, whichever we have

    @property
    def version(self) -> int:
        """Return the version that coordinators need not tell us again; 0 asks for the whole list."""
        return 0 if self._asks else self._kept.listed.version

    @property
    def listed(self) -> PutOut:
        return self._kept.listed

    def load(self) -> None:
        self._kept = self._files.blocklist() or KeptBlocklist()

    def save(self) -> None:
        self._files.save_blocklist(self._kept)

    def forget(self) -> None:
        """Begin anew, as in another mesh."""
        self._kept, self._last, self._said, self._asks = KeptBlocklist(), None, "", False

    def take(
        self,
        told: SignedBlocklist | None,
        trust: MeshTrust,
        now: float,
        current: SignedBlocklist | None = None,
    ) -> bool:
        """Take in what a coordinator tells; say whether it is another list than the one that we had.

        Who was told our version says no more than that this is the `current` one.

        One that is newer than ours counts however old it is: it is better than ours. But where none comes that was
        signed lately, somebody on the way may be keeping them from us.
        """
        try:
            if told is None and current is not None:
                changed = self._go_on(current, trust)
            else:
                changed = self._take(told, trust)
        except BlocklistError as error:
            self._say(f"what we were told of who was put out is not used: {error}")
            return False
        age = now - self.listed.signed_at
        stale = f"what we are told of who was put out is {age / 3600:.0f} hours old: is the clock right?"
        self._say(stale if age > OLD + CLOCK_SKEW else "")
        return changed

    def _take(self, told: SignedBlocklist | None, trust: MeshTrust) -> bool:
        if told is None:
            raise BlocklistError("there was nothing")
        if told == self._last:
            return False
        number, listed = open_blocklist(told, trust)
        ours = self._kept
        # Whoever had an older key of the mesh may have given it any version: a newer key's list counts for more.
        if (number, listed.version) < (ours.key, ours.listed.version):
            raise BlocklistError(f"it is version {listed.version}, and we have {ours.listed.version}")
        self._kept, self._last, self._asks = KeptBlocklist(number, listed), told, False
        return (number, listed.version) != (ours.key, ours.listed.version)

    def _go_on(self, current: SignedBlocklist, trust: MeshTrust) -> bool:
        """Go on with our list, if it is the one that counts: what an older key gave the same version is another."""
        if current == self._last:
            return False
        number, said = open_current(current, trust)
        ours = self._kept.listed
        if (number, said.version) < (self._kept.key, ours.version):
            raise BlocklistError(f"it is version {said.version}, and we have {ours.version}")
        if (said.version, said.digest) != (ours.version, digest_of(ours)):
            self._asks = True
            return False
        listed = msgspec.structs.replace(ours, signed_at=max(ours.signed_at, said.signed_at))
        self._kept, self._last, self._asks = KeptBlocklist(number, listed), current, False
        return False

    def _say(self, text: str) -> None:
        if text and text != self._said:
            log.warning("%s", text)
        self._said = text
