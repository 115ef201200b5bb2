"""The node's life as stories: which events lead to which phase, reasons and commands."""

from __future__ import annotations

import msgspec
import pytest

from node import events as e
from node.coordinator_talk import heartbeat_of
from node.resting import running_services, wanted_services
from node.rules.decide import MESH_OFF
from node.rules.settings import Rules
from node.rules.verdict import Verdict
from node.state import Reason, RoutingStats, TunnelStatus, VpnPhase, VpnStatus
from node.wire.manifests import Catalogue
from node.wire.messages import Capabilities, DhtContact, Endpoints, VpnGrant
from tests.support.node_story import Story, online, ruling
from tests.support.node_values import (
    CATALOGUE,
    FIRST,
    MEMBERSHIP,
    NER,
    NOTES,
    NOW,
    SECOND,
    assignment,
    report,
    started,
)


def test_a_new_machine_waits_for_an_invite() -> None:
    story = Story().then(started())
    assert story.state.phase == "unenrolled"
    assert story.codes == ["not-enrolled"]
    assert story.commands == ()


def test_enrolment_makes_a_member_that_introduces_itself() -> None:
    story = Story().then(started(), e.EnrolmentRequested())
    assert story.state.phase == "joining"
    story.then(e.Enrolled(MEMBERSHIP, ()))
    assert story.state.phase == "joining"
    assert story.codes == ["registering"]
    assert story.commands[0] == e.SaveMembership(MEMBERSHIP), "kept before anything else happens"
    assert story.ordered(e.JoinMesh) == [e.JoinMesh(MEMBERSHIP)]
    story.then(e.ContactDue())
    assert story.ordered(e.Register) == [e.Register(FIRST.url)]


def test_a_machine_is_called_what_it_was_let_in_as_with_this_start_and_every_other() -> None:
    named = msgspec.structs.replace(MEMBERSHIP, name="Till 2")
    joined = Story().then(started(), e.EnrolmentRequested(), e.Enrolled(named, ()))
    assert joined.state.name == "Till 2"
    assert joined.commands[0] == e.SaveMembership(named)
    assert Story().then(started(membership=named)).state.name == "Till 2"
    assert Story().then(started(membership=MEMBERSHIP)).state.name == "Anna's PC", "it was let in by an older node"


def test_a_refused_invite_is_told_and_changes_nothing_else() -> None:
    story = Story().then(started(), e.EnrolmentRequested(), e.EnrolmentFailed("The invite is spent."))
    assert story.state.phase == "unenrolled"
    assert [reason.text for reason in story.state.reasons] == ["The invite is spent."]
    assert story.commands == ()


def test_why_nobody_is_let_in_for_the_moment_is_told_calmly_until_the_word_is_final() -> None:
    story = Story().then(started(), e.EnrolmentRequested(), e.EnrolmentDelayed("It is full.", 99.0))
    (reason,) = story.state.reasons
    assert (story.state.phase, reason.code, reason.until) == ("joining", "enrolment-delayed", 99.0)
    assert reason.text.startswith("It is full. It is asked again by itself")
    story.then(e.EnrolmentFailed("The invite is spent."))
    assert story.codes == ["enrolment-failed"]
    story.then(e.EnrolmentRequested())
    assert story.codes == ["enrolling"]
    story.then(e.EnrolmentDelayed("It is full.", 99.0), e.Enrolled(MEMBERSHIP, ()))
    assert story.codes == ["registering"]


def test_registration_runs_what_was_assigned_and_it_is_announced_when_it_runs() -> None:
    story = Story().then(started(membership=MEMBERSHIP), e.Registered(assignment("ner-extraction"), CATALOGUE))
    assert story.state.phase == "online"
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    story.then(e.ServicesChanged((report("ner-extraction", "starting"),)))
    assert story.commands == ()
    story.then(e.ServicesChanged((report("ner-extraction"),)))
    assert story.ordered(e.PublishServices) == [e.PublishServices(("ner-extraction",))]
    assert story.ordered(e.ScheduleContact), "the coordinator hears of it before the next heartbeat"


