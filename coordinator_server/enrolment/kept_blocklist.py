"""The blocklist as the store has it: several coordinators write it, and what was known of it is never lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping

import msgspec

from coordinator_server.enrolment.blocklist import Blocklist
from coordinator_server.store.interface import ABSENT, LARGEST_VALUE, Store, Versioned, Write
from node.program.errors import UserFacingError
from node.wire.messages import UNREADABLE
from node.wire.problems import Problem

log = logging.getLogger(__name__)

BLOCKLIST_KEY = "blocklist"
CHANGE_TRIES = 100
LARGEST_BY_CHOICE = LARGEST_VALUE * 6 // 10  # bytes; the rest of what a store takes is for operators to put out


class KeptBlocklist:
    """`current` is the newest list that we know. Nothing goes from it while `clock_in_doubt`."""

    def __init__(self, store: Store, clock: Callable[[], float], credential_life: float) -> None:
        self._store = store
        self._clock = clock
        self._credential_life = credential_life  # seconds
        self._unreadable = ABSENT  # the version of a list that nobody can read, and of which was told
        self.clock_in_doubt: Callable[[], bool] = lambda: False
        self.current = Blocklist()

    async def load(self) -> None:
        """Read what earlier runs kept; raise UserFacingError where nobody can."""
        listed = await self._store.get(BLOCKLIST_KEY)
        if listed is None:
            return
        try:
            self.current = msgspec.json.decode(listed.value, type=Blocklist)
        except UNREADABLE as error:
            raise UserFacingError(
                "The list of who was put out cannot be read in the store, so nothing is started without it.",
                f"Its entry {BLOCKLIST_KEY!r} is bad: {error}.",
                "Bring back a backup. Where another coordinator runs, it still knows the list, and writes it anew "
                "with the next `worker revoke`.",
            ) from None

    async def look(self) -> Collection[str]:
        """Take over what other coordinators have written; return the names that are new."""
        before = self.current.until
        self.take(self._read(await self._store.get(BLOCKLIST_KEY)))
        return self.current.until.keys() - before.keys()

    async def shorten(self) -> None:
        """Take off what has expired everywhere."""
        listed = await self._store.get(BLOCKLIST_KEY)
        if listed is None or self.clock_in_doubt():
            return
        current = self._read(listed)
        shorter = current.pruned(self._clock())
        if shorter is current:
            return
        if await self._store.compare_and_set(BLOCKLIST_KEY, listed.version, msgspec.json.encode(shorter)):
            self.take(shorter)  # the answer may be late, and others written more meanwhile

    async def renumber(self) -> None:
        """Have a newer version of the list: this may be a backup, and nodes take no older one than theirs."""
        for _ in range(CHANGE_TRIES):
            listed = await self._store.get(BLOCKLIST_KEY)
            newer = self._read(listed).renumbered(self._clock())
            before = listed.version if listed else ABSENT
            if await self._store.compare_and_set(BLOCKLIST_KEY, before, msgspec.json.encode(newer)):
                self.take(newer)
                return

    async def longer(
        self,
        certificates: Mapping[str, float],
        names: Collection[str],
        writes: list[Write],
        *,
        by_choice: bool = False,
    ) -> Blocklist:
        """Return the list with more certificates and names, and add the write that makes it so.

        With `by_choice` a machine itself wishes it, which leaves or has a new key. Thousands of those, who all came
        with one invite, must not fill the list until nobody can be put out any more: then raise overloaded.
        """
        listed = await self._store.get(BLOCKLIST_KEY)
        now, prune = self._clock(), not self.clock_in_doubt()
        found = self._read(listed)
        if not names:
            found = found.with_certificates(certificates, now, prune=prune)
        for name in names:
            found = found.with_name(name, now, self._credential_life, certificates, prune=prune)
        encoded = msgspec.json.encode(found)
        if by_choice and len(encoded) > LARGEST_BY_CHOICE:
            text = "Too many machines have left or changed their keys in the last days. Please try again tomorrow."
            raise Problem("overloaded", text)
        writes.append(Write(BLOCKLIST_KEY, encoded, listed.version if listed else ABSENT))
        return found

    def take(self, blocklist: Blocklist) -> None:
        """Use a list that is in the store, unless it is older than what we have."""
        if blocklist.version > self.current.version:
            self.current = blocklist

    def _read(self, listed: Versioned | None) -> Blocklist:
        """Return what the store has; where nobody can read that, what was known goes on, and is written anew."""
        if listed is None:
            return Blocklist()
        try:
            return msgspec.json.decode(listed.value, type=Blocklist)
        except UNREADABLE as error:
            if self._unreadable != listed.version:
                self._unreadable = listed.version
                log.error(
                    "the blocklist in the store cannot be read; the one that was known goes on, and is written "
                    "with the next revocation: %s",
                    error,
                )
            return self.current
