"""Goes on asking a coordinator that lets nobody in for the moment, and says why an invite is not used."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from node.identity.membership import mesh_keys_of
from node.program.tasks import TaskSet
from node.state import Membership
from node.wire.invites import InviteError, parse_code, parse_link
from node.wire.problems import Problem

T = TypeVar("T")
PATIENCE = 3600.0  # seconds for which whoever has time is to be asked for again
LATER = (429, 503)  # what says nothing about the invite
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0  # seconds; the first doubles each time where nobody says how long
JITTER = 0.25  # share of a pause that it may be longer, as all that were sent away would come at once


def pins_our_mesh(invite: str, membership: Membership) -> bool:
    """Say whether an invite, a link or a code, is for the mesh that we are in; False also for what is none."""
    try:
        code = parse_link(invite).invite if "://" in invite else parse_code(invite)
    except InviteError:
        return False
    return any(map(code.pins, mesh_keys_of(membership).every))


def why_unused(membership: Membership, *, ours: bool) -> str:
    """Return why a machine in a mesh does not use an invite, for that mesh (`ours`) or not, and what to do."""
    at = f" at {membership.coordinators[0].url}" if membership.coordinators else ""
    text = f"The invite was not used: this machine is in a mesh already, as {membership.worker_id}{at}"
    wish = ". If it was put out of that" if ours else ", for which the invite is not. To change"
    return f"{text}{wish}: `rma-mesh-node leave`, then `rma-mesh-node enroll INVITE`."


def is_for_now(problem: Problem) -> bool:
    """Whether a coordinator refused what it may allow later: its word on an invite is final."""
    return problem.status in LATER and problem.kind != "no-coordinator"


def pause_after(problem: Problem, tries: int, draw: float) -> float:
    """Return in how many seconds to ask again, after so many tries; `draw` is in [0, 1)."""
    told = problem.extra.get("retry_after")
    wanted = float(told) if isinstance(told, int) else FIRST_PAUSE * 2.0 ** min(tries - 1, 16)
    return min(max(wanted, 1.0), LONGEST_PAUSE) * (1 + JITTER * draw)


async def patiently(
    ask: Callable[[], Awaitable[T]],
    patience: float,
    delayed: Callable[[Problem, float], None],
    *,
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Ask until the answer is final or so many seconds would be over; `delayed` hears of each pause before it."""
    until = now() + patience
    for tries in itertools.count(1):
        try:
            return await ask()
        except Problem as problem:
            pause = pause_after(problem, tries, random.random())  # noqa: S311 - not for secrets
            if not is_for_now(problem) or now() + pause > until:
                raise
            delayed(problem, pause)
        await sleep(pause)
    raise AssertionError("there is always another try")


async def unless_stopped(work: Awaitable[T], stop: asyncio.Event) -> T | None:
    """Return what comes of the work, None where `stop` is set before."""
    tasks, loop = TaskSet("joining"), asyncio.get_running_loop()

    async def end(leash: asyncio.Timeout) -> None:
        await stop.wait()
        leash.reschedule(loop.time())

    try:
        async with asyncio.timeout(None) as leash:
            tasks.start(end(leash), "stop")
            return await work
    except TimeoutError:
        if leash.expired():
            return None
        raise
    finally:
        await tasks.stop()
