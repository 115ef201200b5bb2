"""Which coordinators a node knows, which one it asks next, and to which it holds a second channel. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import msgspec

from node.state import Membership, NodeState
from node.wire.messages import Assignment, CoordinatorInfo

MOST = 8  # coordinators that a node remembers


def knowing(membership: Membership | None, assignment: Assignment, failing: Collection[str]) -> Membership | None:
    """Take over the coordinators that an assignment names, behind those that we know.

    Each stays at the address that we know, unless that is one of those that are failing: who has moved is told of
    by the others. Those that are not named any more stay, as they may be all that there is some day.
    """
    if membership is None or not assignment.coordinators:
        return membership
    named = {info.id: info for info in assignment.coordinators}
    known = {info.id: info for info in membership.coordinators}
    infos = {one: _at_known_address(named.get(one, info), info, failing) for one, info in known.items()}
    infos |= {one: info for one, info in named.items() if one not in known}
    surplus = [one for one in infos if one not in named][: max(0, len(infos) - MOST)]
    kept = [info for one, info in infos.items() if one not in surplus]
    return msgspec.structs.replace(membership, coordinators=tuple(kept[:MOST]))


def _at_known_address(told: CoordinatorInfo, known: CoordinatorInfo, failing: Collection[str]) -> CoordinatorInfo:
    return told if known.url in failing else msgspec.structs.replace(told, url=known.url)


def next_coordinator(state: NodeState) -> str | None:
    """Return whom to ask after the coordinator in use has failed, which `state.failing` names already.

    That is the one to which we hold a channel anyway, else the next one that was named last and has not failed,
    else the next one.
    """
    infos = state.membership.coordinators if state.membership else ()
    urls = [info.url for info in infos]
    if not urls:
        return state.coordinator
    position = urls.index(state.coordinator) if state.coordinator in urls else -1
    turn = [*infos[position + 1 :], *infos[: position + 1]]
    second, named = state.second_channel, _named(state)
    good = [info.url for info in turn if info.url not in state.failing]
    if second is not None and second.open and second.url in good:
        return second.url
    best = [info.url for info in turn if info.url in good and info.id in named]
    return (best or good or [turn[0].url])[0]


def _named(state: NodeState) -> set[str]:
    """Return the ids of the coordinators that were named last."""
    return {info.id for info in state.assignment.coordinators} if state.assignment is not None else set()


def second_choices(state: NodeState) -> tuple[str, ...]:
    """Return the URLs of the coordinators to which a second channel may go, the best first.

    They are those that were named last, but for the one in use; each worker has an order of its own, which spreads
    the workers over the coordinators and changes for few of them when a coordinator comes or goes.
    """
    membership, named = state.membership, _named(state)
    if membership is None:
        return ()
    using = {info.id for info in membership.coordinators if info.url == state.coordinator}
    others = [info for info in membership.coordinators if info.id in named - using]

    def rank(info: CoordinatorInfo) -> bytes:
        return hashlib.sha256(f"{membership.worker_id} {info.id}".encode()).digest()

    return tuple(info.url for info in sorted(others, key=rank))


def second_coordinator(state: NodeState, current: str | None, given_up: Collection[str]) -> str | None:
    """Return the URL of the coordinator to which the second channel goes; it stays where it is while it can.

    When we have turned to its coordinator, it stays until the first channel is open there.
    """
    second = state.second_channel
    if second is not None and second.open and second.url == current == state.coordinator and not state.channel.open:
        return current
    choices = second_choices(state)
    if current in choices and current not in given_up:
        return current
    return next((url for url in choices if url not in given_up), choices[0] if choices else None)
