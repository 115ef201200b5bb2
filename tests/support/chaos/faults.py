"""What is broken, for a while: each fault says who suffers from it, and mends everything at its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from tests.support.chaos.lab import GO_ON, PAUSE, Lab, Program, fill
from tests.support.chaos.network import firewall
from tests.support.etcd import Member

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Hit:
    """Who cannot be expected to serve; without a majority of the store no one can be expected to write."""

    victims: frozenset[str] = field(default_factory=frozenset)
    no_majority: bool = False
    writes_fail: bool = False  # every write is refused meanwhile
    blind: frozenset[str] = field(default_factory=frozenset)  # who cannot reach the store


Fault = Callable[[Lab, random.Random], AbstractAsyncContextManager[Hit]]


def _someone(lab: Lab, rng: random.Random) -> Program:
    return rng.choice(list(lab.coordinators.values()))


@contextlib.asynccontextmanager
async def kill_coordinator(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    one = _someone(lab, rng)
    one.kill()
    try:
        yield Hit(frozenset({one.name}))
    finally:
        await one.start()


@contextlib.asynccontextmanager
async def halt_coordinator(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    one = _someone(lab, rng)
    one.signal(PAUSE)
    try:
        yield Hit(frozenset({one.name}))
    finally:
        one.signal(GO_ON)


@contextlib.asynccontextmanager
async def end_coordinator(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """End one in good order, as for an update."""
    one = _someone(lab, rng)
    await one.stop()
    try:
        yield Hit(frozenset({one.name}))
    finally:
        await one.start()


@contextlib.asynccontextmanager
async def kill_leader(lab: Lab, _: random.Random) -> AsyncIterator[Hit]:
    leader = await _leader(lab)
    leader.kill()
    try:
        yield Hit()
    finally:
        leader.start()
        await _leader(lab)


@contextlib.asynccontextmanager
async def halt_leader(lab: Lab, _: random.Random) -> AsyncIterator[Hit]:
    leader = await _leader(lab)
    leader.signal(PAUSE)
    try:
        yield Hit()
    finally:
        leader.signal(GO_ON)
        await _leader(lab)


@contextlib.asynccontextmanager
async def no_majority(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """Two of three members are away: one is killed, the other one hangs."""
    killed, halted = rng.sample(lab.members, 2)
    killed.kill()
    halted.signal(PAUSE)
    try:
        yield Hit(no_majority=True, writes_fail=True)
    finally:
        halted.signal(GO_ON)
        killed.start()
        await _leader(lab)


@contextlib.asynccontextmanager
async def no_store(lab: Lab, _: random.Random) -> AsyncIterator[Hit]:
    """All members are dead."""
    for member in lab.members:
        member.kill()
    try:
        yield Hit(no_majority=True, writes_fail=True, blind=frozenset(lab.names))
    finally:
        for member in lab.members:
            member.start()
        await _leader(lab)


@contextlib.asynccontextmanager
async def disk_full(lab: Lab, _: random.Random) -> AsyncIterator[Hit]:
    """The disk of one member, or that of SQLite, has no room left."""
    ballast = await asyncio.to_thread(fill, lab.disk)
    try:
        yield Hit(writes_fail=lab.store == "sqlite")
    finally:
        ballast.unlink()
        if lab.members:
            member = lab.members[-1]
            member.kill()  # it may have ended by itself; nothing of it but its data is trusted
            member.start()
            await _leader(lab)


@contextlib.contextmanager
def _clock(lab: Lab, rng: random.Random, by: int) -> Iterator[Hit]:
    one = _someone(lab, rng)
    lab.set_clock(one.name, by)
    try:
        yield Hit(frozenset({one.name}))
    finally:
        lab.set_clock(one.name, 0)


@contextlib.asynccontextmanager
async def clock_ahead(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    with _clock(lab, rng, HOUR) as hit:
        yield hit


@contextlib.asynccontextmanager
async def clock_behind(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    with _clock(lab, rng, -HOUR) as hit:
        yield hit


@contextlib.contextmanager
def _rules(rules: Sequence[str]) -> Iterator[None]:
    firewall(rules)
    try:
        yield
    finally:
        firewall(())


def _between(lab: Lab, name: str, *members: Member, there: str = "", back: str = "") -> list[str]:
    """Return rules for what goes from a coordinator to members of etcd (all of them), and for what comes back."""
    rules = []
    for member in members or lab.members:
        at = lab.etcd_at(name, member)
        rules += [f"ip daddr {at} {there}"] if there else []
        rules += [f"ip saddr {at} {back}"] if back else []
    return rules


@contextlib.asynccontextmanager
async def cut_off(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """One coordinator cannot reach the store."""
    one = _someone(lab, rng)
    with _rules(_between(lab, one.name, there="drop", back="drop")):
        yield Hit(blind=frozenset({one.name}))


@contextlib.asynccontextmanager
async def one_way(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """What one coordinator asks arrives, and it hears no answer."""
    one = _someone(lab, rng)
    with _rules(_between(lab, one.name, back="drop")):
        yield Hit(blind=frozenset({one.name}))


@contextlib.asynccontextmanager
async def bad_line(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """Of what goes between one coordinator and the store, 30 % is lost."""
    one = _someone(lab, rng)
    lost = "numgen random mod 100 < 30 drop"
    with _rules(_between(lab, one.name, there=lost, back=lost)):
        yield Hit()


# --- between members of etcd ------------------------------------------------------------------------------------


def _unheard(speaker: Member, *others: Member) -> list[str]:
    """Return rules by which nothing that one member says arrives at others."""
    return [f"ip saddr {speaker.address} ip daddr {other.address} drop" for other in others]


def _apart(lab: Lab, one: Member, *others: Member) -> list[str]:
    """Return rules by which a member and others (all of them) hear nothing of each other."""
    others = others or tuple(other for other in lab.members if other is not one)
    return [*_unheard(one, *others), *(rule for other in others for rule in _unheard(other, one))]


@contextlib.asynccontextmanager
async def _until_one_leads(lab: Lab, rules: Sequence[str]) -> AsyncIterator[None]:
    with _rules(rules):
        yield
    await _leader(lab)


@contextlib.asynccontextmanager
async def leader_apart(lab: Lab, _: random.Random) -> AsyncIterator[Hit]:
    """The leader does not reach the other members, and all coordinators reach it."""
    async with _until_one_leads(lab, _apart(lab, await _leader(lab))):
        yield Hit()


@contextlib.asynccontextmanager
async def leader_and_one(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """The leader and one coordinator are on one side, the other members and coordinators on the other side."""
    leader, one = await _leader(lab), _someone(lab, rng)
    others = [member for member in lab.members if member is not leader]
    rules = _apart(lab, leader) + _between(lab, one.name, *others, there="drop", back="drop")
    for name in lab.names:
        if name != one.name:
            rules += _between(lab, name, leader, there="drop", back="drop")
    async with _until_one_leads(lab, rules):
        yield Hit(blind=frozenset({one.name}))


@contextlib.asynccontextmanager
async def leader_unheard(lab: Lab, _: random.Random) -> AsyncIterator[Hit]:
    """Nothing that the leader says arrives at other members; what they say arrives there."""
    leader = await _leader(lab)
    others = [member for member in lab.members if member is not leader]
    async with _until_one_leads(lab, _unheard(leader, *others)):
        yield Hit()


@contextlib.asynccontextmanager
async def follower_apart(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """One that does not lead reaches no other member, and all coordinators reach it."""
    leader = await _leader(lab)
    follower = rng.choice([member for member in lab.members if member is not leader])
    async with _until_one_leads(lab, _apart(lab, follower)):
        yield Hit()


@contextlib.asynccontextmanager
async def two_apart(lab: Lab, rng: random.Random) -> AsyncIterator[Hit]:
    """The leader and another member hear nothing of each other; the third one hears both."""
    leader = await _leader(lab)
    follower = rng.choice([member for member in lab.members if member is not leader])
    async with _until_one_leads(lab, _apart(lab, leader, follower)):
        yield Hit()


async def _leader(lab: Lab) -> Member:
    assert lab.cluster is not None
    return await asyncio.to_thread(lab.cluster.leader)


OF_COORDINATORS = ("kill-coordinator", "halt-coordinator", "end-coordinator", "clock-ahead", "clock-behind")
ANY_STORE: Mapping[str, Fault] = {
    "kill-coordinator": kill_coordinator,
    "halt-coordinator": halt_coordinator,
    "end-coordinator": end_coordinator,
    "clock-ahead": clock_ahead,
    "clock-behind": clock_behind,
    "disk-full": disk_full,
}
OF_MEMBERS: Mapping[str, Fault] = {
    "leader-apart": leader_apart,
    "leader-and-one": leader_and_one,
    "leader-unheard": leader_unheard,
    "follower-apart": follower_apart,
    "two-apart": two_apart,
}
OF_ETCD: Mapping[str, Fault] = {
    "kill-leader": kill_leader,
    "halt-leader": halt_leader,
    "no-majority": no_majority,
    "no-store": no_store,
    "cut-off": cut_off,
    "one-way": one_way,
    "bad-line": bad_line,
    **OF_MEMBERS,
}
FAULTS: Mapping[str, Fault] = {**ANY_STORE, **OF_ETCD}


def possible(store: str) -> list[str]:
    """Return what can be broken."""
    return list(FAULTS if store == "etcd" else ANY_STORE)
