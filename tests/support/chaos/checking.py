"""Looks for what must never happen in a history and in what coordinators show at its end. Pure.

What is checked of operations, by `what` and what is in `value`:

    invite         invite, uses          key-create     key            read-keys    keys
    enrol          tag, invite; ok: worker_id, address                 read-audit   lines
    key-revoke     key                   worker-approve, worker-revoke: worker_id
    call, pulse    status; key where it is one of those above; ok: route, with the worker's id first
    renew          worker_id, status: a machine asks for a new credential
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from tests.support.chaos import halves, put_out
from tests.support.chaos.history import Event, Final, History, Line, Op, Violation

KEY_FRESH = 5.0  # seconds for which a coordinator remembers a key: as it is documented
ACTIONS = {  # what stands in the audit log for an operation, and whose id
    "invite": ("invite-created", "invite"),
    "enrol": ("enrolled", "worker_id"),
    "key-create": ("key-created", "key"),
    "key-revoke": ("key-revoked", "key"),
    "worker-approve": ("worker-approved", "worker_id"),
    "worker-revoke": ("worker-revoked", "worker_id"),
}


def check(history: History, finals: Sequence[Final]) -> list[Violation]:
    """Return all violations."""
    found: list[Violation] = []
    for final in finals:
        for judge in (_lost, _undone, _twice, _uses, _untold, _numbers, _audit_kept, halves.check):
            found += judge(history, final)
    found += _handed_out_twice(history)
    found += _disagreements(finals)
    found += _revoked_keys(history)
    found += _unknown_keys(history)
    found += _stale_reads(history)
    found += _audit_reads(history)
    found += _refused_invites(history)
    found += put_out.check(history)
    return found


# --- what was acknowledged --------------------------------------------------------------------------------------


def _lost(history: History, final: Final) -> Iterator[Violation]:
    """Acknowledged writes that are not there."""
    where = f"at {final.at}"
    workers = {worker.worker_id: worker for worker in final.workers}
    for op in history.of("enrol", "ok"):
        worker = workers.get(op.value["worker_id"])
        if worker is None or worker.name != op.value["tag"]:
            yield Violation(
                "lost-write", f"{op.value['tag']} was enrolled as {op.value['worker_id']}: gone {where}"
            )
        elif worker.status != "revoked" and worker.address != op.value["address"]:
            told = f"was told {op.value['address']}, and has {worker.address}"
            yield Violation("lost-write", f"{op.value['tag']} {told} {where}")
    ended = {op.value["key"] for op in history.of("key-revoke", "ok", "unknown")}
    for op in history.of("key-create", "ok"):
        if op.value["key"] not in ended | final.keys:
            yield Violation("lost-write", f"key {op.value['key']} was made: gone {where}")
    for op in history.of("key-revoke", "ok"):
        if op.value["key"] in final.keys:
            yield Violation("lost-write", f"key {op.value['key']} was revoked: there {where}")
    for op in history.of("worker-revoke", "ok"):
        if (worker := workers.get(op.value["worker_id"])) is not None and worker.status != "revoked":
            yield Violation("lost-write", f"{worker.worker_id} was revoked: {worker.status} {where}")
    for op in history.of("worker-approve", "ok"):
        if (worker := workers.get(op.value["worker_id"])) is not None and worker.trust != "vetted":
            yield Violation("lost-write", f"{worker.worker_id} was approved: {worker.trust} {where}")
    for op in history.of("invite", "ok"):
        if op.value["invite"] not in final.invites:
            yield Violation("lost-write", f"invite {op.value['invite']} was made: gone {where}")


def _undone(history: History, final: Final) -> Iterator[Violation]:
    """What was refused, or not even asked for, and done all the same."""
    names = {worker.name for worker in final.workers}
    for op in history.of("enrol", "fail"):
        if op.value["tag"] in names:
            yield Violation("done-though-refused", f"{op.value['tag']} is enrolled at {final.at}")
    asked = {
        what: {op.value["worker_id"] for op in history.of(what, "ok", "unknown")}
        for what in ("worker-revoke", "worker-approve")
    }
    for worker in final.workers:
        if worker.status == "revoked" and worker.worker_id not in asked["worker-revoke"]:
            yield Violation("done-though-refused", f"{worker.worker_id} is revoked at {final.at}")
        if worker.trust == "vetted" and worker.worker_id not in asked["worker-approve"]:
            yield Violation("done-though-refused", f"{worker.worker_id} is approved at {final.at}")


def _twice(_: History, final: Final) -> Iterator[Violation]:
    """Addresses and names that two have."""
    live = [worker for worker in final.workers if worker.address]
    for what, values in (
        ("address", [worker.address for worker in live]),
        ("machine", [worker.name for worker in final.workers]),
        ("worker id", [worker.worker_id.lower() for worker in final.workers]),
    ):
        for value, times in Counter(values).items():
            if times > 1:
                yield Violation(f"{what}-twice".replace(" ", "-"), f"{value}, {times} times at {final.at}")


def _handed_out_twice(history: History) -> Iterator[Violation]:
    """Addresses and worker ids that two different machines were told."""
    for field in ("address", "worker_id"):
        holders: dict[str, set[str]] = defaultdict(set)
        for op in history.of("enrol", "ok"):
            if op.value[field]:
                holders[op.value[field]].add(op.value["tag"])
        for value, tags in holders.items():
            if len(tags) > 1:
                yield Violation(f"{field.replace('_', '-')}-twice", f"{value} was given to {sorted(tags)}")


def _uses(history: History, final: Final) -> Iterator[Violation]:
    """Invites that let in more than they allow, or whose count is wrong."""
    let_in = Counter(_invite_of(line) for line in final.audit if line.action == "enrolled")
    told = Counter(op.value["invite"] for op in history.of("enrol", "ok"))
    for invite, (uses, used) in final.invites.items():
        if max(told[invite], let_in[invite], used) > uses:
            counts = f"{uses} uses, {told[invite]} told, {let_in[invite]} in the audit log, {used} counted"
            yield Violation("invite-overused", f"{invite}: {counts} at {final.at}")
        if let_in[invite] != used:
            yield Violation("invite-miscounted", f"{invite}: {used}, but {let_in[invite]} came in, at {final.at}")


def _invite_of(line: Line) -> str:
    return line.detail.removeprefix("invite ").partition(",")[0]


# --- the audit log ----------------------------------------------------------------------------------------------


def _untold(history: History, final: Final) -> Iterator[Violation]:
    """Acknowledged actions without their line, or with several."""
    lines = Counter((line.action, line.subject) for line in final.audit)
    for what, (action, field) in ACTIONS.items():
        for op in history.of(what, "ok"):
            times = lines[action, op.value[field]]
            if times != 1 and not (times > 1 and what in ("worker-approve", "key-revoke")):
                yield Violation("audit-line", f"{action} {op.value[field]}: {times} lines at {final.at}")


def _numbers(_: History, final: Final) -> Iterator[Violation]:
    """Numbers that are missing or out of order."""
    numbers = [line.number for line in final.audit]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        gaps = [(a, b) for a, b in pairwise(numbers) if b != a + 1]
        yield Violation("audit-numbers", f"not one after the other at {final.at}: {gaps[:5]}")


def _audit_kept(history: History, final: Final) -> Iterator[Violation]:
    """Lines that were read once, and are others at the end, or none."""
    there = {line.number: [line.action, line.subject] for line in final.audit}
    shown = {line[0]: list(line[1:3]) for op in history.of("read-audit", "ok") for line in op.value["lines"]}
    for number, line in shown.items():
        if there.get(number) != line:
            text = f"line {number} was {line}, and is {there.get(number)} at {final.at}"
            yield Violation("audit-changed", text)


def _audit_reads(history: History) -> Iterator[Violation]:
    """Lines that changed, and ends of the log that went back."""
    known: dict[int, Any] = {}
    ends: list[tuple[float, int]] = []  # of each read that counts: when it ended, and its last number
    for op in sorted(history.of("read-audit", "ok"), key=lambda op: op.ended):
        lines = [tuple(line) for line in op.value["lines"]]
        numbers = [line[0] for line in lines]
        if numbers != sorted(set(numbers)):
            yield Violation("audit-numbers", f"{op.at} shows {numbers[:20]}")
        for number, *rest in lines:
            if known.setdefault(number, rest) != rest:
                yield Violation("audit-changed", f"line {number} was {known[number]}, and is {rest} at {op.at}")
        if lines and not history.may_be_stale(op):
            before = max((last for ended, last in ends if ended < op.begun), default=0)
            if numbers[-1] < before:
                yield Violation("stale-read", f"{op.at} shows the audit log to {numbers[-1]}, after {before}")
            ends.append((op.ended, numbers[-1]))


# --- invites ----------------------------------------------------------------------------------------------------


def _refused_invites(history: History) -> Iterator[Violation]:
    """Invites that are refused though they were made before, and not all of their uses can be spent."""
    made = history.first("invite", "invite", "ok")
    spent: dict[str, list[float]] = defaultdict(list)
    for op in history.of("enrol", "ok", "unknown"):
        spent[op.value["invite"]].append(op.begun)
    for op in history.of("enrol", "fail"):
        invite = made.get(op.value["invite"])
        if invite is None or op.value.get("problem") != "invite-invalid" or history.may_be_stale(op):
            continue
        used = sum(begun < op.ended for begun in spent[op.value["invite"]])
        if invite.ended < op.begun and used < invite.value["uses"] and not history.is_hit(op):
            text = f"invite {op.value['invite']} was made, has uses left, and is refused by {op.at}"
            yield Violation("stale-read", text)


# --- keys -------------------------------------------------------------------------------------------------------


def _revoked_keys(history: History) -> Iterator[Violation]:
    """Keys that are let in after their revocation was acknowledged and every memory of them has ended."""
    revoked = _first_ends(history.of("key-revoke", "ok"), "key")
    for op in _let_in(history):
        end = revoked.get(op.value["key"])
        if end is not None and op.begun > end + KEY_FRESH and not history.may_be_stale(op, KEY_FRESH):
            later = op.begun - end
            yield Violation("revoked-key", f"{op.value['key']} was let in by {op.at}, {later:.1f} s after that")


def _let_in(history: History) -> Iterable[Op]:
    """Return the calls with a key of interest that were not turned away at the door."""
    return (op for op in history.of("call") if op.value.get("key") and not _turned_away(op))


def _turned_away(op: Op) -> bool:
    return op.value.get("status", 401) in (401, 403, 429) or op.value.get("problem") == "store-unavailable"


def _unknown_keys(history: History) -> Iterator[Violation]:
    """Keys that are refused though they were made before."""
    made = _first_ends(history.of("key-create", "ok"), "key")
    touched = _first_begins(history.of("key-revoke"), "key")
    for op in history.of("call"):
        key = op.value.get("key", "")
        if key not in made or op.value.get("status") not in (401, 403) or history.may_be_stale(op):
            continue
        if made[key] < op.begun and op.ended < touched.get(key, float("inf")):
            yield Violation("stale-read", f"{key} was made, and is refused by {op.at}")


def _stale_reads(history: History) -> Iterator[Violation]:
    """Lists of keys that lack what was acknowledged before, or have what was taken away before."""
    made = _first_ends(history.of("key-create", "ok"), "key")
    revoked = _first_ends(history.of("key-revoke", "ok"), "key")
    touched = _first_begins(history.of("key-revoke"), "key")
    for op in history.of("read-keys", "ok"):
        if history.may_be_stale(op):
            continue
        shown = set(op.value["keys"])
        missing = {
            key for key, end in made.items() if end < op.begun and touched.get(key, op.ended + 1) > op.ended
        } - shown
        if missing:
            yield Violation("stale-read", f"{op.at} does not show the keys {sorted(missing)}")
        gone = {key for key, end in revoked.items() if end < op.begun} & shown
        if gone:
            yield Violation("stale-read", f"{op.at} still shows the keys {sorted(gone)}")


def _first_ends(ops: Iterable[Op], field: str) -> Mapping[str, float]:
    return _least(ops, field, lambda op: op.ended)


def _first_begins(ops: Iterable[Op], field: str) -> Mapping[str, float]:
    return _least(ops, field, lambda op: op.begun)


def _least(ops: Iterable[Op], field: str, when: Callable[[Op], float]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for op in ops:
        found[op.value[field]] = min(when(op), found.get(op.value[field], float("inf")))
    return found


# --- who assigns ------------------------------------------------------------------------------------------------


def check_assigners(events: Sequence[Event], assigner: str, assigned: str) -> list[Violation]:
    """Find what was written to `assigned` keys by others than who held the `assigner` key at that moment."""
    found = []
    holder: str | None = None
    for revision, together in groupby(events, key=lambda event: event.revision):
        written = {event.key: event.value for event in together}
        names = sorted(key.removeprefix(assigned) for key in written if key.startswith(assigned))
        writer = written.get(assigner)
        if names and writer is None:
            found.append(Violation("unfenced", f"revision {revision}: {names} without being who assigns"))
        elif names and writer != holder:
            found.append(Violation("two-assigners", f"revision {revision}: {names} by {writer}, not by {holder}"))
        if writer is not None and holder not in (None, writer):
            found.append(Violation("two-assigners", f"revision {revision}: {writer} took it from {holder}"))
        holder = written.get(assigner, holder)
    return found


# --- between coordinators, and gaps -----------------------------------------------------------------------------


def _disagreements(finals: Sequence[Final]) -> Iterator[Violation]:
    """What coordinators show differently when all is quiet."""
    for final in finals[1:]:
        for what in ("workers", "keys", "invites", "audit"):
            one, other = getattr(finals[0], what), getattr(final, what)
            if one != other:
                yield Violation("disagreement", f"{what}: {finals[0].at} and {final.at}: {_difference(one, other)}")


def _difference(one: Any, other: Any) -> str:
    if isinstance(one, Mapping):
        one, other = set(one.items()), set(other.items())
    return str(sorted(map(str, set(one) ^ set(other)))[:6])


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest time in which calls at a coordinator failed: from the first that did to the next that did not.

    `slowest` is how long the slowest good answer took, in seconds.
    """

    at: str
    seconds: float
    failed: int = 0
    slowest: float = 0.0


def longest_gap(calls: Sequence[Op], at: str, begun: float, ended: float, slow: float = 3.0) -> Gap:
    """Return the gap of calls that began in a time; a call that took longer than `slow` seconds has failed, too."""
    worst, length, first, failed, slowest, last = 0, 0.0, 0.0, 0, 0.0, begun
    for op in sorted((op for op in calls if op.at == at and begun <= op.begun <= ended), key=lambda op: op.begun):
        last, took = op.begun, op.ended - op.begun
        if op.outcome == "ok":
            slowest = max(slowest, took)
        if op.outcome == "ok" and took <= slow:
            if failed and op.begun - first > length:
                worst, length = failed, op.begun - first
            failed = 0
            continue
        first = first if failed else op.begun
        failed += 1
    if failed and last - first >= length:
        worst, length = failed, last - first
    return Gap(at, length, worst, slowest)
