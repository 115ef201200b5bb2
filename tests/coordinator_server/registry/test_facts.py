"""What is told of a worker, and when that is worth telling."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator_server.registry.facts import LOAD_PAUSE, Facts, facts_of, member_of, must_be_told, shared
from coordinator_server.registry.membership import Member
from node.wire.messages import Battery, Capabilities, Disk, Endpoints, ServiceReport

PC = Capabilities(
    cpu_cores=8,
    ram_bytes=2**34,
    disk_free_bytes=10**12,
    disks=(Disk(mount="/home/anna", total_bytes=1, free_bytes=1),),
    addresses=(),
    public_ip="203.0.113.9",
    has_public_ip=True,
    battery=Battery(charge=0.5, on_battery=True),
)
ENDS = Endpoints(port=8000, direct_hosts=("203.0.113.9",), vpn_ip="10.42.0.16")
SHARES = st.integers(0, 1000).map(lambda n: n / 1000)
MEMBER = Member(
    worker_id="w-1",
    capabilities=PC,
    endpoints=ENDS,
    claimed=ENDS,
    registered_at=1.0,
    last_seen=2.0,
    load=0.333333,
    services=(ServiceReport(name="ner", state="running"), ServiceReport(name="ocr", state="starting")),
    unwanted=("ocr",),
    site="203.0.113.9",
)


def test_what_others_hear_is_enough_to_plan_and_tells_no_address() -> None:
    told = shared(facts_of(MEMBER, stale=False))
    assert (told.running, told.unwanted, told.load, told.route) == (("ner",), ("ocr",), 0.33, "vpn")
    assert told.capabilities.disk_free_bytes == 10**12
    assert told.capabilities.has_public_ip
    assert told.capabilities.public_ip is None
    assert told.capabilities.disks == ()
    again = member_of("w-1", told)
    assert (again.worker_id, again.running, again.unwanted, again.site) == ("w-1", ("ner",), ("ocr",), MEMBER.site)
    assert again.endpoints.direct_hosts == ()
    assert facts_of(member_of("w-1", msgspec.structs.replace(told, paused=True)), stale=True).stale


def test_what_was_told_without_what_nobody_asks_for_is_not_told_again() -> None:
    facts = facts_of(MEMBER, stale=False)
    assert not must_be_told(shared(facts), facts, 10**6)


@pytest.mark.parametrize(
    ("before", "after", "quiet", "told"),
    [
        (0.0, 0.24, 10**6, False),
        (0.24, 0.26, LOAD_PAUSE - 1, False),
        (0.24, 0.26, LOAD_PAUSE, True),
        (0.89, 0.91, LOAD_PAUSE, True),
        (0.91, 1.0, LOAD_PAUSE, False),
    ],
)
def test_a_load_is_told_rarely_and_only_when_it_is_another_one(
    before: float, after: float, quiet: float, told: bool
) -> None:
    facts = Facts(capabilities=PC, load=before)
    assert must_be_told(facts, msgspec.structs.replace(facts, load=after), quiet) is told


@pytest.mark.parametrize(
    ("before", "after", "quiet", "told"),
    [
        (1.0, 0.26, 10**6, False),
        (0.12, 0.07, LOAD_PAUSE - 1, False),
        (0.12, 0.07, LOAD_PAUSE, True),
        (0.051, 0.049, LOAD_PAUSE, True),
        (0.04, 0.0, LOAD_PAUSE, False),
    ],
)
def test_free_memory_is_told_as_rarely(before: float, after: float, quiet: float, told: bool) -> None:
    facts = Facts(capabilities=PC, memory_free=before)
    assert must_be_told(facts, msgspec.structs.replace(facts, memory_free=after), quiet) is told


@given(SHARES, SHARES)
def test_what_is_rounded_for_others_is_not_told_again_for_that(load: float, memory_free: float) -> None:
    facts = Facts(capabilities=PC, load=load, memory_free=memory_free)
    told = shared(facts)
    assert not must_be_told(told, facts, 10**6)
    assert max(abs(facts.load - told.load), abs(facts.memory_free - told.memory_free)) < 0.011


def test_free_memory_is_known_to_who_plans_and_coordinators_before_it_said_nothing() -> None:
    told = shared(facts_of(dataclasses.replace(MEMBER, memory_free=0.0499), stale=False))
    assert told.memory_free == 0.04
    assert member_of("w-1", told).memory_free == 0.04
    older = {name: value for name, value in msgspec.to_builtins(told).items() if name != "memory_free"}
    assert msgspec.convert(older, Facts).memory_free == 1.0
