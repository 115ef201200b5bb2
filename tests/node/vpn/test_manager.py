"""The manager with a computer that does what the test says: events become calls, signals come in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Literal

import pytest

from node.vpn.engine import Engine
from node.vpn.events import InterfaceCameUp, MachineChecked, NebulaExited, NebulaUpdated, Signal, Told, TunnelMade
from node.vpn.manager import Probes, Times, Vpn
from node.vpn.names import Names
from node.vpn.settings import Plan
from node.vpn.state import VpnView
from tests.support.nebula import shared_mesh
from tests.support.waiting import eventually

pytestmark = pytest.mark.needs("nebula-cert")
LIGHTHOUSE, PEER = IPv4Address("10.42.0.1"), IPv4Address("10.42.0.12")


class Staged:
    """A computer, its engine, names and peers, all played by the test; `done` tells what was asked of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.plans: list[Plan] = []
        self.signals: list[str] = []
        self.views: list[VpnView] = []
        self.checked = MachineChecked(permitted=True, network="home")
        self.out = "192.168.1.5 via 192.168.1.1"
        self.outside = IPv4Address("198.51.100.7")
        self.answers: set[IPv4Address] = {LIGHTHOUSE}
        self.works = True
        self.fails = False
        self.failed: set[str] = set()
        self.ports: dict[str, int] = {}
        self.asked: set[tuple[str, int]] = set()
        self.tell: Callable[[Told], None] = lambda _: None

    # a computer
    def check(self, network: IPv4Network) -> MachineChecked:
        self.done.append("check")
        return self.checked

    def outlook(self) -> str:
        self.fail("outlook")
        return self.out

    def fail(self, what: str) -> None:
        if self.fails:
            self.failed.add(what)
            raise OSError("too many open files")

    def engine(self, on_told: Callable[[Told], None]) -> Engine:
        self.tell = on_told
        return self

    # an engine
    async def start(self, plan: Plan) -> None:
        self.done.append("start")
        self.plans.append(plan)
        if not self.works:
            raise OSError("out of luck")
        self.tell(InterfaceCameUp("rma0", plan.listen_port))

    async def update(self, plan: Plan) -> None:
        self.done.append("update")
        self.plans.append(plan)
        self.tell(NebulaUpdated(restarted=False))

    async def stop(self) -> None:
        self.done.append("stop")

    # names and probes
    async def look_up(self, host: str) -> tuple[IPv4Address, ...]:
        return (self.outside,)

    async def probe(self, ip: IPv4Address, port: int, source: IPv4Address) -> float | None:
        assert str(source) == "10.42.0.11"
        assert port == 8000 or self.ports
        self.asked.add((str(ip), port))
        self.fail("probe")
        return 0.02 if ip in self.answers else None

    def signal(self, signal: Signal) -> None:
        self.signals.append(type(signal).__name__)


@asynccontextmanager
async def running(staged: Staged, mode: Literal["auto", "off"] = "auto") -> AsyncIterator[Vpn]:
    async with Vpn(
        staged,
        mode=mode,
        on_change=staged.views.append,
        on_signal=staged.signal,
        probes=Probes(staged.probe, staged.probe),
        names=Names(staged.look_up),
        times=Times(watch=0.01, names=0.06, asleep=3600.0),
        ports=lambda: staged.ports,
    ) as vpn:
        yield vpn


def settings(**more: Any) -> Any:
    return shared_mesh().worker("10.42.0.11", {"10.42.0.1": "lighthouse.example"}, **more)


async def phase(vpn: Vpn, wanted: str) -> None:
    await eventually(lambda: vpn.view.phase == wanted, f"{wanted} instead of {vpn.view.phase}")


async def test_from_settings_to_direct_and_back_to_nothing() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        assert vpn.view.phase == "off"
        vpn.apply(settings())
        await phase(vpn, "direct")
        assert vpn.view.ip == IPv4Address("10.42.0.11")
        assert vpn.view.rtt_ms == pytest.approx(20.0)
        assert staged.signals == ["OverlayUp"]
        assert str(staged.plans[0].lighthouses[0].addresses[0].ip) == "198.51.100.7"
        vpn.apply(None)
        await phase(vpn, "off")
        await eventually(lambda: staged.done[-1] == "stop", "Nebula is stopped")
    assert staged.signals == ["OverlayUp", "OverlayDown"]
    assert [view.phase for view in staged.views][-1] == "off"


async def test_stopping_ends_nebula_and_withdraws_the_address() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
    assert staged.done[-1] == "stop"
    assert staged.signals[-1] == "OverlayDown"
    await vpn.stop()
    assert staged.signals.count("OverlayDown") == 1


async def test_off_is_off() -> None:
    staged = Staged()
    async with running(staged, "off") as vpn:
        vpn.apply(settings())
        assert vpn.view.phase == "off"
    assert "start" not in staged.done


async def test_settings_that_do_not_fit_are_said() -> None:
    async with running(Staged()) as vpn:
        vpn.apply(settings(relays=(IPv4Address("10.43.0.1"),)))
        assert vpn.view.phase == "failed"
        assert "10.43.0.1" in vpn.view.text


async def test_peers_are_told_with_route_and_round_trip() -> None:
    staged = Staged()
    staged.answers.add(PEER)
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        staged.tell(TunnelMade(PEER, None))
        assert vpn.view.phase == "relayed"
        (peer,) = await vpn.measure()
        assert (peer.ip, peer.route, peer.rtt_ms) == (PEER, "relayed", pytest.approx(20.0))
        assert vpn.peers() == (peer,)


