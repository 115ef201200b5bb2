"""A node and its coordinators as stories: what it takes over from them, and whom it turns to."""

from __future__ import annotations

import msgspec

from node import coordinator_talk
from node import events as e
from node.known_coordinators import LOOKS
from node.machine_contact import SOON
from node.resting import running_services
from node.rules.settings import Rules
from node.state import ChannelStatus, Measured
from node.wire.blocklists import SignedBlocklist
from tests.support.node_story import Story, online, ruling
from tests.support.node_values import (
    CATALOGUE,
    FIRST,
    MEMBERSHIP,
    SECOND,
    assignment,
    started,
)


def test_when_its_coordinator_is_about_to_end_it_asks_soon_whom_to_turn_to() -> None:
    assert online().then(e.CoordinatorLeaves(1.5)).ordered(e.ScheduleContact) == [e.ScheduleContact(1.5)]
    assert Story().then(started(), e.CoordinatorLeaves(1.5)).commands == ()


def test_a_much_nearer_coordinator_is_turned_to_with_a_registration_at_once() -> None:
    story = online().then(e.ChannelChanged(ChannelStatus(True)))
    told = assignment("ner-extraction", coordinators=MEMBERSHIP.coordinators)
    story.then(e.HeartbeatAnswered(told))
    seen = (Measured("c1", 90.0), Measured("c2", 2.0))
    story.then(*[e.CoordinatorsMeasured(seen)] * (LOOKS - 1))
    assert (story.state.coordinator, story.state.outweighed) == (FIRST.url, LOOKS - 1)
    story.then(e.CoordinatorsMeasured(seen))
    assert story.state.coordinator == SECOND.url
    assert story.ordered(e.ScheduleContact) == [e.ScheduleContact(0.0)]
    assert story.ordered(e.PublishServices), "it is reached by that one's relay no more"
    assert story.then(e.ContactDue()).ordered(e.Register) == [e.Register(SECOND.url)]
    leaving = online().then(e.HeartbeatAnswered(told), e.LeaveRequested(), *[e.CoordinatorsMeasured(seen)] * 9)
    assert leaving.state.coordinator == FIRST.url


def test_a_coordinator_that_is_gone_degrades_but_work_goes_on() -> None:
    story = online().then(e.CoordinatorFailed("It did not answer in time."))
    assert story.state.phase == "degraded"
    assert story.codes == ["coordinator-unreachable"]
    assert running_services(story.state) == ("ner-extraction",)
    assert story.ordered(e.RunServices) == []
    assert story.state.coordinator == SECOND.url, "the next one is tried"
    story.then(e.ContactDue())
    assert story.ordered(e.Register) == [e.Register(SECOND.url)]


def test_the_pause_between_tries_grows_up_to_a_heartbeat() -> None:
    story = online()
    pauses = []
    for _ in range(8):
        story.then(e.CoordinatorFailed("no"))
        (schedule,) = story.ordered(e.ScheduleContact)
        assert isinstance(schedule, e.ScheduleContact)
        pauses.append(schedule.after)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_who_shall_come_back_soon_waits_for_answers_as_long_as_ever() -> None:
    story = online().then(e.HeartbeatAnswered(assignment(heartbeat_interval=1.0, usual_interval=30.0)))
    assert story.ordered(e.ScheduleContact)[-1] == e.ScheduleContact(1.0)
    assert coordinator_talk._patience(story.state) == 15.0, "one that takes 0.7 s was left each time"
    for _ in range(8):
        story.then(e.CoordinatorFailed("no answer"))
    assert story.ordered(e.ScheduleContact)[-1] == e.ScheduleContact(30.0)
    story.then(e.HeartbeatAnswered(assignment(heartbeat_interval=3.0)))
    assert coordinator_talk._patience(story.state) == 1.5


def test_a_restarted_coordinator_is_told_everything_again_at_once() -> None:
    story = online().then(e.WorkerUnknown())
    assert story.ordered(e.ScheduleContact) == [e.ScheduleContact(0.0)]
    story.then(e.ContactDue())
    assert story.ordered(e.Register) == [e.Register(FIRST.url)]
    story.then(e.Registered(assignment("ner-extraction"), CATALOGUE))
    soon = [command.after for command in story.ordered(e.ScheduleContact) if isinstance(command, e.ScheduleContact)]
    assert min(soon) < 1, "and hears at once which services run"


def test_a_channel_is_shown_and_one_that_is_refused_has_us_ask_why() -> None:
    story = online().then(e.ChannelChanged(ChannelStatus(True)))
    assert story.state.channel.open
    assert (story.state.phase, story.commands) == ("online", (e.PublishServices(running_services(story.state)),))
    story.then(e.ChannelChanged(ChannelStatus(True)))
    assert story.commands == (), "others know by which coordinator it is reached"
    story.then(e.ChannelRefused())
    assert story.commands == (e.ScheduleContact(0.0),)
    assert story.state.phase == "online", "only what it is told then counts"
    story.then(e.ChannelChanged(ChannelStatus(False, "The connection broke.")))
    assert (story.state.phase, story.codes) == ("online", [])
    assert Story().then(started(), e.ChannelRefused()).commands == ()


