"""Looks for what was done by halves: there without its line in the audit log, or told there and not done. Pure.

It holds of what nobody was told, too: a transaction whose answer was lost is done whole or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.support.chaos.history import Final, History, Violation

MADE = {"enrolled": "machine", "key-created": "key", "invite-created": "invite"}


def check(history: History, final: Final) -> Iterator[Violation]:
    """Yield what is there without its line, and lines of what is not there."""
    yield from _without_line(final)
    yield from _without_deed(history, final)


def _without_line(final: Final) -> Iterator[Violation]:
    lines = Counter((line.action, line.subject) for line in final.audit)
    there = {
        "enrolled": {worker.worker_id for worker in final.workers},
        "key-created": final.keys,
        "invite-created": final.invites.keys(),
    }
    for action, names in there.items():
        for name in names:
            if lines[action, name] != 1:
                text = f"the {MADE[action]} {name} is there, with {lines[action, name]} lines at {final.at}"
                yield Violation("by-halves", text)
    for worker in final.workers:
        if worker.status == "revoked" and not lines["worker-revoked", worker.worker_id]:
            yield Violation("by-halves", f"{worker.worker_id} is revoked, and no line tells it at {final.at}")
        if worker.trust == "vetted" and not lines["worker-approved", worker.worker_id]:
            yield Violation("by-halves", f"{worker.worker_id} is approved, and no line tells it at {final.at}")


def _without_deed(history: History, final: Final) -> Iterator[Violation]:
    """Nodes are not among the workers at the end: so only machines that clients have enrolled are looked for."""
    subjects: dict[str, set[str]] = {}
    for line in final.audit:
        subjects.setdefault(line.action, set()).add(line.subject)
    tags = {op.value["tag"] for op in history.of("enrol")}
    workers = {worker.worker_id: worker for worker in final.workers}
    for line in final.audit:
        if line.action == "enrolled" and line.detail.rpartition(", ")[2] in tags and line.subject not in workers:
            yield Violation("by-halves", f"line {line.number} tells of {line.subject}, who is not at {final.at}")
    revoked = subjects.get("key-revoked", set())
    for key in subjects.get("key-created", set()) - revoked - final.keys:
        yield Violation("by-halves", f"a line tells that the key {key} was made: gone at {final.at}")
    for key in revoked & final.keys:
        yield Violation("by-halves", f"a line tells that the key {key} was revoked: there at {final.at}")
    for invite in subjects.get("invite-created", set()) - final.invites.keys():
        yield Violation("by-halves", f"a line tells that the invite {invite} was made: gone at {final.at}")
    for worker_id in subjects.get("worker-revoked", set()):
        if worker_id in workers and workers[worker_id].status != "revoked":
            yield Violation("by-halves", f"a line tells that {worker_id} was revoked: it is not at {final.at}")
