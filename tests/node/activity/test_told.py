"""Every kind of event that people read about, out of the machine's own stories; and silence about the rest."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import events as e
from node.activity.entries import KINDS, TROUBLE, Note
from node.activity.told import notes_of
from node.machine import handle
from node.rules.settings import Rules
from node.rules.verdict import RuleReason, Verdict
from node.state import NodeState, TunnelStatus, VpnStatus
from node.wire.credentials import PLACE_BYTES, Credential, issue
from node.wire.mesh_keys import founded
from node.wire.messages import Capabilities, ServiceReport, ServiceState
from tests.support.node_values import CATALOGUE, FIRST, MEMBERSHIP, assignment, report, started

NER = "ner-extraction"


class Reader:
    """Feeds events to the machine and reads what is noted of each."""

    def __init__(self) -> None:
        self.state = NodeState()
        self.notes: list[Note] = []

    def hears(self, *events: e.Event) -> list[str]:
        self.notes = []
        for event in events:
            before = self.state
            self.state, _ = handle(before, event)
            self.notes += notes_of(before, event, self.state)
        return [note.code for note in self.notes]


def member() -> Reader:
    reader = Reader()
    reader.hears(started(membership=MEMBERSHIP), e.Registered(assignment(NER), CATALOGUE))
    return reader


def service(state: ServiceState, detail: str = "") -> e.ServicesChanged:
    return e.ServicesChanged((ServiceReport(name=NER, state=state, detail=detail),))


def test_start_and_end() -> None:
    reader = Reader()
    assert reader.hears(started()) == ["node-started"]
    assert reader.notes[0].subject
    assert reader.hears(e.StopRequested(), e.StopRequested()) == ["node-stopping"]


def test_joining_and_leaving() -> None:
    reader = Reader()
    assert reader.hears(started(), e.EnrolmentRequested(), e.EnrolmentFailed("The invite is spent."))[1:] == [
        "join-failed"
    ]
    assert reader.notes[-1].detail == "The invite is spent."
    assert reader.hears(e.EnrolmentRequested(), e.Enrolled(MEMBERSHIP, ())) == ["joined"]
    assert reader.notes[0] == Note("joined", FIRST.url, MEMBERSHIP.worker_id)
    assert reader.hears(e.LeaveRequested(), e.LeaveRequested()) == ["leaving"]
    assert reader.hears(e.DrainEnded()) == ["left"]


def test_a_coordinator_found_lost_and_found_again() -> None:
    reader = Reader()
    reader.hears(started(membership=MEMBERSHIP))
    assert reader.hears(e.Registered(assignment(NER), CATALOGUE)) == ["coordinator-found"]
    assert reader.hears(e.HeartbeatAnswered(assignment(NER)), e.ContactDue(), e.LoadMeasured(0.3, 2, 5)) == []
    assert reader.hears(e.CoordinatorFailed("It took no connection."), e.CoordinatorFailed("Again.")) == [
        "coordinator-lost"
    ]
    assert reader.notes[0].detail == "It took no connection."
    assert reader.hears(e.Registered(assignment(NER), CATALOGUE)) == ["coordinator-found"]
    assert reader.hears(e.CoordinatorFailed("You are not known.", refused=True)) == ["coordinator-refused"]
    assert reader.hears(e.CoordinatorFailed("You were put out.", refused=True, expelled=True)) == ["expelled"]


def test_a_service_from_its_start_to_its_end() -> None:
    reader = member()
    assert reader.hears(service("starting")) == []
    assert reader.hears(service("running"), service("running")) == ["service-started"]
    assert reader.hears(service("unhealthy", "It does not answer."), service("running")) == [
        "service-unwell",
        "service-recovered",
    ]
    assert reader.hears(service("failed", "It ended."), service("starting"), service("running")) == [
        "service-failed",
        "service-restarting",
        "service-started",
    ]
    assert reader.notes[0] == Note("service-failed", NER, "It ended.")
    assert reader.hears(service("draining"), service("stopped")) == ["service-stopped"]
    assert reader.hears(service("running"), e.ServicesChanged(())) == ["service-started", "service-stopped"]


def test_rest_is_told_with_its_reason_and_that_it_is_over() -> None:
    reader = member()
    reader.hears(e.CapabilitiesDetected(Capabilities(has_gpu=True)))
    battery = RuleReason(code="on-battery", scope="all", text="It runs on battery.", ends="Plug it in.")
    hot = RuleReason(code="too-hot", scope="gpu", text="The GPU has 90 degrees.", ends="It cools down.")
    assert reader.hears(e.RulesDecided(Verdict(rest="all", reasons=(battery,)))) == ["paused"]
    assert reader.notes == [Note("paused", "on-battery", "It runs on battery. Plug it in.")]
    changed = msgspec.structs.replace(battery, text="It still runs on battery.")
    assert reader.hears(e.RulesDecided(Verdict(rest="all", reasons=(changed,)))) == []
    assert reader.hears(e.RulesDecided(Verdict(rest="gpu", reasons=(hot,)))) == ["gpu-paused"]
    assert reader.hears(e.RulesDecided(Verdict())) == ["resumed"]
    assert reader.hears(e.PauseRequested()) == ["paused"]
    assert reader.notes[0].subject == "paused-by-you"
    assert reader.hears(e.ResumeRequested()) == ["resumed"]
    assert "rules-changed" in reader.hears(e.RulesChanged(Rules(on_battery=False)))
    assert reader.hears(e.RulesChanged(reader.state.rules)) == []


def test_the_private_network_and_the_tunnel() -> None:
    reader = member()
    assert reader.hears(e.VpnChanged(VpnStatus("starting")), e.VpnChanged(VpnStatus("direct", "10.42.0.7"))) == [
        "vpn-up"
    ]
    assert reader.notes[0].subject == "10.42.0.7"
    assert reader.hears(e.VpnChanged(VpnStatus("relayed", "10.42.0.7"))) == []
    assert reader.hears(e.VpnChanged(VpnStatus("no-udp", "10.42.0.7", "A firewall blocks it."))) == ["vpn-trouble"]
    assert reader.hears(e.VpnChanged(VpnStatus("direct", "10.42.0.7")), e.VpnChanged(VpnStatus())) == [
        "vpn-up",
        "vpn-down",
    ]
    up = TunnelStatus(kind="quick", state="up", url="https://some-words.trycloudflare.com")
    failed = TunnelStatus(kind="quick", state="failed", text="It ended.", hint="Try again.")
    assert reader.hears(e.TunnelChanged(up), e.TunnelChanged(up)) == ["tunnel-up"]
    assert reader.hears(e.TunnelChanged(failed), e.TunnelChanged(failed)) == ["tunnel-trouble"]
    assert reader.notes[0].detail == "It ended. Try again."
    assert reader.hears(e.TunnelChanged(up), e.TunnelChanged(TunnelStatus())) == ["tunnel-up", "tunnel-down"]


def test_keys() -> None:
    reader = member()
    assert reader.hears(e.CredentialRenewed("another")) == ["key-renewed"]
    assert "another" not in str(reader.notes), "a credential is nobody's business"
    assert reader.hears(e.CredentialRenewed("a third", founded(b"m" * 32).chain)) == ["key-renewed"]
    assert reader.hears(e.PlaceRefused("No address is free."), e.PlaceRefused("No address is free.")) == [
        "place-refused"
    ]
    assert reader.hears(e.PlaceRefused("It runs without the overlay network.", no_overlay=True)) == []


def credential(issued_at: int) -> str:
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    worth = Credential(
        version=1,
        mesh_id=b"m" * 16,
        subject="w1",
        role="worker",
        public_key=b"p" * 32,
        trust="volunteer",
        place=b"l" * PLACE_BYTES,
        issued_at=issued_at,
        expires_at=issued_at + 1000,
    )
    return issue(worth, key)


def test_a_credential_that_comes_long_before_the_last_has_ended_is_nobodys_news() -> None:
    """It comes with every answer to who asks for a place, which is every few minutes where there are none."""
    reader = Reader()
    reader.hears(started(membership=msgspec.structs.replace(MEMBERSHIP, credential=credential(0))))
    assert reader.hears(e.CredentialRenewed(credential(30))) == []
    assert reader.hears(e.CredentialRenewed(credential(330))) == []
    assert reader.hears(e.CredentialRenewed(credential(830))) == ["key-renewed"]


def test_every_code_has_a_kind_and_everything_bad_is_marked() -> None:
    assert set(KINDS) >= TROUBLE
    assert {code for code in KINDS if code.endswith(("failed", "refused", "trouble", "lost"))} <= TROUBLE


def test_the_reports_of_these_stories_are_like_real_ones() -> None:
    assert report(NER) == ServiceReport(name=NER, state="running", detail=report(NER).detail)
