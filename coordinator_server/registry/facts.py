"""What is told of a worker that is here: enough to decide what it shall run, and to draw it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import msgspec

from coordinator_server.registry.membership import Member
from node.wire.messages import Capabilities, Endpoints, Route, ServiceReport

LOADS: Final = (0.25, 0.5, 0.75, 0.9)  # between these, a load that comes and goes is told to nobody
MEMORIES: Final = (0.05, 0.1, 0.25)  # and a share of free memory between these
LOAD_PAUSE: Final = 60.0  # seconds between two words on nothing but load and memory
NOWHERE: Final = Endpoints(port=1)
PASSING: Final = {"ram_free_bytes": 0, "disk_free_bytes": 0, "disks": (), "addresses": (), "battery": None}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is; `stale`: it has not been heard of for long; `site` is the household that it speaks from."""

    capabilities: Capabilities
    running: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    load: float = 0.0
    memory_free: float = 1.0  # share of its memory; 1 where it does not say
    paused: bool = False
    stale: bool = False
    site: str = ""
    route: Route = "direct"


def facts_of(member: Member, *, stale: bool) -> Facts:
    """Return a member as it is now."""
    return Facts(
        capabilities=member.capabilities,
        running=member.running,
        unwanted=member.unwanted,
        load=member.load,
        memory_free=member.memory_free,
        paused=member.paused,
        stale=stale,
        site=member.site,
        route=member.route,
    )


def member_of(worker_id: str, facts: Facts) -> Member:
    """Return a worker that talks to another coordinator as a member; it cannot be reached by what this says."""
    return Member(
        worker_id=worker_id,
        capabilities=facts.capabilities,
        endpoints=NOWHERE,
        claimed=NOWHERE,
        registered_at=0.0,
        last_seen=0.0,
        load=facts.load,
        memory_free=facts.memory_free,
        services=tuple(ServiceReport(name=name, state="running") for name in facts.running),
        paused=facts.paused,
        unwanted=facts.unwanted,
        site=facts.site,
    )


def shared(facts: Facts) -> Facts:
    """Return what other coordinators have to know: nothing of what nobody asks for, and no address."""
    kept = msgspec.structs.replace(
        facts.capabilities, disks=(), addresses=(), battery=None, cpu_name="", public_ip=None
    )
    load, memory_free = _hundredths(facts.load), _hundredths(facts.memory_free)
    return msgspec.structs.replace(facts, capabilities=kept, load=load, memory_free=memory_free)


def must_be_told(before: Facts, after: Facts, quiet: float) -> bool:
    """Say whether others have to hear of a change, `quiet` seconds after they heard of this worker last."""
    if matters(before.capabilities, after.capabilities):
        return True
    alike = msgspec.structs.replace(
        after, capabilities=before.capabilities, load=before.load, memory_free=before.memory_free
    )
    if alike != before:
        return True
    return quiet >= LOAD_PAUSE and _steps(before) != _steps(after)


def _steps(facts: Facts) -> tuple[int, int]:
    return bisect_right(LOADS, facts.load), bisect_right(MEMORIES, facts.memory_free)


def _hundredths(share: float) -> float:
    """Return a share in hundredths, rounded down: on another step it would be told again and again."""
    return int(share * 100) / 100


def matters(before: Capabilities, after: Capabilities) -> bool:
    """Say whether a change of capabilities can change an assignment; free memory and battery come and go."""
    passing = {**PASSING, "gpus": (), "cpu_name": "", "public_ip": None}
    one, other = msgspec.structs.replace(before, **passing), msgspec.structs.replace(after, **passing)
    return one != other or len(before.gpus) != len(after.gpus)
