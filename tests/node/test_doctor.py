"""The doctor says what is wrong and what to do."""

from __future__ import annotations

import msgspec

from node.doctor import examine
from node.state import NodeState
from node.wire.messages import Capabilities
from tests.support.node_values import FIRST, MEMBERSHIP, report

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
