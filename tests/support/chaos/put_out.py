"""Looks for machines that are let in or asked to serve after they were put out, or turned away as members. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.chaos.history import History, Violation

HEARD = 10.0  # seconds in which each coordinator that reaches the store hears of it: a silent watch ends after six
PUT_OUT = "forbidden"  # the problem that a machine is told then


def check(history: History) -> Iterator[Violation]:
    """Yield credentials and requests that went to machines which were put out, and members that were put out."""
    ended = {worker_id: op.ended for worker_id, op in history.first("worker-revoke", "worker_id", "ok").items()}
    begun: dict[str, float] = {}
    for op in history.of("worker-revoke"):
        begun[op.value["worker_id"]] = min(op.begun, begun.get(op.value["worker_id"], op.begun))
    for op in history:
        if (
            op.what not in ("renew", "pulse", "call")
            or history.may_be_stale(op, HEARD)
            or history.is_hit(op, HEARD)
        ):
            continue
        worker_id = op.value["worker_id"] if op.what == "renew" else op.value.get("route", "").partition(" ")[0]
        if op.outcome == "ok" and op.begun > ended.get(worker_id, float("inf")) + HEARD:
            later = op.begun - ended[worker_id]
            did = "was given a credential" if op.what == "renew" else "was asked to serve"
            yield Violation("revoked-worker", f"{worker_id} {did} by {op.at}, {later:.1f} s after it was put out")
        if (
            op.what == "renew"
            and op.value.get("problem") == PUT_OUT
            and op.ended < begun.get(worker_id, float("inf"))
        ):
            yield Violation("member-put-out", f"{worker_id} is told by {op.at} that it was put out, and was not")
