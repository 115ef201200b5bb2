"""The doctor says what is wrong and what to do."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from node.doctor import Check, examine
from node.state import ChannelStatus, NodeState, VpnPhase, VpnStatus
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
)


def test_nothing_is_wrong_with_a_healthy_node() -> None:
    assert all(check.ok for check in examine(HEALTHY, 0.3))


def test_a_coordinator_that_went_silent_a_moment_ago_is_not_said_to_answer() -> None:
    check = next(check for check in examine(HEALTHY, None) if check.name == "coordinator")
    assert (check.ok, check.detail) == (False, f"{FIRST.url} does not answer now.")


def test_a_wrong_clock_is_no_reason_to_leave_the_mesh() -> None:
    refused = msgspec.structs.replace(HEALTHY, coordinator_ok=False, coordinator_refused=True)
    hints = {
        offset: {one.name: one for one in examine(refused, offset)}["coordinator"].hint for offset in (0.0, 999.0)
    }
    assert "leave the mesh" in hints[0.0]
    assert "clock" in hints[999.0]
    assert "leave" not in hints[999.0]


def test_every_finding_says_what_to_do() -> None:
    sick = msgspec.structs.replace(
        HEALTHY,
        coordinator_ok=False,
        coordinator_error="It did not answer in time.",
        dht_contacts=0,
        services=(report("ner-extraction", "failed", "It ended."),),
        capabilities=Capabilities(disk_free_bytes=1),
    )
    wrong = {check.name: check for check in examine(sick, -300) if not check.ok}
    assert set(wrong) == {"coordinator", "clock", "dht", "service ner-extraction", "disk"}
    assert all(check.hint for check in wrong.values())
    assert "300 s ahead of" in wrong["clock"].detail


def test_a_machine_outside_any_mesh_is_told_to_get_an_invite() -> None:
    checks = {check.name: check for check in examine(NodeState(), None)}
    assert not checks["membership"].ok
    assert "invite" in checks["membership"].hint


def channel_check(**changes: object) -> Check:
    state = msgspec.structs.replace(HEALTHY, **changes)
    return next(check for check in examine(state, 0.0) if check.name == "channel")


def test_without_a_channel_nothing_is_lacking_but_time() -> None:
    assert channel_check(channel=ChannelStatus(True)).detail == "Open: what changes in the mesh is heard at once."
    told = assignment(heartbeat_interval=45.0)
    closed = channel_check(assignment=told, channel=ChannelStatus(False, "It did not answer in time."))
    wanted = "Not open: what changes in the mesh is heard within 45 s. It did not answer in time."
    assert (closed.ok, closed.detail) == (True, wanted)
    assert channel_check().detail == "Not open: what changes in the mesh is heard within 30 s."
    assert channel_check(membership=None).detail == "Not open: this machine is in no mesh."


def vpn_check(**changes: object) -> Check:
    state = msgspec.structs.replace(HEALTHY, **changes)
    return next(check for check in examine(state, 0.0) if check.name == "vpn")


@pytest.mark.parametrize("phase", get_args(VpnPhase))
def test_every_state_of_the_private_network_is_told_and_what_is_wrong_has_a_hint(phase: VpnPhase) -> None:
    check = vpn_check(vpn=VpnStatus(phase, "10.42.0.7", SENTENCES[phase]))
    assert SENTENCES[phase] in check.detail
    assert check.ok == (phase in ("off", "direct", "relayed"))
    assert check.ok or check.hint


def test_a_private_network_in_which_nobody_reaches_us_is_told() -> None:
    up = VpnStatus("direct", "10.42.0.7", "Others are reached directly.")
    check = vpn_check(vpn=up, vpn_listen_error="Port 8000 is in use.")
    assert (check.ok, check.detail) == (False, "Port 8000 is in use.")
    check = vpn_check(vpn=up, vpn_renewal_error="It did not answer in time.")
    assert not check.ok
    assert "It did not answer in time." in check.detail
    assert vpn_check(vpn_renewal_error="There is none.").ok, "a mesh without one is no fault of this machine"