def test_only_what_the_catalogue_holds_and_the_volunteer_allows_is_run() -> None:
    capabilities = Capabilities(allowed_services=("notes-coa",))
    story = Story().then(started(membership=MEMBERSHIP, capabilities=capabilities))
    story.then(e.Registered(assignment("ner-extraction", "notes-coa", "crypto-miner"), CATALOGUE))
    assert wanted_services(story.state) == (NOTES,)


def test_after_a_restart_coordinators_are_known_that_came_after_the_enrolment() -> None:
    enrolled = msgspec.structs.replace(MEMBERSHIP, coordinators=(FIRST,))
    kept = assignment("ner-extraction", coordinators=(SECOND, FIRST))
    story = Story().then(started(membership=enrolled, catalogue=CATALOGUE, assignment=kept))
    assert story.state.membership is not None
    assert story.state.membership.coordinators == (FIRST, SECOND)
    assert story.state.coordinator == FIRST.url
    story.then(e.CoordinatorFailed("It is gone."))
    assert story.state.coordinator == SECOND.url


def test_pausing_withdraws_tells_the_coordinator_drains_and_only_then_stops_services() -> None:
    story = online().then(e.PauseRequested())
    assert story.state.phase == "draining"
    assert story.ordered(e.PublishServices) == [e.PublishServices(())]
    assert story.ordered(e.ScheduleContact) == [e.ScheduleContact(0.0)]
    assert story.ordered(e.Drain)
    assert not story.ordered(e.RunServices)
    assert e.SavePause(paused=True, until=None) in story.commands
    story.then(e.DrainEnded())
    assert story.state.phase == "paused"
    assert story.ordered(e.RunServices) == [e.RunServices(())]


def test_resuming_while_draining_keeps_the_services() -> None:
    story = online().then(e.PauseRequested(), e.ResumeRequested())
    assert story.state.phase == "online"
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    story.then(e.DrainEnded())
    assert story.commands == ()


def test_heartbeats_do_not_wake_a_paused_machine() -> None:
    story = online().then(e.PauseRequested(), e.DrainEnded(), e.HeartbeatAnswered(assignment("ner-extraction")))
    assert story.state.phase == "paused"
    assert story.ordered(e.RunServices) == [e.RunServices(())]


def test_after_a_rest_the_last_work_is_taken_up_again_without_any_coordinator() -> None:
    resting = e.HeartbeatAnswered(assignment())
    story = online().then(e.PauseRequested(), e.DrainEnded(), e.ServicesChanged(()), resting)
    story.then(e.CoordinatorFailed("It is gone."), e.ResumeRequested())
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    assert "nothing-assigned" not in story.codes
    story.then(e.Registered(assignment(), CATALOGUE))
    assert story.ordered(e.RunServices) == [e.RunServices(())], "awake, it believes its coordinator"


def test_a_snooze_says_when_it_ends_and_ends() -> None:
    story = online().then(e.PauseRequested(NOW + 60))
    assert story.state.reasons[-1].until == NOW + 60
    assert story.ordered(e.ScheduleResume) == [e.ScheduleResume(NOW + 60)]
    story.then(e.DrainEnded(), e.SnoozeEnded(NOW + 60))
    assert story.state.phase == "online"


def test_an_old_snooze_timer_does_not_end_a_later_pause() -> None:
    story = online().then(e.PauseRequested(NOW + 60), e.PauseRequested(), e.SnoozeEnded(NOW + 60))
    assert story.state.paused
    assert story.state.snoozed_until is None


@pytest.mark.parametrize(
    ("until", "paused"),
    [(None, True), (NOW + 5, True), (NOW + 31 * 86400, True), (NOW - 5, False), (NOW + 1e9, False), (1e300, False)],
)
def test_a_pause_outlives_the_program_but_a_snooze_only_until_its_end(until: float | None, paused: bool) -> None:
    story = Story().then(started(membership=MEMBERSHIP, paused=True, snoozed_until=until))
    assert story.state.paused is paused


