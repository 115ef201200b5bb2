"""The doctor says what is wrong and what to do."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from node.doctor import Check, examine
from node.reachability.observations import CoordinatorSeen, Observations
from node.rules.caps import CapReport
from node.state import ChannelStatus, NodeState, TunnelStatus, VpnPhase, VpnStatus
from node.vpn.state import SENTENCES
from node.wire.messages import Capabilities
from tests.support.node_values import FIRST, MEMBERSHIP, assignment, report

HEALTHY = NodeState(
    membership=MEMBERSHIP,
    coordinator=FIRST.url,
    coordinator_ok=True,
    dht_contacts=3,
    services=(report("ner-extraction"),),
    capabilities=Capabilities(disk_free_bytes=50 * 2**30),
    channel=ChannelStatus(True),
)


def seen(offset: float | None) -> Observations:
    """Return what is seen when the coordinator's clock is so much ahead; None: it does not answer."""
    answer = CoordinatorSeen("timeout") if offset is None else CoordinatorSeen("answers", 200, offset)
    return Observations(coordinator=answer)


def check_of(state: NodeState, name: str, offset: float | None = 0.0) -> Check:
    return next(check for check in examine(state, seen(offset)).checks if check.name == name)


def test_nothing_is_wrong_with_a_healthy_node() -> None:
    assert all(check.ok for check in examine(HEALTHY, seen(0.3)).checks)


def test_a_coordinator_that_went_silent_a_moment_ago_is_not_said_to_answer() -> None:
    check = check_of(HEALTHY, "coordinator", None)
    assert not check.ok
    assert "does not answer in time" in check.detail
    check = next(one for one in examine(HEALTHY, Observations()).checks if one.name == "coordinator")
    assert (check.ok, check.detail) == (False, f"{FIRST.url} does not answer now.")


def test_a_wrong_clock_is_no_reason_to_leave_the_mesh() -> None:
    refused = msgspec.structs.replace(HEALTHY, coordinator_ok=False, coordinator_refused=True)
    hints = {offset: check_of(refused, "coordinator", offset).hint for offset in (0.0, 999.0)}
    assert "leave the mesh" in hints[0.0]
    assert "clock" in hints[999.0]
    assert "leave" not in hints[999.0]


def test_how_caps_are_kept_is_told_and_is_no_fault_of_the_node() -> None:
    cap = CapReport(
        name="cpu", wanted=80, how="Only their low priority.", enforced=False, why_not="Whole cores only."
    )
    check = check_of(msgspec.structs.replace(HEALTHY, caps=(cap,)), "cap cpu")
    assert (check.ok, check.detail) == (True, "Only their low priority. Whole cores only.")


def test_every_finding_says_what_to_do() -> None:
    sick = msgspec.structs.replace(
        HEALTHY,
        coordinator_ok=False,
        coordinator_error="It did not answer in time.",
        dht_contacts=0,
        channel=ChannelStatus(False),
        services=(report("ner-extraction", "failed", "It ended."),),
        capabilities=Capabilities(disk_free_bytes=1),
    )
    wrong = {check.name: check for check in examine(sick, seen(-300)).checks if not check.ok}
    assert set(wrong) == {"coordinator", "clock", "dht", "service ner-extraction", "disk", "relay"}
    assert all(check.hint for check in wrong.values() if check.name != "relay"), "its reason stands at another"
    assert "5 minutes ahead of" in wrong["clock"].detail


def test_a_machine_outside_any_mesh_is_told_to_get_an_invite() -> None:
    checks = {check.name: check for check in examine(NodeState(), Observations()).checks}
    assert not checks["membership"].ok
    assert "invite" in checks["membership"].hint


def channel_check(**changes: object) -> Check:
    state = msgspec.structs.replace(HEALTHY, **changes)
    return check_of(state, "channel")


