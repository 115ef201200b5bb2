"""What `doctor` prints for people: what works, what not, what to do, and what it comes to."""

from __future__ import annotations

from node.cli_doctor import WIDTH, doctor_lines
from node.doctor import Check, Diagnosis
from node.reachability.routes import Finding

MEMBER = Check("membership", True, "Member as w1 (volunteer).")
RELAY = Finding(route="relay", works=True, what="Requests can come through https://mesh.example.org.")
OFF = Finding(route="tunnel", works=None, what="Not wanted: nobody asked for one.")
CLOSED = Finding(route="direct", works=False, what="Closed from outside.", hint="Nothing has to be done.")


def diagnosis(*checks: Check, routes: tuple[Finding, ...] = (CLOSED, RELAY, OFF), ok: bool = True) -> Diagnosis:
    told = tuple(Check(one.route, ok, one.text, one.hint) for one in routes)
    return Diagnosis((MEMBER, *checks, *told), routes)


def test_routes_stand_together_and_only_what_works_is_called_so() -> None:
    lines = doctor_lines(diagnosis())
    assert lines == [
        "ok   membership: Member as w1 (volunteer).",
        "",
        "How others reach this machine (one way is enough):",
        "-    direct: Closed from outside.",
        "     -> Nothing has to be done.",
        "ok   relay: Requests can come through https://mesh.example.org.",
        "-    tunnel: Not wanted: nobody asked for one.",
        "",
        "Nothing is wrong.",
    ]


def test_what_is_wrong_is_marked_and_named_at_the_end() -> None:
    lines = doctor_lines(diagnosis(Check("clock", False, "It is wrong. " * 20, "Set it. " * 30), ok=False))
    assert lines[-1] == "To look at: clock, direct, relay, tunnel."
    assert any(line.startswith("BAD  clock: It is wrong.") for line in lines)
    assert all(len(line) <= WIDTH for line in lines)
    assert sum(line.startswith("     -> Set it.") for line in lines) == 1