def test_the_last_assignment_is_served_after_a_restart_without_any_coordinator() -> None:
    kept = started(membership=MEMBERSHIP, catalogue=CATALOGUE, assignment=assignment("ner-extraction"))
    story = Story().then(kept)
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]


def test_a_failing_service_degrades_and_says_which() -> None:
    story = online().then(e.ServicesChanged((report("ner-extraction", "failed", "It ended with code 1."),)))
    assert story.state.phase == "degraded"
    assert "ner-extraction" in story.state.reasons[0].text
    assert story.ordered(e.PublishServices) == [e.PublishServices(())]


def test_leaving_drains_first_and_forgets_afterwards() -> None:
    story = online().then(e.LeaveRequested())
    assert story.state.phase == "draining"
    assert story.state.membership is not None
    story.then(e.DrainEnded())
    assert story.state.phase == "unenrolled"
    assert (story.state.endpoints, story.state.dht_contacts) == (None, 0)
    assert story.commands == (e.RunServices(()), e.QuitMesh())
    assert story.state.left == "", "its files are not forgotten yet"
    assert story.then(e.MeshQuit(told=False)).state.left == "untold"
    assert story.then(e.MeshQuit(told=True)).state.left == "told"
    assert story.then(e.Enrolled(MEMBERSHIP, ())).state.left == ""


def test_stopping_drains_and_then_ends_the_program() -> None:
    story = online().then(e.StopRequested())
    assert story.state.phase == "draining"
    story.then(e.StopRequested())
    assert story.commands == (), "asking twice changes nothing"
    story.then(e.DrainEnded())
    assert story.state.phase == "stopped"
    assert story.commands == (e.Shutdown(),)


def test_what_weakens_security_is_said() -> None:
    far = msgspec.structs.replace(FIRST, url="http://mesh.example.org")
    story = Story().then(
        started(key_in_file=True, membership=msgspec.structs.replace(MEMBERSHIP, coordinators=(far,)))
    )
    assert {"insecure-coordinator", "key-in-file"} <= set(story.codes)


# --- the overlay ------------------------------------------------------------------------------------------------

GRANT = VpnGrant(ip="10.42.0.11", network="10.42.0.0/16", ca="ca", bundle="bb", certificate="c", version="aa")
INSIDE = Endpoints(port=8000, vpn_ip="10.42.0.11")


def vpn(phase: VpnPhase, text: str = "So it is.") -> e.VpnChanged:
    return e.VpnChanged(VpnStatus(phase, "10.42.0.11" if phase in ("direct", "relayed") else None, text))


def test_what_the_last_run_knew_of_others_holds_from_the_start() -> None:
    kept = assignment(dht=(DhtContact(host="c", port=1),))
    story = Story().then(started(membership=MEMBERSHIP, assignment=kept))
    assert story.ordered(e.JoinDht) == [e.JoinDht(kept.dht)]
    kinds = [type(command) for command in story.commands]
    assert kinds.index(e.JoinMesh) < kinds.index(e.JoinDht), "it is the session that joins"


def test_a_place_that_comes_with_enrolment_is_taken_when_the_session_is_there() -> None:
    story = Story().then(started(), e.EnrolmentRequested(), e.Enrolled(MEMBERSHIP, (), GRANT))
    kinds = [type(command) for command in story.commands]
    assert story.ordered(e.UsePlace) == [e.UsePlace(GRANT)]
    assert kinds.index(e.JoinMesh) < kinds.index(e.UsePlace)


def test_a_place_is_opened_published_and_withdrawn() -> None:
    story = online().then(e.MeshJoined(Endpoints(port=8000)), e.OverlayCameUp("10.42.0.11"))
    assert story.commands == (e.OpenInOverlay("10.42.0.11"),)
    story.then(e.EndpointsChanged(INSIDE))
    assert story.commands == (e.PublishServices(("ner-extraction",)), e.ScheduleContact(0.0))
    story.then(e.ContactDue())
    assert story.ordered(e.Register), "the coordinator hears of the new address"
    story.then(e.Registered(assignment("ner-extraction"), CATALOGUE), e.OverlayPathsChanged())
    assert story.ordered(e.RejoinDht)
    assert story.ordered(e.ScheduleContact)
    story.then(e.OverlayWentDown())
    assert story.commands == (e.CloseInOverlay(),)
    assert story.then(e.EndpointsChanged(Endpoints(port=8000))).ordered(e.PublishServices)
    assert running_services(story.state) == ("ner-extraction",), "no service stops for it"


