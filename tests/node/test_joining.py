"""Coming back to a coordinator that lets nobody in for now: when it says, not with all others, not for ever."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from node.joining import (
    JITTER,
    LONGEST_PAUSE,
    is_for_now,
    patiently,
    pause_after,
    pins_our_mesh,
    unless_stopped,
    why_unused,
)
from node.wire.encoding import b64encode
from node.wire.invites import InviteLink, make_invite
from node.wire.problems import Problem
from tests.support.node_values import MEMBERSHIP

OURS, THEIRS = b"o" * 32, b"t" * 32
LATER = Problem("store-unavailable", "Most members of the store do not answer.")


def test_an_invite_that_a_member_does_not_use_is_told_apart_from_one_for_another_mesh() -> None:
    membership = msgspec.structs.replace(MEMBERSHIP, mesh_public_key=b64encode(OURS))
    invite, other = make_invite(b"s" * 10, OURS), make_invite(b"s" * 10, THEIRS)
    told = [(invite.code, True), (other.code, False), (InviteLink("http://127.0.0.1:1", invite).url, True)]
    for text, ours in [*told, ("RMA-NONSENSE", False), ("rma-mesh://x", False)]:
        assert pins_our_mesh(text, membership) is ours
    there = "in a mesh already, as w1 at http://127.0.0.1:8080"
    assert f"{there}. If it was put out of that: `rma-mesh-node leave`" in why_unused(membership, ours=True)
    assert f"{there}, for which the invite is not. To change: " in why_unused(membership, ours=False)


@pytest.mark.parametrize("kind", ["rate-limited", "overloaded", "store-unavailable", "draining", "starting"])
def test_what_says_nothing_of_the_invite_is_for_now(kind: str) -> None:
    assert is_for_now(Problem(kind, "x"))


@pytest.mark.parametrize("kind", ["invite-invalid", "forbidden", "invalid-body", "no-coordinator", "conflict"])
def test_a_word_on_the_invite_is_final_and_silence_is_another_thing(kind: str) -> None:
    assert not is_for_now(Problem(kind, "x"))


def test_a_pause_is_as_the_coordinator_said_and_never_too_long() -> None:
    told = Problem("rate-limited", "x", retry_after=40)
    assert [pause_after(told, 3, draw) for draw in (0.0, 1.0)] == [40.0, 40.0 * (1 + JITTER)]
    assert pause_after(Problem("rate-limited", "x", retry_after=0), 1, 0.0) == 1.0
    assert pause_after(Problem("rate-limited", "x", retry_after=10**7), 1, 0.0) == LONGEST_PAUSE
    assert [pause_after(LATER, tries, 0.0) for tries in (1, 2, 3, 99)] == [5.0, 10.0, 20.0, LONGEST_PAUSE]


class Coordinator:
    """Answers with problems until it has none left; time passes only while somebody waits."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = list(problems)
        self.time = 0.0
        self.told: list[Problem] = []

    async def ask(self) -> str:
        if self.problems:
            raise self.problems.pop(0)
        return "let in"

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    async def be_asked(self, patience: float) -> str:
        return await patiently(
            self.ask,
            patience,
            lambda problem, _pause: self.told.append(problem),
            now=lambda: self.time,
            sleep=self.sleep,
        )


async def test_it_is_asked_again_until_it_lets_us_in() -> None:
    coordinator = Coordinator(LATER, Problem("rate-limited", "x", retry_after=100), LATER)
    assert await coordinator.be_asked(3600.0) == "let in"
    assert len(coordinator.told) == 3
    assert 5 + 100 + 20 <= coordinator.time <= (5 + 100 + 20) * (1 + JITTER)


async def test_it_is_asked_no_longer_than_there_is_patience_and_never_after_a_final_word() -> None:
    coordinator = Coordinator(*[LATER] * 50)
    with pytest.raises(Problem, match="Most members"):
        await coordinator.be_asked(600.0)
    assert 100.0 < coordinator.time <= 600.0
    for patience, problem in ((0.0, LATER), (3600.0, Problem("invite-invalid", "It is spent."))):
        coordinator = Coordinator(problem)
        with pytest.raises(Problem):
            await coordinator.be_asked(patience)
        assert (coordinator.time, coordinator.told) == (0.0, [])


async def test_who_is_told_to_stop_waits_no_longer() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        try:
            stop.set()
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return "never"

    assert await unless_stopped(wait(), stop) is None
    assert ended.is_set()
    assert await unless_stopped(asyncio.sleep(0, "let in"), asyncio.Event()) == "let in"

    async def late() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await unless_stopped(late(), asyncio.Event())
