"""Every state, reason and error has words and a picture; the table decides which."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from app import figures, wording
from app.icons import state_icon
from app.intents import NodeRefused, NodeUnreachable
from app.picture import NodeLife, Picture, Stage
from node.rules.verdict import RuleReason, Verdict
from node.state import Peer, Phase, Reason, ReasonCode, VpnPhase, VpnStatus
from node.wire.messages import Route, ServiceState, WorkerType
from tests.support import samples
from tests.support.samples import NOW, picture


def test_the_tables_are_complete() -> None:
    for table, values in (
        (wording.PHASES, Phase),
        (wording.STAGES, Stage),
        (wording.REASONS, ReasonCode),
        (wording.SERVICE_STATES, ServiceState),
        (wording.ROUTES, Route),
        (wording.WORKER_TYPES, WorkerType),
        (wording.VPN_STATES, VpnPhase),
    ):
        assert set(table) == set(get_args(values)), values


@pytest.mark.parametrize(
    ("shown", "icon", "title", "sentence"),
    [
        (picture(samples.UNENROLLED), "offline", "Not in a mesh yet", "Paste an invite"),
        (picture(samples.ONLINE), "online", "Online", "Helping with 2 services."),
        (picture(samples.ONLINE, busy=True), "busy", "Working", "Helping with 2 services."),
        (picture(samples.PAUSED), "paused", "Paused", "until you resume"),
        (picture(samples.SNOOZED), "paused", "Paused", "goes on by itself at"),
        (picture(samples.DEGRADED), "degraded", "Working with limits", "No coordinator answers"),
        (picture(samples.REVOKED), "attention", "Refused by the coordinator", "refuses this computer"),
        (Picture(), "offline", "Starting", "being started"),
        (Picture(life=NodeLife("blocked", retry_at=NOW)), "attention", "Not running", "The next try is at"),
        (Picture(life=NodeLife("restarting")), "degraded", "Restarting", "started again"),
        (picture(samples.ONLINE, connected=False), "offline", "Connecting", "Waiting"),
    ],
)
def test_a_state_has_icon_title_and_sentence(shown: Picture, icon: str, title: str, sentence: str) -> None:
    look = wording.look(shown, NOW)
    assert (look.icon, look.title) == (icon, title)
    assert sentence in look.sentence


@pytest.mark.parametrize("phase", get_args(Phase))
def test_every_phase_gives_one_sentence_and_an_icon_that_exists(phase: Phase) -> None:
    look = wording.look(picture(msgspec.structs.replace(samples.ONLINE, phase=phase, services=())), NOW)
    assert look.sentence.endswith(".")
    assert not state_icon(look.icon).isNull()


def test_a_pause_is_never_hidden_by_trouble() -> None:
    state = msgspec.structs.replace(samples.PAUSED, reasons=(*samples.PAUSED.reasons, *samples.REVOKED.reasons))
    assert wording.look(picture(state), NOW).icon == "paused"


def test_the_next_try_to_join_hides_why_the_last_one_failed() -> None:
    failed = msgspec.structs.replace(
        samples.UNENROLLED,
        enrolment_error="The coordinator does not answer.",
        reasons=(Reason("enrolment-failed", "The coordinator does not answer."),),
    )
    assert wording.look(picture(failed), NOW).title == "Could not join"
    trying = wording.look(picture(failed, pending=frozenset({"enroll"})), NOW)
    assert (trying.icon, trying.title, trying.tone) == ("offline", "Joining", "quiet")
    assert trying.sentence == "Asking the coordinator to let this computer in."
    inside = wording.look(picture(samples.ONLINE, pending=frozenset({"enroll"})), NOW)
    assert inside.title == "Online", "it was let in, and the answer is on its way"


def test_who_is_let_in_later_reads_when_it_is_asked_again_and_no_alarm() -> None:
    waiting = msgspec.structs.replace(
        samples.UNENROLLED,
        phase="joining",
        enrolling=True,
        enrolment_delay="It is full.",
        enrolment_again_at=NOW + 600,
        reasons=(Reason("enrolment-delayed", "It is full.", NOW + 600),),
    )
    for pending in (frozenset[str](), frozenset({"enroll"})):
        look = wording.look(picture(waiting, pending=pending), NOW)
        assert (look.title, look.tone) == ("Joining", "quiet")
        assert look.sentence.endswith(f"asked again by itself at {figures.clock_time(NOW + 600, NOW)}.")


def test_a_rest_by_a_rule_is_told_with_its_reason_and_end() -> None:
    sentence = wording.look(picture(samples.ON_BATTERY), NOW).sentence
    assert sentence.startswith("This computer runs on its battery.")
    assert "plugged in" in sentence


def test_a_rest_by_the_schedule_is_told_with_the_time_at_which_it_ends() -> None:
    text = "It is outside the hours in which you let this computer work."
    ends = "This computer goes on when your schedule starts next."
    reason = RuleReason(code="schedule", scope="all", text=text, ends=ends, until=NOW + 600)
    state = msgspec.structs.replace(samples.ON_BATTERY, verdict=Verdict(rest="all", reasons=(reason,)))
    at = figures.clock_time(NOW + 600, NOW)
    assert wording.look(picture(state), NOW).sentence == f"{text} It goes on by itself at {at}."
    assert wording.rule_sentence(reason) == f"{text} {ends}"


def test_what_is_being_finished_is_counted() -> None:
    state = msgspec.structs.replace(samples.ONLINE, phase="draining", in_flight=3)
    assert wording.look(picture(state), NOW).sentence == "Finishing 3 requests first."
    closing = picture(state, connected=False, life=NodeLife("stopping"))
    assert wording.look(closing, NOW).sentence == "Finishing 3 requests."


def test_reasons_say_when_they_end_and_never_nothing() -> None:
    assert "Until " in wording.reason_text(Reason("snoozed", "You asked.", NOW + 60), NOW)
    assert wording.reason_text(Reason("stopping", ""), NOW) == wording.REASONS["stopping"].meaning


def test_reasons_that_the_title_says_already_are_left_out() -> None:
    assert wording.shown_reasons(samples.UNENROLLED) == ()
    assert len(wording.shown_reasons(samples.DEGRADED)) == 3


def test_a_failed_intent_says_what_why_and_what_to_do() -> None:
    notice = wording.failed_intent("enroll", NodeRefused("invite-invalid", "The invite was used already."))
    assert notice.title == "This invite does not work"
    assert notice.text.startswith("The invite was used already. Ask the person")
    other = wording.failed_intent("service:notes-coa", NodeRefused("never-heard-of", "No."))
    assert other.title == "The service could not be restarted"
    assert "does not answer" in wording.failed_intent("pause", NodeUnreachable()).text
    assert "did not expect" in wording.failed_intent("leave", ValueError("secret detail")).text
    assert "secret" not in wording.failed_intent("leave", ValueError("secret detail")).text


def test_a_service_without_detail_is_explained() -> None:
    assert wording.service_detail("running", "") == "Ready for requests"
    assert wording.service_detail("failed", "Exit code 1.") == "Exit code 1."


@pytest.mark.parametrize("phase", get_args(VpnPhase))
def test_the_private_network_is_told_in_every_state(phase: VpnPhase) -> None:
    assert wording.vpn_meaning(VpnStatus(phase)).endswith(".")
    assert wording.vpn_meaning(VpnStatus(phase, None, "As the node says.")) == "As the node says."
    assert wording.vpn_text(VpnStatus(phase, "10.42.0.7")).endswith(", 10.42.0.7")


def test_a_way_through_a_coordinator_is_told() -> None:
    peer = Peer(worker_id="w", route="vpn", address="http://10.42.0.7:8000", tunnel="relayed")
    assert wording.route_text(peer) == "Private network, relayed"
    assert wording.route_text(msgspec.structs.replace(peer, tunnel="direct")) == "Private network"


def test_a_better_way_that_is_being_tried_is_told() -> None:
    peer = Peer(worker_id="w", route="vpn", address="http://10.42.0.7:8000", tunnel="relayed", trying="vpn-direct")
    assert wording.route_text(peer) == "Private network, relayed; direct way being tried"
    relay = Peer(worker_id="w", route="relay", address="https://mesh.example/relay/w", trying="vpn")
    assert wording.route_text(relay) == "Relayed; private network being tried"