def test_without_a_channel_changes_are_heard_of_later() -> None:
    assert channel_check(channel=ChannelStatus(True)).detail == "Open: what changes in the mesh is heard at once."
    told = assignment(heartbeat_interval=45.0)
    closed = channel_check(assignment=told, channel=ChannelStatus(False, "It did not answer in time."))
    wanted = "Not open: what changes in the mesh is heard within 45 s. It did not answer in time."
    assert (closed.ok, closed.detail) == (True, wanted)
    assert (
        channel_check(channel=ChannelStatus()).detail == "Not open: what changes in the mesh is heard within 30 s."
    )
    second = ChannelStatus(True, url="https://two.example")
    both = channel_check(channel=ChannelStatus(True), second_channel=second).detail
    assert both.endswith(
        "A second one, to https://two.example, is open for requests that come through that coordinator."
    )
    lost = ChannelStatus(False, "The connection broke.", "https://two.example")
    assert channel_check(channel=ChannelStatus(), second_channel=lost).detail.endswith(
        "30 s. A second one, to https://two.example, is not open; it is tried again by itself."
        " The connection broke."
    )
    assert channel_check(membership=None).detail == "Not open: this machine is in no mesh."


def vpn_check(**changes: object) -> Check:
    state = msgspec.structs.replace(HEALTHY, **changes)
    return check_of(state, "vpn")


@pytest.mark.parametrize("phase", get_args(VpnPhase))
def test_every_state_of_the_private_network_is_told_and_what_is_wrong_has_a_hint(phase: VpnPhase) -> None:
    check = vpn_check(vpn=VpnStatus(phase, "10.42.0.7", SENTENCES[phase]), channel=ChannelStatus())
    assert SENTENCES[phase] in check.detail
    assert check.ok == (phase in ("off", "direct", "relayed"))
    assert check.ok or check.hint


def test_a_machine_without_rights_or_udp_lacks_nothing_while_others_come_by_relay() -> None:
    for phase in ("no-permission", "no-udp"):
        assert vpn_check(vpn=VpnStatus(phase, None, SENTENCES[phase])).ok
    assert not vpn_check(vpn=VpnStatus("failed", None, SENTENCES["failed"])).ok


def test_a_machine_that_nobody_over_udp_answers_is_served_all_the_same() -> None:
    alone = msgspec.structs.replace(HEALTHY, dht_contacts=0)
    assert check_of(alone, "dht").ok
    assert not check_of(msgspec.structs.replace(alone, channel=ChannelStatus()), "dht").ok


def test_what_keeps_everything_else_from_working_is_told_once() -> None:
    broken = msgspec.structs.replace(
        HEALTHY,
        coordinator="https://mesh.example.org",
        coordinator_ok=False,
        dht_contacts=0,
        channel=ChannelStatus(),
        vpn=VpnStatus("starting", None, "No."),
    )
    looked = Observations(coordinator=CoordinatorSeen("no-name-service"), name="nobody-says", own_addresses=("a",))
    checks = {check.name: check for check in examine(broken, looked).checks}
    assert "internet" in checks["coordinator"].detail
    for name in ("relay", "dht"):
        assert (checks[name].ok, checks[name].hint) == (False, "")
        assert "The reason stands at coordinator." in checks[name].detail
    assert checks["vpn"].hint == "It opens by itself once the coordinator answers."


def test_a_private_network_in_which_nobody_reaches_us_is_told() -> None:
    up = VpnStatus("direct", "10.42.0.7", "Others are reached directly.")
    check = vpn_check(vpn=up, vpn_listen_error="Port 8000 is in use.")
    assert (check.ok, check.detail) == (False, "Port 8000 is in use.")
    check = vpn_check(vpn=up, vpn_renewal_error="It did not answer in time.")
    assert not check.ok
    assert "It did not answer in time." in check.detail
    assert vpn_check(vpn_renewal_error="There is none.").ok, "a mesh without one is no fault of this machine"


def tunnel_check(**fields: object) -> Check:
    state = msgspec.structs.replace(HEALTHY, tunnel=TunnelStatus(**fields))  # type: ignore[arg-type]  # as it says
    return check_of(state, "tunnel")


def test_a_tunnel_that_nobody_asked_for_lacks_nothing() -> None:
    assert tunnel_check().ok
    assert tunnel_check().detail
    assert tunnel_check(kind="quick", state="starting", text="It is being opened.").ok


def test_a_tunnel_is_told_with_its_address_or_with_what_to_do() -> None:
    up = tunnel_check(kind="quick", state="up", url="https://a.example.org", text="It leads here.")
    assert (up.ok, up.detail) == (True, "https://a.example.org: It leads here.")
    for phase in ("down", "rate-limited", "refused", "failed"):
        assert not tunnel_check(kind="quick", state=phase, text="No.").ok
        assert tunnel_check(kind="quick", state=phase, text="No.", hint="Do.").hint == "Do."
        assert tunnel_check(kind="quick", state=phase, text="No.").hint