def test_the_same_endpoints_are_published_in_the_moved_dht_and_not_registered_again() -> None:
    story = online().then(e.EndpointsChanged(INSIDE), e.Registered(assignment("ner-extraction"), CATALOGUE))
    story.then(e.EndpointsChanged(INSIDE, "Port 8000 is in use."))
    assert story.commands == (e.PublishServices(("ner-extraction",)),)
    assert story.codes == ["vpn-no-listener"]


def test_routes_are_looked_up_anew_when_the_overlay_begins_or_ends_to_carry() -> None:
    story = online().then(vpn("starting"))
    assert story.commands == ()
    assert story.then(vpn("direct")).commands == (e.RefreshRoutes(),)
    assert story.then(vpn("relayed")).commands == ()
    assert story.then(vpn("starting")).commands == (e.RefreshRoutes(),)


def test_an_address_that_leads_nowhere_is_not_used_until_it_does_again() -> None:
    story = online().then(vpn("direct"), e.OverlayCameUp("10.42.0.11"), vpn("starting"))
    assert not story.ordered(e.CloseInOverlay), "it may be there again in a moment"
    assert story.then(vpn("no-udp")).commands == (e.CloseInOverlay(),)
    assert story.then(e.OverlayCameUp("10.42.0.11")).commands == ()
    assert story.then(vpn("relayed")).commands == (e.RefreshRoutes(), e.OpenInOverlay("10.42.0.11"))


def test_who_is_put_out_leaves_the_overlay_and_returns_when_the_mesh_answers_again() -> None:
    story = online().then(e.CoordinatorFailed("w1 was put out of the mesh.", refused=True, expelled=True))
    assert story.ordered(e.StopOverlay)
    assert "leave the mesh here first: then a new invite counts" in story.state.reasons[0].text
    assert not story.then(e.CoordinatorFailed("It did not answer in time.")).ordered(e.StopOverlay)
    story.then(e.Registered(assignment("ner-extraction"), CATALOGUE))
    assert story.ordered(e.ReturnToOverlay)
    story.then(e.HeartbeatAnswered(assignment("ner-extraction")))
    assert not story.ordered(e.ReturnToOverlay)


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        ("off", None),
        ("starting", None),
        ("direct", None),
        ("relayed", None),
        ("no-permission", "vpn-no-permission"),
        ("no-udp", "vpn-no-udp"),
        ("expired", "vpn-expired"),
        ("revoked", "vpn-revoked"),
        ("conflict", "vpn-conflict"),
        ("failed", "vpn-failed"),
    ],
)
def test_trouble_with_the_overlay_is_told_and_takes_nobody_offline(phase: VpnPhase, code: str | None) -> None:
    story = online().then(vpn(phase, "As it is."))
    assert story.codes == ([] if code is None else [code])
    assert story.state.phase == "online"
    assert all(reason.text == "As it is." for reason in story.state.reasons)


def test_a_place_that_is_not_renewed_is_told_until_it_is() -> None:
    story = online().then(e.PlaceRefused("This coordinator runs without the overlay network."))
    assert story.codes == [], "a mesh without one is no trouble"
    story.then(vpn("direct"), e.PlaceRefused("It did not answer in time."))
    assert story.codes == ["vpn-not-renewed"]
    assert "It did not answer in time." in story.state.reasons[0].text
    assert story.then(e.PlaceGranted(GRANT)).codes == []
    assert story.commands == (e.UsePlace(GRANT),)


def test_outside_of_a_mesh_the_overlay_is_nobodys_business() -> None:
    story = Story().then(started(), vpn("failed"), e.OverlayCameUp("10.42.0.11"), e.PlaceGranted(GRANT))
    assert story.codes == ["not-enrolled"]
    assert story.commands == ()
    assert story.then(e.EndpointsChanged(INSIDE)).commands == ()
    assert story.then(e.OverlayPathsChanged()).commands == ()


