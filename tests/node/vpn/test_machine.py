"""The overlay's mind, told as stories: events in, state and commands out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import msgspec
import pytest

from node.vpn.events import (
    CertificateRevoked,
    CheckMachine,
    Command,
    Event,
    Exited,
    ExitKind,
    HealthMeasured,
    InterfaceCameUp,
    LighthousesMoved,
    MachineChecked,
    NebulaExited,
    NebulaUpdated,
    NetworkChanged,
    OutsideSeen,
    OverlayDown,
    OverlayUp,
    PathsChanged,
    PeerMoved,
    RestartNebula,
    Resumed,
    RetryDue,
    ScheduleHealth,
    ScheduleRetry,
    SettingsApplied,
    SettingsRefused,
    StartNebula,
    StopNebula,
    TunnelLost,
    TunnelMade,
    UpdateNebula,
    WayDoubted,
)
from node.vpn.machine import BLOCKED_RETRY, HANDLERS, MAX_PORTS, handle
from node.vpn.settings import Endpoint, Facts, Lighthouse, VpnSettings
from node.vpn.state import VpnState, phase_of, text_of

LIGHTHOUSE, PEER, OTHER = (IPv4Address(f"10.42.0.{last}") for last in (1, 12, 13))
OWN = IPv4Address("10.42.0.11")
SETTINGS = VpnSettings(
    certificate="c", private_key="k", ca="a", lighthouses=(Lighthouse(LIGHTHOUSE, (Endpoint("lh"),)),)
)
FACTS = Facts(interface=IPv4Interface("10.42.0.11/16"), fingerprint="ab" * 32, not_before=0, not_after=1000)
FINE = MachineChecked(permitted=True, network="home")
WELL = HealthMeasured(100, 0.02)
ILL = HealthMeasured(100, None)


class Story:
    """A state that events happen to."""

    def __init__(self, state: VpnState = VpnState()) -> None:  # noqa: B008  # immutable
        self.state = state
        self.commands: tuple[Command, ...] = ()

    def tell(self, *events: Event) -> Story:
        for event in events:
            self.state, self.commands = handle(self.state, event)
        return self

    @property
    def phase(self) -> str:
        return phase_of(self.state)

    @property
    def kinds(self) -> list[type]:
        return [type(command) for command in self.commands]


def applied(**more: Any) -> SettingsApplied:
    return SettingsApplied(msgspec.structs.replace(SETTINGS, **more), FACTS, 100)


def up(*more: Event) -> Story:
    return Story().tell(applied(), FINE, InterfaceCameUp("rma0", 4242), *more)


def exited(kind: ExitKind = "crashed") -> Exited:
    return Exited(NebulaExited(kind, "boom"), 0.5)


def test_every_event_has_a_handler() -> None:
    assert set(HANDLERS) == set(Event.__args__)


def test_it_starts_by_looking_at_the_machine_then_binds_then_asks_for_health() -> None:
    story = Story()
    assert story.phase == "off"
    assert story.tell(applied()).commands == (CheckMachine(),)
    assert story.tell(FINE).commands == (StartNebula(SETTINGS, 4242),)
    assert story.phase == "starting"
    came_up = story.tell(InterfaceCameUp("rma0", 4242))
    assert came_up.commands == (OverlayUp(OWN), ScheduleHealth(0.0), CheckMachine())
    assert story.phase == "starting"
    assert story.tell(WELL).phase == "direct"


def test_the_same_settings_again_are_nothing_new() -> None:
    assert up(WELL).tell(applied()).commands == ()


def test_a_renewed_certificate_is_brought_in_while_it_runs() -> None:
    story = up(WELL).tell(applied(certificate="new"))
    assert story.kinds == [UpdateNebula]
    assert story.phase == "direct"
    assert story.tell(NebulaUpdated(restarted=False)).kinds == [ScheduleHealth]


def test_settings_that_change_while_it_starts_begin_again() -> None:
    story = Story().tell(applied(), FINE, applied(certificate="new"))
    assert story.kinds == [StopNebula, CheckMachine]
    assert story.tell(InterfaceCameUp("rma0", 4242)).commands == ()  # the old run's last word
    assert story.tell(FINE).kinds == [StartNebula]


def test_off_withdraws_the_address_before_it_goes() -> None:
    story = up(WELL).tell(SettingsApplied(None, None, 100))
    assert story.commands == (OverlayDown(), StopNebula())
    assert story.phase == "off"


# --- routes ---------------------------------------------------------------------------------------------------


def test_relayed_only_when_no_peer_is_reached_directly() -> None:
    story = up(WELL, TunnelMade(LIGHTHOUSE, "198.51.100.7:4242"))
    assert story.tell(TunnelMade(PEER, None)).phase == "relayed"
    assert story.tell(TunnelMade(OTHER, "192.0.2.1:4242")).phase == "direct"
    assert "1 of 2" in text_of(story.state)
    assert story.tell(TunnelLost(OTHER)).phase == "relayed"
    assert story.tell(PeerMoved(PEER, "192.0.2.2:4242")).phase == "direct"


# --- health ---------------------------------------------------------------------------------------------------


def test_one_missed_answer_is_no_matter_yet_and_two_are_no_udp() -> None:
    story = up(WELL, ILL)
    assert story.phase == "starting"
    assert story.tell(ILL).phase == "no-udp"
    assert story.tell(WELL).phase == "direct"


def test_peers_that_answer_keep_it_going_without_coordinators() -> None:
    story = up(WELL, TunnelMade(PEER, "192.0.2.1:1"))
    for _ in range(5):
        story.tell(HealthMeasured(100, None, frozenset({PEER})))
    assert story.phase == "direct"
    assert "No coordinator answers" in text_of(story.state)
    assert RestartNebula not in story.kinds


def test_without_any_network_it_waits_and_does_not_blame_udp() -> None:
    story = up(ILL, ILL, OutsideSeen(reached=False))
    assert story.phase == "starting"
    assert "internet" in text_of(story.state)
    assert story.tell(OutsideSeen(reached=True)).phase == "no-udp"


def test_when_nothing_answers_nebula_is_restarted_once_in_a_while() -> None:
    story = up(ILL, ILL, ILL)
    assert story.kinds == [RestartNebula]
    assert story.phase == "no-udp"  # it stays what it was for who looks at it
    story.tell(InterfaceCameUp("rma0", 4242))
    assert story.kinds == [PathsChanged, ScheduleHealth, CheckMachine]
    assert story.phase == "no-udp"
    assert story.tell(HealthMeasured(159, None)).kinds == [ScheduleHealth]
    assert story.tell(HealthMeasured(160, None)).kinds == [RestartNebula]


def test_a_dead_relay_is_left_once_when_another_lives() -> None:
    half = HealthMeasured(100, 0.02, silent=frozenset({LIGHTHOUSE}))
    story = up(WELL, TunnelMade(PEER, None), half)
    assert story.commands == (ScheduleHealth(1.0),)  # a single miss may be chance
    assert story.tell(half).commands == (RestartNebula(SETTINGS, 4242, (PEER,)),)
    story.tell(InterfaceCameUp("rma0", 4242), TunnelMade(PEER, None))
    assert story.tell(half).commands == story.tell(half).commands == (ScheduleHealth(10.0),)
    story.tell(WELL, half)
    assert story.commands == (ScheduleHealth(1.0),)
    assert story.tell(half).kinds == [RestartNebula]  # it had come back meanwhile, and died again


def test_a_dead_relay_is_no_matter_while_ways_are_direct() -> None:
    half = HealthMeasured(100, 0.02, silent=frozenset({LIGHTHOUSE}))
    story = up(WELL, TunnelMade(PEER, "192.0.2.1:1"), half)
    assert story.commands == (ScheduleHealth(1.0),)
    for _ in range(3):
        assert story.tell(half).commands == (ScheduleHealth(10.0),)


def test_a_lighthouse_needs_nobody() -> None:
    story = Story().tell(applied(role="lighthouse", lighthouses=()), FINE, InterfaceCameUp("rma0", 4242), ILL, ILL)
    assert story.phase == "direct"
    assert story.kinds == [ScheduleHealth]


# --- what goes wrong ------------------------------------------------------------------------------------------


def test_a_taken_port_is_left_to_who_has_it() -> None:
    story = Story().tell(applied(), FINE)
    ports = []
    for _ in range(MAX_PORTS):
        story.tell(exited("port-taken"))
        (start,) = story.commands
        assert isinstance(start, StartNebula)
        ports.append(start.port)
    assert ports == [*range(4243, 4243 + MAX_PORTS - 1), 0]
    assert story.tell(exited("port-taken")).kinds == [ScheduleRetry]  # even any port is taken
    assert story.tell(RetryDue(100)).kinds == [CheckMachine]


def test_the_highest_port_has_none_above() -> None:
    story = Story().tell(applied(listen_port=65_535), FINE, exited("port-taken"))
    assert story.commands == (StartNebula(msgspec.structs.replace(SETTINGS, listen_port=65_535), 0),)


def test_crashes_wait_longer_and_longer_up_to_a_minute() -> None:
    story = up(WELL)
    pauses = []
    for _ in range(12):
        story.tell(exited())
        pauses.append(next(one.after for one in story.commands if isinstance(one, ScheduleRetry)))
        story.tell(RetryDue(100), FINE)
    assert pauses[:4] == [0.75, 1.5, 3.0, 6.0]
    assert max(pauses) == pauses[-1] == 45.0  # a minute, with the jitter of a half
    assert story.phase == "failed"
    assert "boom" in text_of(story.state)
    assert story.tell(InterfaceCameUp("rma0", 4242), WELL).phase == "direct"


def test_a_single_crash_keeps_the_address_announced() -> None:
    story = up(WELL).tell(exited())
    assert OverlayDown not in story.kinds
    story.tell(RetryDue(100), FINE, InterfaceCameUp("rma0", 4242))
    assert PathsChanged in story.kinds
    assert OverlayDown in story.tell(exited()).kinds  # nobody had answered since
    assert OverlayDown not in story.tell(RetryDue(100), FINE, exited()).kinds
    assert OverlayUp in story.tell(RetryDue(100), FINE, InterfaceCameUp("rma0", 4242)).kinds


@pytest.mark.parametrize(
    ("kind", "phase"), [("permission", "no-permission"), ("device-busy", "conflict"), ("expired", "expired")]
)
def test_what_waiting_alone_does_not_mend_is_looked_at_again_and_again(kind: ExitKind, phase: str) -> None:
    story = Story().tell(applied(), FINE, exited(kind))
    assert story.phase == phase
    assert story.commands == (ScheduleRetry(BLOCKED_RETRY),)
    assert story.tell(RetryDue(100)).commands == (CheckMachine(),)
    assert story.tell(FINE).phase == "starting"


@pytest.mark.parametrize(
    ("checked", "phase", "text"),
    [
        (MachineChecked(permitted=False, text="Install the helper."), "no-permission", "Install the helper."),
        (MachineChecked(permitted=True, lacking="There is no Nebula."), "failed", "There is no Nebula."),
        (MachineChecked(permitted=True, overlaps=("eth0 has it.",)), "conflict", "eth0 has it."),
        (MachineChecked(permitted=False, overlaps=("eth0 has it.",)), "conflict", "eth0 has it."),
    ],
)
def test_what_the_machine_lacks_is_said_and_nothing_is_started(
    checked: MachineChecked, phase: str, text: str
) -> None:
    story = Story().tell(applied(), checked)
    assert story.phase == phase
    assert text in text_of(story.state)
    assert story.kinds == [StopNebula, ScheduleRetry]
    assert story.tell(RetryDue(100), FINE).phase == "starting"


def test_expiry_ends_it_while_it_runs_and_a_new_certificate_starts_it_again() -> None:
    story = up(WELL).tell(HealthMeasured(1000, 0.02))
    assert story.phase == "expired"
    assert story.commands == (OverlayDown(), StopNebula(), ScheduleRetry(BLOCKED_RETRY))
    renewed = msgspec.structs.replace(FACTS, not_after=2000, fingerprint="cd" * 32)
    story.tell(SettingsApplied(msgspec.structs.replace(SETTINGS, certificate="new"), renewed, 1001))
    assert story.kinds == [CheckMachine]
    assert story.tell(FINE, InterfaceCameUp("rma0", 4242), HealthMeasured(1002, 0.02)).phase == "direct"


def test_a_certificate_of_the_future_blames_the_clock() -> None:
    future = msgspec.structs.replace(FACTS, not_before=500)
    story = Story().tell(SettingsApplied(SETTINGS, future, 100))
    assert story.phase == "failed"
    assert "clock" in text_of(story.state)


@pytest.mark.parametrize("blocked", [False, True])
def test_who_is_revoked_leaves_at_once_and_stays_away(blocked: bool) -> None:
    listed = applied(blocklist=(FACTS.fingerprint,) if blocked else ())
    story = up(WELL).tell(listed if blocked else CertificateRevoked())
    assert story.phase == "revoked"
    assert story.commands == (OverlayDown(), StopNebula())
    assert story.tell(listed).commands == ()
    assert story.tell(NetworkChanged(), RetryDue(100)).phase == "revoked"


def test_a_new_certificate_ends_a_revocation() -> None:
    fresh = msgspec.structs.replace(FACTS, fingerprint="cd" * 32)
    story = up(CertificateRevoked()).tell(SettingsApplied(SETTINGS, fresh, 100))
    assert story.kinds == [CheckMachine]


def test_settings_that_contradict_themselves_are_said() -> None:
    story = up(WELL).tell(SettingsRefused("Its settings cannot be used: no lighthouse."))
    assert story.phase == "failed"
    assert "no lighthouse" in text_of(story.state)


# --- the world around -----------------------------------------------------------------------------------------


def test_another_network_restarts_it_and_knocks_at_the_peers() -> None:
    story = up(WELL, TunnelMade(PEER, "192.0.2.1:1"), TunnelMade(LIGHTHOUSE, "x:1"), NetworkChanged())
    assert story.commands == (CheckMachine(),)
    story.tell(MachineChecked(permitted=True, network="café"))
    assert story.commands == (RestartNebula(SETTINGS, 4242, (PEER,)),)
    assert story.tell(InterfaceCameUp("rma0", 4242)).kinds == [PathsChanged, ScheduleHealth, CheckMachine]


def test_the_same_network_again_restarts_nothing() -> None:
    assert up(WELL, NetworkChanged()).tell(FINE).commands == ()


def test_a_pulled_plug_restarts_nothing_until_it_is_back() -> None:
    story = up(WELL, NetworkChanged(), MachineChecked(permitted=True, network=""))
    assert story.commands == ()
    assert "internet" in text_of(story.tell(ILL, ILL).state)
    assert story.phase == "starting"
    assert story.tell(NetworkChanged(), FINE).kinds == [RestartNebula]


def test_a_network_with_our_addresses_ends_it_until_it_is_left() -> None:
    story = up(
        WELL, NetworkChanged(), MachineChecked(permitted=True, overlaps=("The café has it.",), network="café")
    )
    assert story.phase == "conflict"
    assert story.kinds == [OverlayDown, StopNebula, ScheduleRetry]
    assert story.tell(NetworkChanged()).commands == (CheckMachine(),)
    assert story.tell(FINE).kinds == [StartNebula]


def test_of_two_nodes_of_one_computer_that_came_up_at_once_each_gives_way_for_a_while_of_its_own() -> None:
    pauses = set()
    for jitter in (0.1, 0.9):
        story = up(MachineChecked(permitted=True, overlaps=("Another node has it.",), jitter=jitter))
        assert story.phase == "conflict"
        assert story.kinds == [OverlayDown, StopNebula, ScheduleRetry]
        pauses.add(story.commands[-1])
    assert len(pauses) == 2


def test_a_lighthouse_that_moved_and_a_sleep_are_acted_on() -> None:
    assert up(ILL).tell(LighthousesMoved(100)).kinds == [RestartNebula]
    assert up(WELL).tell(Resumed(60)).kinds == [PathsChanged, ScheduleHealth]


def test_a_doubted_way_is_looked_at_at_once_where_there_is_anything_to_look_at() -> None:
    assert up(WELL).tell(WayDoubted()).commands == (ScheduleHealth(0.0),)
    assert Story().tell(WayDoubted()).commands == ()


def test_without_settings_nothing_that_happens_matters() -> None:
    told: Sequence[Event] = (
        FINE, exited(), InterfaceCameUp("x", 1), WELL, RetryDue(1), NetworkChanged(), Resumed(9),
        LighthousesMoved(100),
    )  # fmt: skip
    for event in told:
        story = Story().tell(event)
        assert (story.commands, story.phase) == ((), "off"), event


def test_late_words_of_a_run_that_was_ended_change_nothing() -> None:
    story = up(WELL).tell(CertificateRevoked())
    before = dataclasses.replace(story.state)
    for event in (exited(), InterfaceCameUp("rma0", 1), WELL):
        assert story.tell(event).commands == ()
        assert story.phase == "revoked"
    assert story.state.announced is before.announced is None


def test_another_network_is_looked_at_before_it_is_opened() -> None:
    """A grant may name the network that this machine's own router has: its neighbours would be cut off."""
    home = Facts(interface=IPv4Interface("192.168.1.5/24"), fingerprint="cd" * 32, not_before=0, not_after=1000)
    moved = SettingsApplied(msgspec.structs.replace(SETTINGS, certificate="other"), home, 100)
    story = up(WELL).tell(moved)
    assert story.kinds == [StopNebula, CheckMachine]
    story.tell(MachineChecked(permitted=True, overlaps=("The network of eth0.",), network="home"))
    assert story.phase == "conflict"
    assert OverlayDown in story.kinds
    assert StartNebula not in story.kinds
    story = up(WELL).tell(moved, FINE)
    assert story.kinds == [StartNebula]
    assert story.tell(InterfaceCameUp("rma0", 4242)).commands[:2] == (OverlayDown(), OverlayUp(home.interface.ip))


