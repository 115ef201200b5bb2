"""Whose a machine is, and where it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.registry.facts import NOWHERE
from coordinator_server.registry.machines import MOST_OF_ONE_OWNER, Machine, machine_of, owner_of, resting, site_of
from coordinator_server.registry.membership import Member
from node.wire.messages import Capabilities, ServiceReport
from tests.support.fleets import machine


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:81.2.69.142", "81.2.69.142"),
        ("2a00:1450:4009:81f::200e", "2a00:1450:4009:81f::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("192.168.1.20", "192.168.1.0/24"),
        ("192.168.1.77", "192.168.1.0/24"),
        ("100.64.3.4", "100.64.3.4"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("0.0.0.0", ""),
        ("10.42.3.9", ""),
        ("", ""),
        ("unix", ""),
        ("999.1.1.1", ""),
    ],
)
def test_a_household_is_what_shares_an_address(address: str, site: str) -> None:
    expected = "203.0.113.0/24" if address == "203.0.113.7" else site  # for documentation, so not public
    assert site_of(address) == expected


def test_the_overlay_may_have_another_network() -> None:
    assert site_of("10.99.0.7", "10.99.0.0/16") == ""
    assert site_of("10.42.0.7", "10.99.0.0/16") == "10.42.0.0/24"


def test_an_invite_that_brought_in_many_tells_of_nobody() -> None:
    assert owner_of("i", MOST_OF_ONE_OWNER) == "i"
    assert owner_of("i", MOST_OF_ONE_OWNER + 1) == ""


def test_who_says_nothing_is_believed_to_run_what_it_was_told() -> None:
    assert machine("a", current=("x",)).runs("x")
    assert not machine("a", current=("x",), running=()).runs("x")
    assert machine("a", current=("x",), running=(), expected=True).runs("x")
    assert not machine("a", resting="is paused").awake
    assert not machine("a", expected=True).awake
    assert machine("a").awake


MEMBER = Member(
    worker_id="w-1",
    capabilities=Capabilities(cpu_cores=3),
    endpoints=NOWHERE,
    claimed=NOWHERE,
    registered_at=1.0,
    last_seen=2.0,
    load=0.3,
    memory_free=0.4,
    services=(ServiceReport(name="x", state="running"), ServiceReport(name="y", state="starting")),
    unwanted=("z",),
    site="s",
)
ENROLMENT = Enrolment(
    worker_id="w-1",
    name="PC",
    identity_public_key="k",
    invite_id="i",
    trust="vetted",
    services=("x", "y"),
    enrolled_at=0.0,
)


def seen(member: dict[str, Any], enrolment: dict[str, Any], *, stale: bool = False) -> Machine:
    one, other = replace(MEMBER, **member), msgspec.structs.replace(ENROLMENT, **enrolment)
    return machine_of(one, other, current=("x", "q"), stale=stale, brought_in=1)


def test_a_worker_is_seen_as_it_says_that_it_is_and_as_the_operator_let_it_in() -> None:
    assert seen({}, {}) == Machine(
        worker_id="w-1",
        capabilities=Capabilities(cpu_cores=3),
        trust="vetted",
        covered=("x", "y"),
        current=("x", "q"),
        running=("x",),
        load=0.3,
        memory_free=0.4,
        unwanted=("z",),
        owner="i",
        site="s",
    )


@pytest.mark.parametrize(
    ("member", "enrolment", "stale", "why", "draining"),
    [
        ({}, {}, False, "", False),
        ({"paused": True}, {}, False, "is paused or closing", False),
        ({}, {"draining": True}, False, "is being drained by the operator", True),
        ({"paused": True}, {"draining": True}, False, "is being drained by the operator", False),
        ({}, {"draining": True, "revoked_at": 5.0}, False, "was revoked", False),
        ({}, {"pending": True}, False, "waits for the operator's approval", False),
        ({}, {"draining": True}, True, "is not heard of", False),
    ],
)
def test_why_a_machine_rests_and_whether_it_serves_until_others_do(
    member: dict[str, Any], enrolment: dict[str, Any], stale: bool, why: str, draining: bool
) -> None:
    found = seen(member, enrolment, stale=stale)
    assert (found.resting, found.draining) == (why, draining)
    assert resting(replace(MEMBER, **member), msgspec.structs.replace(ENROLMENT, **enrolment), stale=stale) == why