def test_a_second_channel_is_told_to_others_and_changes_nothing_else() -> None:
    opened = e.SecondChannelChanged(ChannelStatus(True, url=SECOND.url))
    story = online().then(opened)
    publish = e.PublishServices(running_services(story.state))
    assert story.state.second_channel == opened.channel
    assert story.commands == (publish, e.TellRelays())
    assert story.then(opened).commands == ()
    assert story.then(e.SecondChannelChanged(ChannelStatus(False, "It broke.", SECOND.url))).commands == (publish,)
    assert story.then(e.SecondChannelChanged(None)).commands == ()
    assert (story.state.phase, story.state.second_channel) == ("online", None)
    assert Story().then(started(), opened).commands == ()


def test_whoever_turns_from_a_coordinator_has_no_channel_and_comes_back_only_when_it_must() -> None:
    told = assignment("ner-extraction", coordinators=(FIRST, SECOND))
    story = online().then(e.HeartbeatAnswered(told), e.ChannelChanged(ChannelStatus(True)))
    story.then(e.CoordinatorFailed("It did not answer in time."))
    assert (story.state.coordinator, story.state.failing) == (SECOND.url, (FIRST.url,))
    assert not story.state.channel.open
    assert story.ordered(e.PublishServices)
    story.then(e.ChannelChanged(ChannelStatus()), e.Registered(told, CATALOGUE))
    story.then(e.ChannelChanged(ChannelStatus(True)), e.ContactDue(), e.HeartbeatAnswered(told))
    assert story.state.coordinator == SECOND.url, "it stays, although the other one is named"
    story.then(e.CoordinatorFailed("It did not answer in time."))
    assert story.state.coordinator == FIRST.url, "both have failed: it is the other one's turn"
    story.then(e.Registered(told, CATALOGUE))
    assert story.state.failing == (SECOND.url,)


def test_a_changed_catalogue_is_fetched_by_registering_again() -> None:
    story = online().then(e.HeartbeatAnswered(assignment("ner-extraction", catalogue_version="2")))
    assert not story.state.registered
    assert story.ordered(e.ScheduleContact) == [e.ScheduleContact(0.0)]


def test_a_renewed_credential_is_kept() -> None:
    story = online().then(e.CredentialRenewed("newer"))
    assert story.state.membership is not None
    assert story.state.membership.credential == "newer"
    assert story.ordered(e.SaveMembership) == [e.SaveMembership(story.state.membership)]


def test_coordinators_named_by_an_assignment_are_kept_at_the_address_that_worked() -> None:
    told = (msgspec.structs.replace(FIRST, url="http://inside.example"), SECOND)
    story = online().then(e.HeartbeatAnswered(assignment("ner-extraction", coordinators=told)))
    assert story.state.membership is not None
    assert [info.url for info in story.state.membership.coordinators] == [FIRST.url, SECOND.url]


def test_who_failed_and_answers_again_stays_where_it_answered() -> None:
    """Else nobody would be known at the address in use, and the node would ask nobody any more."""
    story = online().then(e.CoordinatorFailed("It is gone."), e.CoordinatorFailed("This one, too."))
    assert story.state.coordinator == FIRST.url
    assert FIRST.url in story.state.failing
    public = msgspec.structs.replace(FIRST, url="https://public.example")
    story.then(e.Registered(assignment(coordinators=(public, SECOND)), CATALOGUE))
    assert story.state.membership is not None
    assert story.state.coordinator in {info.url for info in story.state.membership.coordinators}
    assert FIRST.url not in story.state.failing


def test_an_address_that_nobody_is_known_at_is_left() -> None:
    story = online()
    story.state = msgspec.structs.replace(story.state, coordinator="http://moved.example")
    story.then(e.ContactDue())
    assert story.ordered(e.Register) == [e.Register(FIRST.url)]


def test_every_answer_has_its_blocklist_verified_first_and_none_is_kept_with_the_assignment() -> None:
    told = assignment("ner-extraction", blocklist=SignedBlocklist("{}", "s"), blocklist_version=2)
    story = online().then(e.HeartbeatAnswered(told))
    assert story.commands[0] == e.TakeBlocklist(told.blocklist)
    kept = msgspec.structs.replace(told, blocklist=None)
    assert story.ordered(e.SaveAssignment) == [e.SaveAssignment(kept)]
    assert story.state.assignment == kept
    story.then(e.HeartbeatAnswered(told))
    assert story.ordered(e.TakeBlocklist) == [e.TakeBlocklist(told.blocklist)]
    assert story.ordered(e.SaveAssignment) == []
    still = msgspec.structs.replace(told, blocklist=None, blocklist_current=SignedBlocklist("{}", "t"))
    story.then(e.HeartbeatAnswered(still))
    assert story.ordered(e.TakeBlocklist) == [e.TakeBlocklist(None, still.blocklist_current)]
    assert story.ordered(e.SaveAssignment) == []


def test_after_registering_the_coordinator_soon_hears_what_is_not_wanted_here() -> None:
    story = Story().then(started(membership=MEMBERSHIP, rules=Rules(services_off=("notes-coa",))))
    story.then(e.Registered(assignment(), CATALOGUE))
    assert story.ordered(e.ScheduleContact)[-1] == e.ScheduleContact(SOON)


def test_after_registering_the_coordinator_soon_hears_that_everything_rests() -> None:
    story = online().then(ruling("all"), e.DrainEnded(), e.ServicesChanged(()), e.WorkerUnknown())
    story.then(e.Registered(assignment("ner-extraction"), CATALOGUE))
    assert e.ScheduleContact(SOON) in story.commands, "or it would give us work for a heartbeat's time"