@pytest.mark.parametrize(("clock", "phase"), [(2000, "expired"), (-5, "failed")])
def test_a_clock_that_is_set_right_opens_the_network_by_itself(clock: float, phase: str) -> None:
    story = Story().tell(SettingsApplied(SETTINGS, FACTS, clock))
    assert (story.phase, story.commands) == (phase, (ScheduleRetry(BLOCKED_RETRY),))
    assert story.tell(RetryDue(clock)).commands == (ScheduleRetry(BLOCKED_RETRY),)
    assert story.tell(NetworkChanged()).commands == ()  # another network does not set the clock
    assert story.tell(RetryDue(100)).kinds == [CheckMachine]
    assert story.tell(FINE).kinds == [StartNebula]


def test_who_was_blocked_by_mistake_comes_back_when_the_list_is_right() -> None:
    story = up(WELL).tell(applied(blocklist=(FACTS.fingerprint,)))
    assert (story.phase, story.kinds) == ("revoked", [OverlayDown, StopNebula])
    assert story.tell(applied(blocklist=(FACTS.fingerprint, "ef" * 32))).commands == ()
    assert story.tell(applied()).kinds == [CheckMachine]
    story.tell(FINE, CertificateRevoked())
    assert story.tell(applied(blocklist=("ef" * 32,))).commands == ()  # a coordinator's own word stands
    assert story.phase == "revoked"


def test_a_lighthouse_that_nobody_knows_yet_has_not_failed_for_ever() -> None:
    lighthouse = applied(role="lighthouse", lighthouses=())
    story = Story().tell(lighthouse, FINE)
    for _ in range(3):
        story.tell(exited(), RetryDue(100), FINE)
    assert story.phase == "failed"
    assert story.tell(InterfaceCameUp("rma0", 4242), ILL).phase == "failed"  # it may end again at once
    assert story.tell(ILL).phase == "direct"


def test_a_name_that_stands_for_something_else_every_time_restarts_nothing_that_works() -> None:
    half = HealthMeasured(100, 0.02, silent=frozenset({LIGHTHOUSE}))
    assert up(WELL).tell(LighthousesMoved(100)).commands == ()
    assert up(WELL, half).tell(LighthousesMoved(100)).kinds == [RestartNebula]
    story = up(ILL).tell(LighthousesMoved(100), InterfaceCameUp("rma0", 4242), ILL)
    assert story.tell(LighthousesMoved(130)).commands == ()  # peers may be reached meanwhile
    assert story.tell(LighthousesMoved(160)).kinds == [RestartNebula]
