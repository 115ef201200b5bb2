"""The checker finds every violation that is planted in a history, and none in one that is as it should be."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.support.chaos.checking import Gap, check, check_assigners, longest_gap
from tests.support.chaos.history import Event, Final, History, Line, Op, Outcome, Window, Worker


def op(
    what: str, begun: float = 0.0, outcome: Outcome = "ok", at: str = "a", took: float = 1.0, **value: Any
) -> Op:
    return Op(what, at, begun, begun + took, outcome, value)


def enrolled(number: int, invite: str = "i1", **changes: Any) -> Op:
    value = {"tag": f"t{number}", "invite": invite, "worker_id": f"w-{number}", "address": f"10.42.0.{number}"}
    return op("enrol", **{**value, **changes})


def worker(number: int, **changes: Any) -> Worker:
    made = Worker(f"w-{number}", f"t{number}", f"10.42.0.{number}", "offline", "volunteer")
    return dataclasses.replace(made, **changes)


HISTORY = (
    op("invite", invite="i1", uses=2),
    enrolled(1),
    enrolled(2),
    op("enrol", 2.0, "unknown", tag="t3", invite="i1"),
    op("enrol", 2.0, "fail", tag="t4", invite="i1"),
    op("key-create", key="k1"),
    op("key-create", 2.0, key="k2"),
    op("key-revoke", 4.0, key="k1"),
    op("worker-approve", 4.0, worker_id="w-1"),
    op("worker-revoke", 4.0, worker_id="w-2"),
    op("call", 8.0, key="k1", status=200),
    op("call", 11.0, "fail", key="k1", status=401),
    op("call", 11.0, "fail", key="k1", status=503, problem="store-unavailable"),
    op("call", 11.0, key="k2", status=200),
    op("call", 11.0, key="k2", status=200, route="w-1 relay"),
    op("renew", 3.0, worker_id="w-2", status=200),
    op("renew", 8.0, worker_id="w-2", status=200),  # which a coordinator may not have heard of yet
    op("renew", 16.0, "fail", worker_id="w-2", status=403, problem="forbidden"),
    op("renew", 16.0, worker_id="w-1", status=200),
    op("enrol", 7.0, "fail", tag="t5", invite="i1", status=403, problem="invite-invalid"),
    op("read-keys", 7.0, keys=["k2"]),
    op("read-audit", 7.0, lines=[[1, "invite-created", "i1"], [2, "enrolled", "w-1"]]),
    op("read-audit", 9.0, at="b", lines=[[2, "enrolled", "w-1"], [3, "enrolled", "w-2"]]),
)
FINAL = Final(
    "a",
    workers=(worker(1, trust="vetted"), worker(2, status="revoked")),
    keys=frozenset({"k2"}),
    invites={"i1": (2, 2)},
    audit=(
        Line(1, "invite-created", "i1", ""),
        Line(2, "enrolled", "w-1", "invite i1, volunteer, t1"),
        Line(3, "enrolled", "w-2", "invite i1, volunteer, t2"),
        Line(4, "key-created", "k1", ""),
        Line(5, "key-created", "k2", ""),
        Line(6, "key-revoked", "k1", ""),
        Line(7, "worker-approved", "w-1", ""),
        Line(8, "worker-revoked", "w-2", ""),
    ),
)


def kinds(*more: Op, final: Final = FINAL, other: Final | None = None) -> set[str]:
    finals = [final, dataclasses.replace(other or final, at="b")]
    return {violation.kind for violation in check(History((*HISTORY, *more)), finals)}


def test_a_good_history_has_no_violation() -> None:
    assert kinds() == set()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"workers": FINAL.workers[1:]}, "lost-write"),
        ({"workers": (worker(1), FINAL.workers[1])}, "lost-write"),  # its approval
        ({"workers": (FINAL.workers[0], worker(2))}, "lost-write"),  # its revocation
        ({"workers": (worker(1, trust="vetted", address="10.42.0.9"), FINAL.workers[1])}, "lost-write"),
        ({"keys": frozenset()}, "lost-write"),
        ({"keys": frozenset({"k1", "k2"})}, "lost-write"),
        ({"invites": {}}, "lost-write"),
        ({"workers": (*FINAL.workers, worker(4))}, "done-though-refused"),
        ({"workers": (worker(1, trust="vetted", status="revoked"), FINAL.workers[1])}, "done-though-refused"),
        ({"workers": (FINAL.workers[0], worker(2, status="revoked", trust="vetted"))}, "done-though-refused"),
        ({"workers": (*FINAL.workers, worker(5, address="10.42.0.1"))}, "address-twice"),
        ({"workers": (*FINAL.workers, worker(5, name="t1"))}, "machine-twice"),
        ({"workers": (*FINAL.workers, worker(5, worker_id="W-1"))}, "worker-id-twice"),
        ({"invites": {"i1": (1, 1)}}, "invite-overused"),
        ({"invites": {"i1": (2, 1)}}, "invite-miscounted"),
        ({"audit": FINAL.audit[:-1]}, "audit-line"),
        ({"audit": (*FINAL.audit, Line(9, "enrolled", "w-1", "invite i1"))}, "audit-line"),
        ({"audit": (*FINAL.audit[:4], *FINAL.audit[5:])}, "audit-numbers"),
        ({"audit": (*FINAL.audit[:2], Line(3, "enrolled", "w-9", ""), *FINAL.audit[3:])}, "audit-changed"),
        ({"audit": FINAL.audit[:2]}, "audit-changed"),  # its end is gone, which was read before
        ({"workers": (*FINAL.workers, worker(3))}, "by-halves"),
        ({"audit": (*FINAL.audit, Line(9, "enrolled", "w-3", "invite i1, volunteer, t3"))}, "by-halves"),
        ({"keys": frozenset({"k2", "k3"})}, "by-halves"),
        ({"audit": (*FINAL.audit, Line(9, "key-created", "k3", ""))}, "by-halves"),
        ({"audit": (*FINAL.audit, Line(9, "key-revoked", "k2", ""))}, "by-halves"),
        ({"invites": {**FINAL.invites, "i2": (1, 0)}}, "by-halves"),
        ({"audit": (*FINAL.audit, Line(9, "invite-created", "i2", ""))}, "by-halves"),
        ({"audit": (*FINAL.audit, Line(9, "worker-revoked", "w-1", ""))}, "by-halves"),
    ],
)
def test_what_is_wrong_at_the_end_is_found(changes: dict[str, Any], kind: str) -> None:
    assert kind in kinds(final=dataclasses.replace(FINAL, **changes))


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        (enrolled(3, address="10.42.0.1"), "address-twice"),
        (enrolled(3, worker_id="w-1"), "worker-id-twice"),
        (op("call", 10.1, at="b", key="k1", status=200), "revoked-key"),
        (op("call", 10.1, "fail", key="k1", status=503, problem="no-worker"), "revoked-key"),  # let in, too
        (op("call", 4.0, "fail", key="k2", status=401), "stale-read"),
        (op("read-keys", 6.0, keys=[]), "stale-read"),
        (op("read-keys", 6.0, keys=["k1", "k2"]), "stale-read"),
        (op("read-audit", 12.0, lines=[[1, "invite-created", "i1"], [2, "enrolled", "w-1"]]), "stale-read"),
        (op("read-audit", 12.0, lines=[[3, "enrolled", "w-9"]]), "audit-changed"),
        (op("read-audit", 12.0, lines=[[3, "enrolled", "w-2"], [3, "enrolled", "w-2"]]), "audit-numbers"),
        (op("renew", 16.0, at="b", worker_id="w-2", status=200), "revoked-worker"),
        (op("pulse", 16.0, at="b", status=200, route="w-2 direct"), "revoked-worker"),
        (op("call", 16.0, at="b", key="k2", status=200, route="w-2 relay"), "revoked-worker"),
        (op("renew", 16.0, "fail", worker_id="w-1", status=403, problem="forbidden"), "member-put-out"),
        (op("renew", 2.0, "fail", worker_id="w-2", status=403, problem="forbidden"), "member-put-out"),
    ],
)
def test_what_goes_wrong_on_the_way_is_found(planted: Op, kind: str) -> None:
    assert kind in kinds(planted)


def test_what_nobody_was_told_may_have_been_done_or_not() -> None:
    third = Line(9, "enrolled", "w-3", "invite i1, volunteer, t3")
    with_it = dataclasses.replace(
        FINAL,
        workers=(*FINAL.workers, worker(3)),
        audit=(*FINAL.audit, third),
        invites={"i1": (3, 3)},
    )
    assert kinds(final=with_it) == set()
    revoked = op("key-revoke", 5.0, "unknown", key="k2")
    line = Line(9, "key-revoked", "k2", "")
    without = dataclasses.replace(FINAL, keys=frozenset(), audit=(*FINAL.audit, line))
    assert kinds(revoked, final=without) == kinds(revoked) == set()


def test_coordinators_that_show_different_things_are_found() -> None:
    later = (FINAL.workers[0], worker(2, status="revoked", address=""))  # which nobody was told
    assert kinds(other=dataclasses.replace(FINAL, workers=later)) == {"disagreement"}


def test_without_a_majority_what_is_read_may_be_old() -> None:
    history = History((*HISTORY, op("read-keys", 6.0, keys=["k1", "k2"]), op("call", 26.0, key="k1", status=200)))
    assert len(check(history, [FINAL])) == 2
    history.windows = [
        Window("two members away", 5.0, 9.0, stale=True),
        Window("and again", 19.0, 22.0, stale=True),
    ]
    assert check(history, [FINAL]) == []


def test_an_invite_that_is_refused_though_it_has_uses_left_is_found() -> None:
    made, refused = op("invite", invite="i1", uses=2), op("enrol", 2.0, "fail", tag="t", problem="invite-invalid")
    refused = dataclasses.replace(refused, value={**refused.value, "invite": "i1"})
    lost = op("enrol", 1.0, "unknown", tag="t2", invite="i1")
    assert [one.kind for one in check(History((made, lost, refused)), [])] == ["stale-read"]
    assert check(History((made, lost, enrolled(9, tag="t3"), refused)), []) == []
    assert check(History((dataclasses.replace(made, ended=2.5), refused)), []) == []


def test_of_who_could_not_hear_or_serve_nothing_is_expected() -> None:
    late = (
        op("renew", 30.0, worker_id="w-2", status=200),
        op("renew", 30.0, "fail", worker_id="w-1", status=403, problem="forbidden"),
    )
    history = History((*HISTORY, *late))
    assert {one.kind for one in check(history, [])} == {"revoked-worker", "member-put-out"}
    for blind, victims in ((frozenset({"a"}), frozenset()), (frozenset(), frozenset({"a"}))):
        history.windows = [Window("halted, or cut off", 25.0, 29.0, victims=victims, blind=blind)]
        assert check(history, []) == []
    history.windows = [Window("another one", 25.0, 29.0, victims=frozenset({"b"}))]
    assert len(check(history, [])) == 2


def test_a_gap_is_from_the_first_call_that_fails_to_the_next_that_does_not() -> None:
    good = [op("call", float(second), took=0.125) for second in range(10)]
    assert longest_gap(good, "a", 0.0, 10.0) == Gap("a", 0.0, 0, 0.125)
    bad = [
        dataclasses.replace(one, outcome="fail") if 2 <= one.begun < 5 or one.begun == 7 else one for one in good
    ]
    assert longest_gap(bad, "a", 0.0, 10.0) == Gap("a", 3.0, 3, 0.125)
    assert longest_gap(bad, "a", 5.5, 10.0) == Gap("a", 1.0, 1, 0.125)
    assert longest_gap(bad, "b", 0.0, 10.0) == Gap("b", 0.0)
    never = [dataclasses.replace(one, outcome="fail") for one in good]
    assert longest_gap(never, "a", 0.0, 10.0) == Gap("a", 9.0, 10)
    slow = [dataclasses.replace(one, ended=one.begun + 4.0) if one.begun == 3 else one for one in good]
    assert longest_gap(slow, "a", 0.0, 10.0) == Gap("a", 1.0, 1, 4.0)


def test_who_assigns_without_being_the_one_is_found() -> None:
    def kinds(*events: tuple[int, str, str | None]) -> list[str]:
        found = check_assigners([Event(*event) for event in events], "assigner", "assigned/")
        return [one.kind for one in found]

    good = [(1, "assigner", "x"), (2, "assigned/w", "[]"), (2, "assigner", "x"), (3, "assigner", None)]
    taken = [(4, "assigner", "y"), (5, "assigner", "y"), (5, "assigned/w", None)]
    assert kinds(*good, *taken) == []
    assert kinds(*good, *taken, (6, "assigned/w", "[]")) == ["unfenced"]
    assert kinds(*good, (4, "assigned/w", "[]"), (4, "assigner", "y")) == ["two-assigners"]
    assert kinds(*good[:3], (4, "assigner", "y")) == ["two-assigners"]


def test_a_history_can_be_written_down(tmp_path: Path) -> None:
    history = History(HISTORY)
    history.windows = [Window("kill", 1.0, 2.0, frozenset({"a"}))]
    history.save(tmp_path / "history")
    assert len((tmp_path / "history").read_text().splitlines()) == len(HISTORY) + 1
    assert history.counts()["enrol"] == {"ok": 2, "fail": 2, "unknown": 1}
