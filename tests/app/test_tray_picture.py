"""What the tray says in every state: one sentence as tooltip, and lines with reason and end."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from app.figures import clock_time
from app.tray_picture import LINE, LONGEST_TOOLTIP, MOST_LINES, MOST_SERVICES, services_off, tray_picture
from node.rules.settings import Rules
from node.rules.verdict import RuleCode, RuleReason, Verdict
from node.state import NodeState, Phase
from node.wire.manifests import Catalogue, Manifest
from tests.support import samples
from tests.support.samples import NOW, picture

EVERY = [samples.UNENROLLED, samples.ONLINE, samples.PAUSED, samples.SNOOZED, samples.ON_BATTERY, samples.DEGRADED,
         samples.REVOKED, samples.LONG_NAMES]  # fmt: skip


def user_active(until: float | None = None) -> NodeState:
    ends = "It goes on 3 minutes after you stop."
    reason = RuleReason(
        code="user-active", scope="gpu", text="You are using this computer.", ends=ends, until=until
    )
    return msgspec.structs.replace(samples.ONLINE, verdict=Verdict(rest="gpu", reasons=(reason,)))


@pytest.mark.parametrize("state", EVERY)
@pytest.mark.parametrize("phase", get_args(Phase))
def test_every_state_has_a_short_tooltip_of_one_sentence(state: NodeState, phase: Phase) -> None:
    shown = tray_picture(picture(msgspec.structs.replace(state, phase=phase)), state.rules, NOW)
    assert shown.tooltip.startswith("RMA Mesh – ")
    assert len(shown.tooltip) <= LONGEST_TOOLTIP
    assert ". " not in shown.tooltip
    assert "\n" not in shown.tooltip
    assert 0 < len(shown.lines) <= MOST_LINES
    assert all(0 < len(line) <= LINE + 1 for line in shown.lines)


def test_a_rest_is_told_with_reason_and_end() -> None:
    shown = tray_picture(picture(samples.ON_BATTERY), Rules(), NOW)
    assert " ".join(shown.lines) == (
        "This computer runs on its battery. This computer goes on about a minute after it is plugged in."
    )
    snoozed = tray_picture(picture(samples.SNOOZED), Rules(), NOW)
    assert "goes on by itself at" in " ".join(snoozed.lines)
    assert snoozed.resumes


def test_the_tooltip_of_a_rest_tells_why_and_until_when() -> None:
    assert tray_picture(picture(samples.ON_BATTERY), Rules(), NOW).tooltip == (
        "RMA Mesh – Paused: This computer runs on its battery; this computer goes on about a minute after it is "
        "plugged in."
    )
    assert tray_picture(picture(samples.SNOOZED), Rules(), NOW).tooltip == (
        f"RMA Mesh – Paused: You asked it to rest; it goes on by itself at {clock_time(NOW + 1800, NOW)}."
    )
    outside = "It is outside the hours in which you let this computer work."
    shown = tray_picture(picture(resting("schedule", outside, NOW + 2 * 86400)), Rules(), NOW)
    assert shown.tooltip == f"RMA Mesh – Paused until {clock_time(NOW + 2 * 86400, NOW)}: {outside}"


def test_of_a_rest_with_a_long_reason_the_end_is_told_all_the_same() -> None:
    state = resting("exclusive-program", "a-program-with-a-very-long-name" * 3 + " is running.", None)
    told = tray_picture(picture(state), Rules(), NOW).tooltip
    assert told == "RMA Mesh – Paused: One of your programs is running; it goes on later."


def resting(code: RuleCode, text: str, until: float | None) -> NodeState:
    reason = RuleReason(code=code, scope="all", text=text, ends="It goes on later.", until=until)
    return msgspec.structs.replace(samples.ON_BATTERY, verdict=Verdict(rest="all", reasons=(reason,)))


def test_a_rest_of_the_gpu_only_is_told_with_reason_and_end() -> None:
    told = " ".join(tray_picture(picture(user_active()), Rules(), NOW).lines)
    assert told.endswith(
        "Helping with 2 services. You are using this computer. It goes on 3 minutes after you stop."
    )
    told = " ".join(tray_picture(picture(user_active(NOW + 60)), Rules(), NOW).lines)
    assert "What uses the GPU rests until " in told


def test_a_mesh_that_is_off_looks_so() -> None:
    off = msgspec.structs.replace(samples.PAUSED, paused=False, rules=Rules(mesh_on=False))
    shown = tray_picture(picture(off), off.rules, NOW)
    assert (shown.icon, shown.title, shown.mesh_on) == ("offline", "Mesh switched off", False)


def test_rules_that_cannot_be_read_need_somebody_though_everything_rests() -> None:
    reason = msgspec.structs.replace(
        samples.PAUSED.reasons[0], code="rules-unreadable", text="They cannot be read."
    )
    state = msgspec.structs.replace(samples.PAUSED, paused=False, reasons=(reason,))
    assert tray_picture(picture(state), Rules(), NOW).icon == "attention"


def test_a_restart_of_the_node_is_told_for_a_while() -> None:
    shown = picture(samples.ONLINE, restarted_at=NOW - 5)
    assert "was started again at" in " ".join(tray_picture(shown, Rules(), NOW).lines)
    assert "started again" not in " ".join(tray_picture(shown, Rules(), NOW + 3600).lines)


def test_services_are_those_that_one_may_want_to_switch() -> None:
    rules = Rules(services_off=("notes-coa", "unheard-of"))
    shown = tray_picture(picture(samples.ONLINE), rules, NOW)
    assert [(one.name, one.on) for one in shown.services] == [
        ("document-processing", True),
        ("ner-extraction", True),
        ("rag-embeddings", True),
        ("notes-coa", False),
        ("unheard-of", False),
    ]


def test_names_are_bounded_in_length_and_number_and_stay_on_their_line() -> None:
    many = tuple(Manifest(name=f"s{n}", title="A\ntitle " * 30) for n in range(200))
    state = msgspec.structs.replace(
        samples.ONLINE,
        catalogue=Catalogue(many),
        capabilities=msgspec.structs.replace(
            samples.CAPABILITIES, allowed_services=tuple(one.name for one in many)
        ),
    )
    services = tray_picture(picture(state), Rules(), NOW).services
    assert len(services) == MOST_SERVICES
    assert all(len(one.title) <= 44 and "\n" not in one.title for one in services)


def test_a_switch_leaves_the_other_services_as_they_are() -> None:
    assert services_off(Rules(services_off=("b",)), "a", on=False) == ("a", "b")
    assert services_off(Rules(services_off=("a", "b")), "a", on=True) == ("b",)
    assert services_off(Rules(services_off=("b",)), "b", on=False) == ("b",)
