"""Who goes on probation, who gets off it, and who is suspected. Pure; times are Unix seconds.

A worker's requests to a service are counted in the window that runs and the one before it. Too many wrong answers,
and many more than others give, accuse it: what a client's bad request brings about, it does everywhere. But clients
choose what they ask, and who has a worker of his own could have all others accused: so an accusation alone never
makes anybody suspected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

MEMORY = 7 * 86_400.0  # seconds in which probations count together
WORSE = 2.0  # times the share of others


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What may be set; times in seconds."""

    window: float = 300.0
    least: int = 10  # requests in it before anything follows from them
    share: float = 0.5  # of wrong ones among them
    passes: int = 3  # canaries in a row that end a probation
    pause: float = 60.0  # until the next canary; it doubles with every one that fails
    longest: float = 3600.0
    many: int = 3  # probations in a week after which only the operator ends the next


@dataclass(slots=True)
class Tally:
    """How requests ended in the window that began at `begun`, and in the one before."""

    begun: float
    right: int = 0
    wrong: int = 0
    right_before: int = 0
    wrong_before: int = 0

    def count(self, right: int, wrong: int, now: float, window: float) -> None:
        """Count requests; what is older than two windows is forgotten."""
        self.turn(now, window)
        self.right += right
        self.wrong += wrong

    def turn(self, now: float, window: float) -> None:
        """Begin another window where the time has come."""
        age = now - self.begun
        if 0 <= age < window:
            return
        just_over = 0 <= age < 2 * window
        self.right_before, self.wrong_before = (self.right, self.wrong) if just_over else (0, 0)
        self.right, self.wrong, self.begun = 0, 0, now

    @property
    def all(self) -> int:
        return self.right + self.wrong + self.right_before + self.wrong_before

    @property
    def all_wrong(self) -> int:
        return self.wrong + self.wrong_before


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a worker and a service: the probation that runs, and when there were any.

    `since` None means that none runs; who is `suspected` gets off it by the operator's word alone.
    """

    since: float | None = None
    reason: str = ""
    times: tuple[float, ...] = ()
    suspected: bool = False

    def is_over(self, now: float) -> bool:
        """Say whether there is nothing to remember any more."""
        return self.since is None and not any(now - begun < MEMORY for begun in self.times)


def counting(records: Mapping[str, Record], now: float) -> Mapping[str, Record]:
    """Return those of a worker's records, by service, that still count for something."""
    return {service: record for service, record in records.items() if not record.is_over(now)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How somebody on probation does; `failed` is how many canaries in a row did."""

    next_at: float
    passed: int = 0
    failed: int = 0


def too_wrong(own: Tally, others_all: int, others_wrong: int, terms: Terms) -> str:
    """Return why a worker should be on probation by how its requests ended, or an empty string."""
    if own.all < terms.least or own.all_wrong < terms.share * own.all:
        return ""
    share = own.all_wrong / own.all
    if others_all >= terms.least and share < WORSE * others_wrong / others_all:
        return ""
    return f"{own.all_wrong} of its last {own.all} requests failed"


def put_on(before: Record | None, reason: str, now: float, terms: Terms, *, proven: bool) -> Record:
    """Begin a probation; after many of them it is a suspicion, if we have seen ourselves what is wrong."""
    times = tuple(begun for begun in (before.times if before else ()) if now - begun < MEMORY)
    times = (*times, now)[-terms.many :]
    return Record(since=now, reason=reason, times=times, suspected=proven and len(times) >= terms.many)


def begin(record: Record, now: float, terms: Terms) -> Progress:
    """Return when the first canary of a probation is due: the later, the more probations there were."""
    return Progress(next_at=now + _pause(len(record.times) - 1, terms))


def after_canary(progress: Progress, passed: bool, now: float, terms: Terms) -> Progress:
    """Take in how a canary went; what failed makes all that passed before worth nothing."""
    if passed:
        return Progress(next_at=now + terms.pause, passed=progress.passed + 1)
    failed = progress.failed + 1
    return Progress(next_at=now + _pause(failed, terms), failed=failed)


def gets_off(record: Record, progress: Progress, now: float, terms: Terms, *, has_canary: bool) -> bool:
    """Say whether a probation ends; where nothing can be asked, it ends with the pause."""
    if record.since is None or record.suspected:
        return False
    return progress.passed >= terms.passes if has_canary else now >= progress.next_at


def let_off(record: Record) -> Record:
    return Record(times=record.times)


def _pause(doublings: int, terms: Terms) -> float:
    return min(terms.longest, terms.pause * 2.0 ** min(doublings, 30))
