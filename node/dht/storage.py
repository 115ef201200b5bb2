"""Keeps other nodes' entries: merged per publisher, expiring, and capped per key, per identity and in all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

import msgspec
from kademlia.storage import IStorage

from node.dht import sampling
from node.dht.verifier import Checked, RecordError, RecordVerifier
from node.wire.credentials import CLOCK_SKEW

SWEEP_PAUSE = 1.0  # seconds between two searches for expired entries


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """Entries of one key as they travel, and how many living ones there are in all (more than fit, maybe)."""

    total: int
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StorageCaps:
    """The most entries that a storage keeps."""

    per_key: int = 512
    per_identity: int = 96
    in_all: int = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry and the Unix second at which it goes."""

    checked: Checked
    deadline: float


class MergingStorage(IStorage):  # type: ignore[misc]  # the package has no types
    """The storage of one node; every entry is verified on its way in and looked at again on its way out."""

    def __init__(
        self,
        verifier: RecordVerifier,
        clock: Callable[[], float],
        caps: StorageCaps,
        rng: random.Random,
        on_reject: Callable[[RecordError], None],
    ) -> None:
        self._verifier = verifier
        self._clock = clock
        self._caps = caps
        self._rng = rng
        self._on_reject = on_reject
        self._keys: dict[bytes, dict[str, Kept]] = {}
        self._per_identity: Counter[str] = Counter()
        self._entries = 0
        self._swept_at = float("-inf")

    @property
    def key_count(self) -> int:
        return len(self._keys)

    @property
    def entry_count(self) -> int:
        return self._entries

    def count(self, key: bytes) -> int:
        """Return how many entries a key has, living or not."""
        return len(self._keys.get(key, ()))

    def put(self, key: bytes, data: bytes) -> Checked:
        """Verify an entry and merge it; raise RecordError, also for an entry older than the one that is here.

        The very entry that is here already counts as stored, and does not live longer for it.
        """
        now = self._clock()
        checked = self._verifier.check(key, data, now)
        here = self._keys.get(key, {}).get(checked.subject)
        if here is not None and not self._counts(here, now):  # as one of a clock that was ahead
            self._remove(key, checked.subject)
            here = None
        if here is not None:
            if checked.sequence < here.checked.sequence:
                raise RecordError("older", f"a newer entry of {checked.subject} is here")
            if checked.sequence == here.checked.sequence:
                return here.checked
            self._remove(key, checked.subject)
        else:
            self._make_room(key, checked.subject)
        self._keys.setdefault(key, {})[checked.subject] = Kept(checked, _deadline(checked, now))
        self._per_identity[checked.subject] += 1
        self._entries += 1
        return checked

    def living(self, key: bytes) -> list[Checked]:
        """Return the entries of a key that count now, tombstones among them."""
        now = self._clock()
        usable = []
        for subject, kept in list(self._keys.get(key, {}).items()):
            if self._counts(kept, now):
                usable.append(kept.checked)
            else:
                self._remove(key, subject)
        return usable

    def bundle(self, key: bytes, room: int, known: Container[bytes] = frozenset()) -> Bundle | None:
        """Return a sample of at most `room` bytes of a key's entries, or None where there is none.

        Entries whose marks are `known` to the asker come last: that we have them is worth telling, too.
        """
        living = self.living(key)
        if not living:
            return None
        chosen = sampling.sample(living, room, self._rng, known)
        total = sum(entry.payload is not None for entry in living)
        return Bundle(total, tuple(entry.data for entry in chosen))

    def sweep(self) -> None:
        """Drop what has expired; done at most once a second."""
        now = self._clock()
        if 0 <= now - self._swept_at < SWEEP_PAUSE:
            return
        self._swept_at = now
        for key in list(self._keys):
            self.living(key)

    def _counts(self, kept: Kept, now: float) -> bool:
        if kept.deadline <= now:
            return False
        try:
            self._verifier.check_still(kept.checked, now)
        except RecordError as error:
            self._on_reject(error)
            return False
        return True

    def _make_room(self, key: bytes, subject: str) -> None:
        """Let a new entry in, or raise RecordError; under a full key the one that would expire first goes."""
        self.sweep()
        if self._per_identity[subject] >= self._caps.per_identity:
            raise RecordError("full", f"{subject} has as many entries here as one may have")
        here = self._keys.get(key, {})
        if len(here) >= self._caps.per_key:
            self._remove(key, min(here, key=lambda other: here[other].deadline))
        if self._entries >= self._caps.in_all:
            raise RecordError("full", "no more entries are kept here")

    def _remove(self, key: bytes, subject: str) -> None:
        publishers = self._keys[key]
        del publishers[subject]
        if not publishers:
            del self._keys[key]
        self._entries -= 1
        self._per_identity[subject] -= 1
        if not self._per_identity[subject]:
            del self._per_identity[subject]

    # --- the package's interface: a value is the Bundle of a key ----------------------------------------------

    def __setitem__(self, key: bytes, value: Bundle) -> None:
        for data in value.entries:
            try:
                self.put(key, data)
            except RecordError as error:
                self._on_reject(error)

    def __getitem__(self, key: bytes) -> Bundle:
        bundle = self.get(key)
        if bundle is None:
            raise KeyError(key)
        return bundle

    def get(self, key: bytes, default: Bundle | None = None) -> Bundle | None:
        """Return all entries of a key."""
        living = self.living(key)
        if not living:
            return default
        total = sum(entry.payload is not None for entry in living)
        return Bundle(total, tuple(entry.data for entry in living))

    def iter_older_than(self, seconds_old: float) -> Iterator[tuple[bytes, Bundle]]:  # noqa: ARG002
        """Return nothing: only a publisher speaks for itself, so nobody else republishes."""
        return iter(())

    def __iter__(self) -> Iterator[tuple[bytes, Bundle]]:
        for key in list(self._keys):
            bundle = self.get(key)
            if bundle is not None:
                yield key, bundle


def _deadline(checked: Checked, now: float) -> float:
    """Return when an entry goes: a tombstone not before all that it withdrew is refused everywhere.

    What somebody captured earlier could be stored again otherwise, as long as clock skew makes it pass.
    """
    until = checked.expires_at + CLOCK_SKEW
    return until if checked.payload is None else min(until, now + checked.life)
