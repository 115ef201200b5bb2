"""Workers elsewhere: who is asked for them and when, what is believed of their words, and who is never asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from coordinator_server.enrolment.leases import Issued, Lease
from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.fleet.far import (
    FRESH,
    KEPT,
    NOBODY_FRESH,
    STALE,
    Everywhere,
    FarWorkers,
    RelayWays,
    believed,
    joined,
)
from node.wire.manifests import Manifest
from node.wire.messages import CoordinatorInfo, Endpoints, WorkerRecord
from tests.support.coordinators import Room, coordinator_room
from tests.support.mesh_keys import Clock

PUBLIC, PERSONAL = (
    Manifest(name="ner", title="", data_class="public"),
    Manifest(name="notes", title="", data_class="personal"),
)
SERVICE = "ner"
OTHER = CoordinatorInfo(id="other", url="https://other.example.org")
LEASE = Lease(ip="10.42.0.20", certificate="", issued=(Issued("ab", 1, "cd"),), renew_at=0.0)


def record(name: str = "w-1", *relays: str, **ends: Any) -> WorkerRecord:
    return WorkerRecord(worker_id=name, endpoints=Endpoints(port=8000, **ends), services=(SERVICE,), relays=relays)


def enrolment(**changes: Any) -> Enrolment:
    made = Enrolment(
        worker_id="w-1", name="PC", identity_public_key="k", invite_id="i", trust="volunteer", enrolled_at=0.0
    )
    return replace(made, **changes)


class Source:
    """Finds what it is given."""

    def __init__(self, *found: WorkerRecord) -> None:
        self.found: Sequence[WorkerRecord] = found
        self.asked = 0
        self.for_all = False
        self.error: Exception | None = None

    async def __call__(self, service: str) -> Sequence[WorkerRecord]:
        assert service == SERVICE or self.for_all
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.found


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        await room.worker("w-1")
        await room.worker("w-2")
        yield room


def far_of(room: Room, clock: Clock, *sources: Source, alone: bool = False) -> FarWorkers:
    coordinator = room.coordinator
    coordinator.fleet.others = () if alone else (OTHER,)
    return FarWorkers(sources, coordinator.workers, coordinator.catalogue, coordinator.fleet, clock)


async def test_sources_are_asked_in_turn_and_not_for_every_request(room: Room) -> None:
    clock, first, second = Clock(0.0), Source(), Source(record("w-1", "other"))
    far = far_of(room, clock, first, second)
    many = await asyncio.gather(*(far.find(SERVICE) for _ in range(20)))
    assert {tuple(one.worker_id for one in found) for found in many} == {("w-1",)}
    assert (first.asked, second.asked) == (1, 1), "one lookup serves all who ask"
    clock.now = FRESH
    first.found = (record("w-2", "other"),)
    assert [one.worker_id for one in await far.find(SERVICE)] == ["w-1"], "nobody waits while something is known"
    await asyncio.wait(far._under_way.values())
    assert [one.worker_id for one in await far.find(SERVICE)] == ["w-2"]
    assert second.asked == 1
    clock.now += FRESH + STALE
    first.found = ()
    assert [one.worker_id for one in await far.find(SERVICE)] == ["w-1"], "what is old is not believed"
    second.found = ()
    for seconds, known in ((FRESH, ["w-1"]), (KEPT - FRESH - 1.0, ["w-1"]), (1.0, [])):
        clock.now += seconds
        await far.find(SERVICE)
        if far._under_way:
            await asyncio.wait(far._under_way.values())
        assert [one.worker_id for one in await far.find(SERVICE)] == known, "another may come to know it"
    assert await far.find("unheard-of") == ()
    await far.stop()


async def test_that_there_is_nobody_is_believed_for_a_moment_and_failures_are_survived(room: Room) -> None:
    clock, source = Clock(0.0), Source()
    far = far_of(room, clock, source)
    source.error = OSError("no network")
    assert await far.find(SERVICE) == []
    source.error, source.found = None, (record("w-1", "other"),)
    assert await far.find(SERVICE) == []
    clock.now = NOBODY_FRESH
    assert [one.worker_id for one in await far.find(SERVICE)] == ["w-1"]
    assert source.asked == 2
    await far.stop()


async def test_who_could_not_be_reached_is_looked_up_again_at_once(room: Room) -> None:
    clock, source = Clock(0.0), Source(record("w-1", "other"))
    far = far_of(room, clock, source)
    everywhere = Everywhere(room.coordinator.registry, far)
    await everywhere.find(SERVICE)
    clock.now = NOBODY_FRESH
    everywhere.report_failure("w-2")
    await everywhere.find(SERVICE)
    assert source.asked == 1
    everywhere.report_failure("w-1")
    source.found = (record("w-1", "third"),)
    (found,) = await everywhere.find(SERVICE)
    assert found.relays == ("other",), "meanwhile it is tried on"
    await asyncio.wait(far._under_way.values())
    (found,) = await everywhere.find(SERVICE)
    assert (found.relays, source.asked) == (("third",), 2)
    await far.stop()


async def test_with_one_coordinator_nobody_is_asked(room: Room) -> None:
    source = Source(record())
    far = far_of(room, Clock(0.0), source, alone=True)
    assert await far.find(SERVICE) == ()
    assert await Everywhere(room.coordinator.registry, far).find(SERVICE) == []
    assert source.asked == 0


async def test_who_was_put_out_or_is_not_enrolled_is_never_asked(room: Room) -> None:
    far = far_of(room, Clock(0.0), Source(record("w-1", "other"), record("stranger", "other")))
    assert [one.worker_id for one in await far.find(SERVICE)] == ["w-1"]
    await room.coordinator.workers.revoke("w-1")
    assert await far.find(SERVICE) == [], "at once"
    await far.stop()


async def test_workers_here_come_first_and_who_failed_here_is_reached_otherwise(room: Room) -> None:
    registry = room.coordinator.registry
    source = Source(record("w-1", "other"), record("w-2", "other"))
    everywhere = Everywhere(registry, far_of(room, Clock(0.0), source))
    assert [one.worker_id for one in await everywhere.find(SERVICE)] == ["w-1", "w-2"]
    here = await room.worker("w-3")
    await here.register(port=8000)
    await here.heartbeat(SERVICE)
    assert [one.worker_id for one in await everywhere.find(SERVICE)] == ["w-3"]
    everywhere.update_load("w-3", 0.5)
    everywhere.report_failure("w-3")
    found = {one.worker_id: one for one in await everywhere.find(SERVICE)}
    assert set(found) == {"w-1", "w-2", "w-3"}
    assert found["w-3"].load == 0.5
    member = everywhere.member("w-3")
    assert member is not None
    assert (member.failed, everywhere.vpn_up) == (True, False)


async def test_who_is_on_probation_here_or_elsewhere_is_asked_where_nobody_else_is(room: Room) -> None:
    source, doubted = Source(record("w-1", "other"), record("w-2", "other")), {"w-1", "w-3"}
    far = far_of(room, Clock(0.0), source)

    def on_probation(worker_id: str, service: str) -> bool:
        return service == SERVICE and worker_id in doubted

    everywhere = Everywhere(room.coordinator.registry, far, on_probation)
    here = await room.worker("w-3")
    await here.register(port=8000)
    await here.heartbeat(SERVICE)
    source.for_all = True
    await everywhere.look()
    assert [one.worker_id for one in await everywhere.find(SERVICE)] == ["w-2"]
    assert [one.worker_id for one in everywhere.offers()[SERVICE]] == ["w-2"]
    doubted.add("w-2")
    assert {one.worker_id for one in await everywhere.find(SERVICE)} == {"w-1", "w-2", "w-3"}
    doubted.clear()
    assert [one.worker_id for one in await everywhere.find(SERVICE)] == ["w-3"], "who is here will do"
    await far.stop()


async def test_processes_that_can_look_nothing_up_are_told_who_is_elsewhere(room: Room) -> None:
    source = Source(record("w-1", "other"))
    everywhere = Everywhere(room.coordinator.registry, far_of(room, Clock(0.0), source))
    before = everywhere.version
    assert everywhere.offers() == {}
    source.for_all = True
    await everywhere.look()
    assert everywhere.version > before
    assert [one.worker_id for one in everywhere.offers()[SERVICE]] == ["w-1"]
    here = await room.worker("w-3")
    await here.register(port=8000)
    await here.heartbeat(SERVICE)
    assert [one.worker_id for one in everywhere.offers()[SERVICE]] == ["w-3"]
    asked = source.asked
    await everywhere.look()
    assert source.asked == asked, "who is here will do, and of others it is known"
    await room.coordinator.workers.revoke("w-1")
    everywhere.report_failure("w-3")
    assert [one.worker_id for one in everywhere.offers()[SERVICE]] == ["w-3"]


async def test_who_rests_here_is_not_asked_because_of_older_words(room: Room) -> None:
    here = room.machine()
    here.worker_id = "w-4"
    worker = await room.worker("w-4")
    await worker.register(port=8000)
    await worker.heartbeat(SERVICE, paused=True)
    everywhere = Everywhere(room.coordinator.registry, far_of(room, Clock(0.0), Source(record("w-4", "other"))))
    assert await everywhere.find(SERVICE) == []
    room.clock.now += 100.0
    assert [one.worker_id for one in await everywhere.find(SERVICE)] == ["w-4"], "it has long been elsewhere"


def test_of_a_workers_own_words_only_harmless_addresses_are_used() -> None:
    inner = ("127.0.0.1", "10.0.0.5", "192.168.1.1", "169.254.169.254", "localhost", "::1", "fd00::1")
    said = record(direct_hosts=(*inner, "1.1.1.1"), vpn_ip="10.42.0.1", tunnel_url="http://localhost:8000")
    found = believed(said, enrolment(vpn=LEASE), PUBLIC)
    assert found is not None
    assert found.endpoints == Endpoints(port=8000, direct_hosts=("1.1.1.1",)), "and another's place is not its own"
    own = believed(record(vpn_ip="10.42.0.20"), enrolment(vpn=LEASE), PUBLIC)
    assert own is not None
    assert own.endpoints.vpn_ip == "10.42.0.20"
    trusted = believed(record(tunnel_url="https://x.example.org"), enrolment(trust="vetted"), PERSONAL)
    assert trusted is not None
    assert (trusted.trust, trusted.endpoints.tunnel_url) == ("vetted", "https://x.example.org")


@pytest.mark.parametrize(
    ("known", "service"),
    [
        (None, PUBLIC),
        (enrolment(revoked_at=1.0), PUBLIC),
        (enrolment(draining=True), PUBLIC),
        (enrolment(services=("notes",)), PUBLIC),
        (enrolment(), PERSONAL),
    ],
)
def test_who_may_not_serve_is_not_believed(known: Enrolment | None, service: Manifest) -> None:
    assert believed(record(), known, service) is None


def test_both_are_joined_at_the_addresses_that_we_have_seen() -> None:
    here = record("w-1", direct_hosts=("192.0.2.1",))
    (found,) = joined([here], [record("w-1", "other", direct_hosts=("1.1.1.1",))])
    assert (found.endpoints.direct_hosts, found.relays) == (("192.0.2.1",), ("other",))


async def test_ways_by_relay_lead_through_ourselves_first_and_only_through_who_lives(room: Room) -> None:
    fleet = room.coordinator.fleet
    silent = set[str]()
    fleet._urls = {"other": "https://other.example.org/", "third": "https://third.example.org"}
    here = {"w-1"}
    ways = RelayWays(
        "own", fleet, lambda record: f"relay://{record.worker_id}", here.__contains__, silent.__contains__
    )
    far = "https://other.example.org/relay/w-1"
    assert list(ways(record("w-1", "own"))) == ["relay://w-1"]
    assert list(ways(record("w-1", "other", "own"))) == ["relay://w-1", far]
    assert list(ways(record("w-1", "dead"))) == ["relay://w-1"], "which others do not know yet"
    here.clear()
    assert list(ways(record("w-1", "dead", "own", "other"))) == [far], "it has left us"
    assert list(ways(record("w-1", "dead"))) == []
    third = "https://third.example.org/relay/w-1"
    assert list(ways(record("w-1", "other", "third"))) == [far, third]
    silent.add("https://other.example.org/")
    assert list(ways(record("w-1", "other", "third"))) == [third, far], "who does not answer comes last"