TUNNEL = TunnelStatus(kind="quick", state="up", url="https://four-words.trycloudflare.com", text="It leads here.")


def test_a_public_address_is_published_and_registered_only_while_it_leads_here() -> None:
    story = online().then(e.EndpointsChanged(INSIDE), e.Registered(assignment("ner-extraction"), CATALOGUE))
    story.then(e.TunnelChanged(msgspec.structs.replace(TUNNEL, state="starting", url=None)))
    assert story.commands == (), "what is only being opened is nobody's business"
    story.then(e.TunnelChanged(TUNNEL))
    assert story.state.endpoints is not None
    assert story.state.endpoints.tunnel_url == TUNNEL.url
    assert story.state.endpoints.vpn_ip == INSIDE.vpn_ip
    assert story.ordered(e.PublishServices)
    assert story.ordered(e.ScheduleContact) == [e.ScheduleContact(0.0)]
    assert not story.state.registered
    story.then(e.EndpointsChanged(Endpoints(port=8000)))
    assert story.state.endpoints.tunnel_url == TUNNEL.url, "the overlay's comings and goings do not touch it"
    story.then(e.TunnelChanged(msgspec.structs.replace(TUNNEL, state="down", url=None)))
    assert story.state.endpoints.tunnel_url is None
    assert story.ordered(e.PublishServices)


def test_a_public_address_that_was_there_first_is_told_with_the_others() -> None:
    story = Story().then(e.TunnelChanged(TUNNEL))
    assert story.commands == ()
    story.then(e.Enrolled(MEMBERSHIP, ()), e.MeshJoined(Endpoints(port=8000)))
    assert story.state.endpoints == Endpoints(port=8000, tunnel_url=TUNNEL.url)


# --- the volunteer's rules ----------------------------------------------------------------------------------------

VISION = msgspec.structs.replace(NER, name="vision-ocr", aliases=("ocr",), tier="gpu")
WITH_GPU = Catalogue((NER, NOTES, VISION))


def with_gpu() -> Story:
    """A member that runs one service on the CPU and one on the GPU."""
    story = Story().then(started(membership=MEMBERSHIP))
    registered = e.Registered(assignment("ner-extraction", "vision-ocr"), WITH_GPU)
    return story.then(registered, e.ServicesChanged((report("ner-extraction"), report("vision-ocr"))))


def test_a_rule_withdraws_tells_the_coordinator_drains_and_only_then_stops_services() -> None:
    story = online().then(ruling("all", until=NOW + 60))
    assert (story.state.phase, story.codes[0]) == ("draining", "draining")
    assert story.commands == (e.PublishServices(()), e.ScheduleContact(0.0), e.Drain())
    assert heartbeat_of(story.state, RoutingStats()).paused
    story.then(e.DrainEnded())
    assert story.ordered(e.RunServices) == [e.RunServices(())]
    assert (story.state.phase, story.codes) == ("paused", ["on-battery"])
    assert story.state.reasons[0] == Reason("on-battery", "It is so. It will end.", NOW + 60)
    story.then(e.ServicesChanged(()), ruling("none"))
    assert story.state.phase == "online"
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    assert story.ordered(e.ScheduleContact), "the coordinator hears of it at once"


def test_another_reason_for_the_same_rest_changes_nothing_else() -> None:
    story = online().then(ruling("all"), e.DrainEnded(), ruling("all", "metered"))
    assert story.commands == ()
    assert story.codes == ["metered"]


def test_load_and_free_memory_are_told_as_they_were_measured_last() -> None:
    story = online()
    assert heartbeat_of(story.state, RoutingStats()).memory_free == 1.0, "until somebody has looked"
    story.then(e.LoadMeasured(0.25, 1, 3, 0.4))
    told = heartbeat_of(story.state, RoutingStats())
    assert (told.load, told.in_flight, told.memory_free) == (0.25, 1, 0.4)


