"""Which coordinators a node knows, which one it asks next, and to which it holds a second channel. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import msgspec

from node.routing.weighing import drawn, weight
from node.state import Measured, Membership, NodeState
from node.wire.messages import Assignment, CoordinatorInfo

MOST = 8  # coordinators that a node remembers
MUCH = 2.0  # times the weight of the one in use: less is no reason to leave it
LOOKS = 3  # in a row that have to find such a one
SMOOTHING = 0.3  # how much of a latency is the newest one


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


def first_coordinator(membership: Membership, told: Assignment | None, draw: float) -> str | None:
    """Return whom to ask first: any of those that are there with the same chance, so that workers are spread."""
    named = {info.id for info in told.coordinators} if told is not None else set()
    infos = [info for info in membership.coordinators if info.id in named or not named] or membership.coordinators
    return infos[drawn([1.0] * len(infos), draw)].url if infos else None


def next_coordinator(state: NodeState, draw: float = 0.0) -> str | None:
    """Return whom to ask after the coordinator in use has failed, which `state.failing` names already.

    That is one of those that were named last and have not failed, drawn by their weights; the one to which we hold
    a channel anyway, while none is much better. Where all of these have failed it is the next one that has not,
    else the next one.
    """
    infos = state.membership.coordinators if state.membership else ()
    urls = [info.url for info in infos]
    if not urls:
        return state.coordinator
    position = urls.index(state.coordinator) if state.coordinator in urls else -1
    turn = [*infos[position + 1 :], *infos[: position + 1]]
    named = _named(state)
    good = [info for info in turn if info.url not in state.failing]
    best = [info for info in good if info.id in named]
    second = state.second_channel
    if second is not None and second.open and second.url in [info.url for info in good]:
        weights = _weights(state, good)
        if weights[second.url] * MUCH > max(weights[info.url] for info in best or good):
            return second.url
    if best:
        return best[drawn(list(_weights(state, best).values()), draw)].url
    return (good or turn)[0].url


def measured(state: NodeState, found: Sequence[Measured], silent: Collection[str]) -> NodeState:
    """Take in what a look at the coordinators has found; our calls tell whether the one in use has failed."""
    before = {one.id: one for one in state.measured}
    named = _named(state)
    now = before | {one.id: _smoothed(before.get(one.id), one) for one in found}
    infos = state.membership.coordinators if state.membership else ()
    well = {info.url for info in infos if info.id in {one.id for one in found}} - {state.coordinator}
    ill = [info.url for info in infos if info.url in silent and info.url != state.coordinator]
    failing = (*(url for url in state.failing if url not in well and url not in ill), *ill)
    kept = tuple(one for name, one in now.items() if name in named)
    return msgspec.structs.replace(state, measured=kept, failing=failing)


def _smoothed(before: Measured | None, now: Measured) -> Measured:
    if before is None:
        return now
    latency = min(now.latency_ms, MUCH * before.latency_ms + 1)  # one slow answer may have any reason
    return Measured(now.id, before.latency_ms + SMOOTHING * (latency - before.latency_ms), now.queue)


def outweighing(state: NodeState) -> Mapping[str, float]:
    """Return the URLs of those that are much better than the coordinator in use, with their weights."""
    infos = state.membership.coordinators if state.membership else ()
    known, named = {one.id for one in state.measured}, _named(state)
    weights = _weights(state, [info for info in infos if info.id in named & known])
    if state.coordinator not in weights:  # nothing is known of it to be compared with
        return {}
    least = weights[state.coordinator] * MUCH
    return {url: one for url, one in weights.items() if one >= least and one > 0 and url != state.coordinator}


def _weights(state: NodeState, infos: Sequence[CoordinatorInfo]) -> dict[str, float]:
    """Return the weights of coordinators by their URLs; who was never measured counts as the others on average."""
    known = {one.id: one for one in state.measured}
    usual = sum(one.latency_ms for one in state.measured) / len(state.measured) if state.measured else 0.0
    found = {}
    for info in infos:
        one = known.get(info.id, Measured(info.id, usual))
        healthy = info.url not in state.failing
        found[info.url] = weight(one.latency_ms, one.queue, healthy=healthy)
    return found


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
