"""Every way in which joining fails has words of its own, with what to do."""

from __future__ import annotations

import time

import pytest

from app.enrolment_failures import enrolment_failure
from app.intents import NodeRefused

WHY, HINT = "This is so.", "Do that."


@pytest.mark.parametrize(
    ("cause", "title"),
    [
        ("clock", "clock is wrong"),
        ("certificate", "cannot be trusted"),
        ("certificate-time", "clock may be wrong"),
        ("no-tls", "cannot be encrypted"),
        ("name-unknown", "name cannot be found"),
        ("no-internet", "internet cannot be reached"),
        ("no-network", "in no network"),
        ("stranger", "No coordinator is at this address"),
        ("refused", "does not answer"),
        ("timeout", "does not answer"),
    ],
)
def test_what_the_node_found_out_is_told(cause: str, title: str) -> None:
    notice = enrolment_failure(
        "enroll", NodeRefused("no-coordinator", "It broke.", cause=cause, why=WHY, hint=HINT)
    )
    assert title in notice.title
    assert notice.text == f"{WHY} {HINT}"
    assert notice.about == "enroll"


def test_another_mesh_is_not_a_bad_invite() -> None:
    notice = enrolment_failure("enroll", NodeRefused("invite-invalid", "It belongs elsewhere.", cause="wrong-mesh"))
    assert "not the one that the invite is from" in notice.title
    assert notice.message == "It belongs elsewhere."
    clock = enrolment_failure("enroll", NodeRefused("invite-invalid", "x", cause="clock", why=WHY, hint=HINT))
    assert "clock is wrong" in clock.title


@pytest.mark.parametrize(
    "sentence", ["This invite has expired.", "This invite has been used up.", "It is not known."]
)
def test_what_is_wrong_with_an_invite_is_the_coordinators_to_say(sentence: str) -> None:
    notice = enrolment_failure("enroll", NodeRefused("invite-invalid", sentence, cause="invite-invalid"))
    assert notice.title == "This invite does not work"
    assert notice.text.startswith(sentence)
    assert "Ask the person" in notice.hint


def test_a_lockout_says_when_it_ends() -> None:
    noon = time.mktime((2026, 5, 4, 12, 0, 0, 0, 0, -1))
    notice = enrolment_failure("enroll", NodeRefused("rate-limited", "Wait.", retry_after=720), noon)
    assert notice.title == "Too many tries"
    assert "12:12" in notice.hint
    unknown = enrolment_failure("enroll", NodeRefused("rate-limited", "Wait."), noon)
    assert "quarter of an hour" in unknown.hint


@pytest.mark.parametrize(
    "kind",
    [
        "conflict",
        "forbidden",
        "invalid-body",
        "invalid-request",
        "upstream-timeout",
        "draining",
        "starting",
        "other",
    ],
)
def test_every_other_refusal_says_what_to_do(kind: str) -> None:
    notice = enrolment_failure("enroll", NodeRefused(kind, "The node's own sentence."))
    assert notice.title
    assert notice.message == "The node's own sentence."
    assert notice.hint