def test_what_uses_the_gpu_rests_alone_and_is_offered_to_nobody() -> None:
    story = with_gpu().then(ruling("gpu", "user-active"))
    assert story.state.phase == "online"
    assert story.codes == ["user-active"]
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    assert story.ordered(e.PublishServices) == [e.PublishServices(("ner-extraction",))]
    told = heartbeat_of(story.state, RoutingStats())
    assert not told.paused
    assert told.unwanted == ("vision-ocr",)
    assert {one.name: one.state for one in told.services} == {"ner-extraction": "running", "vision-ocr": "draining"}
    story.then(e.HeartbeatAnswered(assignment("ner-extraction")))
    story.then(ruling("none"))
    assert story.ordered(e.RunServices) == [e.RunServices((NER, VISION))], "without asking a coordinator first"
    assert heartbeat_of(story.state, RoutingStats()).unwanted == ()


def test_from_the_gpus_rest_to_everybodys_and_back() -> None:
    story = with_gpu().then(ruling("gpu"), ruling("all"))
    assert story.ordered(e.Drain)
    story.then(e.DrainEnded(), ruling("gpu"))
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    assert story.state.phase == "online"


def test_a_pause_and_a_rule_hold_each_until_its_own_end() -> None:
    story = online().then(e.PauseRequested(NOW + 60), ruling("all"), e.DrainEnded())
    assert story.codes == ["snoozed", "on-battery"], "what the volunteer asked for comes first"
    story.then(e.SnoozeEnded(NOW + 60, at=NOW + 60))
    assert (story.state.phase, story.codes) == ("paused", ["on-battery"])
    assert story.commands == (e.SavePause(paused=False, until=None),)
    story.then(ruling("none"))
    assert story.state.phase == "online"


def test_a_pause_of_the_gpu_is_kept_and_outlives_the_program() -> None:
    story = with_gpu().then(e.PauseRequested(NOW + 60, "gpu"))
    assert story.commands[0] == e.SavePause(False, None, gpu_paused=True, gpu_until=NOW + 60)
    assert story.ordered(e.ScheduleResume) == [e.ScheduleResume(NOW + 60, "gpu")]
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]
    assert story.state.reasons[0].until == NOW + 60
    again = Story().then(started(membership=MEMBERSHIP, gpu_paused=True, gpu_snoozed_until=NOW + 60))
    assert again.state.rest == "gpu"
    assert again.ordered(e.ScheduleResume) == [e.ScheduleResume(NOW + 60, "gpu")]
    late = Story().then(started(membership=MEMBERSHIP, gpu_paused=True, gpu_snoozed_until=NOW - 60))
    assert late.state.rest == "none"
    story.then(e.ResumeRequested())
    assert story.ordered(e.RunServices) == [e.RunServices((NER, VISION))]


def test_a_snooze_ends_by_its_timer_though_the_clock_was_set_back() -> None:
    story = online().then(e.PauseRequested(NOW + 60), e.SnoozeEnded(NOW - 3540, at=NOW + 60))
    assert not story.state.paused
    story.then(e.PauseRequested(NOW + 60), e.PauseRequested(NOW + 120), e.SnoozeEnded(NOW + 60, at=NOW + 60))
    assert story.state.paused, "that was the timer of the snooze before"


def test_a_service_that_the_volunteer_switched_off_stops_and_is_not_asked_for() -> None:
    story = with_gpu().then(e.RulesChanged(Rules(services_off=("ner-extraction",))))
    assert story.ordered(e.RunServices) == [e.RunServices((VISION,))]
    assert heartbeat_of(story.state, RoutingStats()).unwanted == ("ner-extraction",)
    story.then(e.RulesChanged(Rules()))
    assert story.ordered(e.RunServices) == [e.RunServices((NER, VISION))]
    story.then(e.RulesChanged(Rules(metered=False)))
    assert story.commands == (), "what no service hears of is saved elsewhere"