async def test_a_member_that_shakes_hands_without_end_takes_little_of_our_time() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        before = len(staged.views)
        for number in range(2000):
            staged.tell(TunnelMade(PEER + number % 1000, f"192.0.2.1:{number}"))
        assert len(staged.views) - before < 200  # each costs as much as there are tunnels
        await eventually(lambda: len(vpn.peers()) == 1000, "all are shown")


async def test_nobody_answers_and_then_somebody_does() -> None:
    staged = Staged()
    staged.answers.clear()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "no-udp")
        staged.answers.add(LIGHTHOUSE)
        await phase(vpn, "direct")


async def test_a_renewal_is_an_update() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        assert vpn.in_use is not None
        before, after = vpn.in_use, settings(blocklist=("ab" * 32,))
        assert before.blocklist == ()
        vpn.apply(after)
        await eventually(lambda: "update" in staged.done, "the update")
        assert staged.plans[-1].blocklist == ("ab" * 32,)
        assert vpn.in_use == after
        vpn.apply(None)
        await eventually(lambda: vpn.in_use is None, "nothing is in use")


async def test_another_network_restarts_and_the_paths_changed() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        staged.checked = MachineChecked(permitted=True, network="café")
        staged.out = "10.1.1.7 via 10.1.1.1"
        await eventually(lambda: "PathsChanged" in staged.signals, "paths changed")
        assert staged.done.count("start") == 2
        await phase(vpn, "direct")


async def test_coordinators_are_asked_at_their_own_port_whatever_ours_is() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings(service_port=9000))
        await phase(vpn, "direct")


async def test_peers_are_asked_at_the_port_that_they_are_known_to_have_and_coordinators_at_theirs() -> None:
    staged = Staged()
    staged.ports = {"10.42.0.12": 9001, "10.42.0.1": 9002}
    async with running(staged) as vpn:
        vpn.apply(settings(service_port=9000))
        await phase(vpn, "direct")
        for peer in ("10.42.0.12", "10.42.0.13"):
            staged.tell(TunnelMade(IPv4Address(peer), "203.0.113.5:4242"))
        await vpn.measure()
        await eventually(lambda: ("10.42.0.1", 8000) in staged.asked, "the coordinator")
        assert {("10.42.0.12", 9001), ("10.42.0.13", 8000)} <= staged.asked
        assert ("10.42.0.1", 9002) not in staged.asked


async def test_a_silent_lighthouse_with_a_new_address_is_found_there() -> None:
    staged = Staged()
    second = "10.42.0.2"
    names = {"10.42.0.1": "lighthouse.example", second: "second.example"}
    async with running(staged) as vpn:
        vpn.apply(shared_mesh().worker("10.42.0.11", names))
        await phase(vpn, "direct")
        staged.outside = IPv4Address("198.51.100.77")
        await eventually(lambda: staged.done.count("start") == 2, "the restart")
        assert str(staged.plans[-1].lighthouses[1].addresses[0].ip) == "198.51.100.77"


async def test_a_crash_and_an_engine_that_fails_are_tried_again() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        staged.works = False
        staged.tell(NebulaExited("crashed", "boom"))
        await eventually(lambda: staged.done.count("start") == 2, "the next try")
        staged.works = True
        await phase(vpn, "direct")


async def test_a_look_that_fails_is_not_the_last_one() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        staged.fails = True
        vpn.doubt()  # measures at once
        await eventually(lambda: {"outlook", "probe"} <= staged.failed, "a look of each kind failed")
        staged.fails = False
        staged.out = "10.1.1.7 via 10.1.1.1"
        staged.checked = MachineChecked(permitted=True, network="caf\u00e9")
        await eventually(lambda: "PathsChanged" in staged.signals, "the other network is seen")
        await phase(vpn, "direct")


async def test_revoked_is_the_end() -> None:
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        vpn.revoke()
        assert vpn.view.phase == "revoked"
        await eventually(lambda: staged.done[-1] == "stop", "Nebula is stopped")
        assert staged.signals == ["OverlayUp", "OverlayDown"]


async def test_without_any_network_udp_is_not_blamed() -> None:
    staged = Staged()
    staged.answers.clear()
    async with running(staged) as vpn:
        vpn.see_outside(reached=False)
        vpn.apply(settings())
        await eventually(lambda: "internet" in vpn.view.text, "the internet is asked for")
        vpn.see_outside(reached=True)
        await phase(vpn, "no-udp")


async def test_a_doubt_is_looked_into_at_once_but_not_for_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.vpn.machine.HEALTHY_INTERVAL", 3600.0)
    monkeypatch.setattr("node.vpn.manager.DOUBT_EVERY", 3600.0)
    staged = Staged()
    async with running(staged) as vpn:
        vpn.apply(settings())
        await phase(vpn, "direct")
        staged.answers.clear()
        staged.answers.add(PEER)
        staged.tell(TunnelMade(PEER, "203.0.113.5"))
        vpn.doubt()
        await eventually(lambda: "No coordinator" in vpn.view.text, "the silence is noticed")
        due = vpn._health
        for _ in range(100):
            vpn.doubt()
        assert vpn._health is due
