"""Every route is told: whether it works, why, what to do; and what is usual is no fault."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from node.reachability.observations import CoordinatorSeen, Mapped, Observations, ProxySeen
from node.reachability.routes import Finding, RouteName, findings, is_calm
from node.state import ChannelStatus, NodeState, TunnelStatus, VpnPhase, VpnStatus
from node.vpn.state import SENTENCES
from node.wire.messages import Endpoints, SeenAs
from tests.support.node_values import FIRST, MEMBERSHIP

WELL = NodeState(
    membership=MEMBERSHIP,
    coordinator=FIRST.url,
    coordinator_ok=True,
    registered=True,
    endpoints=Endpoints(port=8000, dht_port=8468, direct_hosts=("192.168.1.5",)),
    channel=ChannelStatus(True),
    vpn=VpnStatus("direct", "10.42.0.7", SENTENCES["direct"]),
)
OWN = ("192.168.1.5",)
ONE, TWO = ("198.51.100.1", 8468), ("203.0.113.9", 8468)
SYMMETRIC = (Mapped(ONE, ("192.0.2.1", 4000)), Mapped(TWO, ("192.0.2.1", 4001)))
ANSWERS = CoordinatorSeen("answers", 200, 0.0)


def found(route: RouteName, seen: dict[str, Any] | None = None, *, relay: bool = True, **changes: Any) -> Finding:
    looked = Observations(**{"coordinator": ANSWERS, "own_addresses": OWN, **(seen or {})})
    state = msgspec.structs.replace(WELL, **changes)
    return next(one for one in findings(state, looked, relay) if one.route == route)


def test_all_routes_are_told_in_the_order_in_which_they_are_tried() -> None:
    assert [one.route for one in findings(WELL, Observations(), True)] == ["vpn", "direct", "relay", "tunnel"]
    assert [one.works for one in findings(NodeState(), Observations(), True)] == [None] * 4


@pytest.mark.parametrize("phase", get_args(VpnPhase))
def test_every_state_of_the_private_network_has_a_sentence(phase: VpnPhase) -> None:
    one = found("vpn", vpn=VpnStatus(phase, None, SENTENCES[phase]))
    assert SENTENCES[phase] in one.what
    assert one.works == {"off": None, "direct": True, "relayed": True}.get(phase, False)
    assert one.works is not False or one.hint


def test_blocked_udp_tells_whether_anybody_answered_over_it() -> None:
    blocked = VpnStatus("no-udp", None, SENTENCES["no-udp"])
    one = found("vpn", {"udp_asked": 3}, vpn=blocked)
    assert (one.works, one.cause) == (False, "no-udp")
    assert "3 machines outside answered nothing over UDP" in one.text
    other = found("vpn", {"udp_asked": 2, "mappings": SYMMETRIC[:1]}, vpn=blocked)
    assert "1 of 2 machines answered at other ports" in other.text


def test_a_relayed_network_says_what_the_router_does_where_that_is_known() -> None:
    relayed = VpnStatus("relayed", "10.42.0.7", SENTENCES["relayed"])
    one = found("vpn", {"mappings": SYMMETRIC}, vpn=relayed)
    assert (one.works, one.cause) == (True, "symmetric-nat")
    assert "Nothing has to be done" in one.hint
    assert found("vpn", {"mappings": SYMMETRIC[:1]}, vpn=relayed).cause == ""


def outside(reached: bool | None, relay: bool = True) -> dict[str, Any]:
    return {"outside": SeenAs(address="192.0.2.1", port=8000, reached=reached, relay=relay)}


def test_the_port_is_open_closed_or_nobody_knows() -> None:
    opened, closed, unknown = (found("direct", outside(reached)) for reached in (True, False, None))
    assert (opened.works, closed.works, unknown.works) == (True, False, None)
    assert (closed.cause, opened.cause) == ("port-closed", "")
    assert "192.0.2.1:8000" in closed.what
    assert found("direct").works is None
    six = found("direct", {"outside": SeenAs(address="2001:db8::1", port=8000, reached=True)})
    assert "[2001:db8::1]:8000" in six.what


def test_who_listens_for_himself_only_or_is_behind_a_proxy_is_not_called_closed() -> None:
    here = Endpoints(port=8000, dht_port=8468, direct_hosts=("127.0.0.1",))
    one = found("direct", outside(False), endpoints=here)
    assert (one.works, one.cause) == (None, "listens-here-only")
    assert "--host 0.0.0.0" in one.hint
    assert found("direct", {**outside(False), "proxy": ProxySeen("proxy:3128")}).works is None


def test_the_relay_works_while_the_channel_is_open_and_the_coordinator_has_it() -> None:
    assert found("relay").works
    assert "by way of the proxy proxy:3128" in found("relay", {"proxy": ProxySeen("proxy:3128")}).what
    assert found("relay", outside(None, relay=False)).works is False
    assert found("relay", relay=False).works is None
    assert found("relay", membership=None).works is None


def test_the_relay_works_by_way_of_a_second_coordinator_as_well() -> None:
    second = ChannelStatus(True, url="https://two.example")
    both = found("relay", second_channel=second)
    assert (both.works, "https://two.example" in both.what) == (True, True)
    assert " and " in both.what
    for alone in (
        found("relay", second_channel=second, channel=ChannelStatus()),
        found("relay", outside(None, relay=False), second_channel=second),
    ):
        assert (alone.works, alone.what) == (True, "Requests can come through https://two.example.")
    closed = ChannelStatus(False, "It broke.", "https://two.example")
    assert "two.example" not in found("relay", second_channel=closed).what


def test_without_a_channel_the_relay_tells_what_is_in_the_way() -> None:
    down = ChannelStatus(False, "The connection broke.")
    dead = found("relay", {"coordinator": CoordinatorSeen("certificate")}, channel=down)
    assert (dead.works, dead.cause) == (False, "certificate")
    broken = found("relay", channel=down)
    assert (broken.cause, broken.works) == ("no-websocket", False)
    assert "The connection broke." in broken.why
    proxied = found("relay", {"proxy": ProxySeen("proxy:3128")}, channel=down)
    assert "WebSockets" in proxied.hint
    late = found("relay", {"coordinator": CoordinatorSeen("answers", clock_offset=-360.0)}, channel=down)
    assert (late.cause, late.hint.startswith("Set the clock")) == ("clock", True), "waiting would not help"
    assert found("relay", channel=down, registered=False).cause == ""


def test_a_tunnel_is_up_or_says_what_to_do() -> None:
    assert found("tunnel").works is None
    assert found("tunnel", tunnel=TunnelStatus(kind="quick", state="up", url="https://a", text="Yes.")).works
    failed = found("tunnel", tunnel=TunnelStatus(kind="quick", state="failed", text="No.", hint="Do."))
    assert (failed.works, failed.hint) == (False, "Do.")


def test_what_is_usual_is_calm_while_others_come_by_another_route() -> None:
    blocked = msgspec.structs.replace(WELL, vpn=VpnStatus("no-permission", None, "No."))
    looked = Observations(coordinator=ANSWERS, **outside(False))
    all_of_them = findings(blocked, looked, True)
    assert [is_calm(one, all_of_them) for one in all_of_them] == [True] * 4
    alone = findings(msgspec.structs.replace(blocked, channel=ChannelStatus()), looked, True)
    assert [is_calm(one, alone) for one in alone] == [False, False, False, True]