def test_without_the_mesh_a_machine_drains_goes_offline_and_stays_a_member() -> None:
    story = online().then(e.RulesChanged(Rules(mesh_on=False)), e.RulesDecided(MESH_OFF))
    assert story.state.phase == "draining"
    story.then(e.ContactDue())
    assert story.ordered(e.SendHeartbeat), "the coordinator is told"
    story.then(e.DrainEnded())
    assert story.commands == (e.RunServices(()), e.GoOffline())
    assert (story.state.phase, story.codes) == ("paused", ["mesh-off"])
    assert story.state.membership is not None
    story.then(e.ContactDue())
    assert story.commands == (), "nobody is spoken to any more"
    story.then(e.RulesChanged(Rules()), e.RulesDecided(Verdict()))
    assert story.state.phase == "online"
    story.then(e.ContactDue())
    assert story.ordered(e.Register), "where it is may have changed meanwhile"


def test_switching_the_mesh_on_joins_it_again() -> None:
    story = online().then(e.RulesChanged(Rules(mesh_on=False)), e.RulesDecided(MESH_OFF), e.DrainEnded())
    story.then(e.RulesChanged(Rules()))
    assert story.ordered(e.JoinMesh) == [e.JoinMesh(MEMBERSHIP)]
    story.then(e.RulesDecided(Verdict()))
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]


def test_a_resting_machine_goes_offline_without_another_drain() -> None:
    story = online().then(e.PauseRequested(), e.DrainEnded(), e.RulesChanged(Rules(mesh_on=False)))
    assert story.commands == (e.GoOffline(),)


def test_a_machine_that_starts_without_the_mesh_speaks_to_nobody() -> None:
    story = Story().then(started(membership=MEMBERSHIP, rules=Rules(mesh_on=False), ruled=MESH_OFF))
    assert story.ordered(e.JoinMesh) == story.ordered(e.ScheduleContact) == []
    assert story.state.phase == "paused"


def test_who_leaves_while_the_mesh_is_off_comes_back_to_say_so() -> None:
    story = online().then(e.RulesChanged(Rules(mesh_on=False)), e.RulesDecided(MESH_OFF), e.DrainEnded())
    story.then(e.LeaveRequested())
    assert story.commands == (e.JoinMesh(MEMBERSHIP), e.PublishServices(()), e.Drain())
    assert story.then(e.DrainEnded()).ordered(e.QuitMesh)


def test_a_machine_without_a_gpu_is_not_bothered_by_what_concerns_gpus_only() -> None:
    story = online().then(ruling("gpu", "user-active"))
    assert story.commands == ()
    assert story.codes == []
    assert story.state.verdict.rest == "none"
    assert heartbeat_of(story.state, RoutingStats()).unwanted == ()
    story = online().then(e.CapabilitiesDetected(Capabilities(has_gpu=True)), ruling("gpu", "user-active"))
    assert story.codes == ["user-active"], "it may be given something for its GPU"


def test_a_machine_that_starts_outside_its_hours_runs_nothing() -> None:
    ruled = ruling("all", "schedule").verdict
    kept = assignment("ner-extraction")
    story = Story().then(started(membership=MEMBERSHIP, ruled=ruled, assignment=kept, catalogue=CATALOGUE))
    assert story.ordered(e.RunServices) == [e.RunServices(())]
    assert story.state.phase == "paused"
    story.then(ruling("none"))
    assert story.ordered(e.RunServices) == [e.RunServices((NER,))]


def test_rules_do_not_meddle_with_leaving_or_stopping() -> None:
    story = online().then(e.LeaveRequested(), ruling("all"), ruling("none"))
    assert story.state.draining
    assert story.commands == ()
    assert story.then(e.DrainEnded()).ordered(e.QuitMesh)
    story = online().then(ruling("all"), e.StopRequested(), ruling("none"))
    assert story.commands == ()
    assert story.then(e.DrainEnded()).commands == (e.Shutdown(),)


def test_outside_any_mesh_rules_are_told_all_the_same() -> None:
    story = Story().then(started(), ruling("all"), e.DrainEnded())
    assert story.state.phase == "unenrolled"
    assert story.codes == ["on-battery", "not-enrolled"]
