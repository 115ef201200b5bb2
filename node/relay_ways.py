"""Which coordinators reach us by relay, and where another worker is reached so: functions over what is known."""

from __future__ import annotations

from collections.abc import Sequence

from node.state import NodeState
from node.wire.messages import CoordinatorInfo, WorkerRecord
from node.wire.relayed import relayed_url


def relays_of(state: NodeState, offered: int) -> tuple[str, ...]:
    """Return the ids of the coordinators to which we open connections now, two at most, the one in use first.

    `offered` is how many connections we would open to each.
    """
    if not offered or state.membership is None:
        return ()
    second = state.second_channel
    urls = [state.coordinator if state.channel.open else None, second.url if second and second.open else None]
    ids = {info.url: info.id for info in state.membership.coordinators}
    return tuple(dict.fromkeys(ids[url] for url in urls if url in ids))


def relay_bases(record: WorkerRecord, known: Sequence[CoordinatorInfo]) -> Sequence[str]:
    """Return the base URL of a worker by way of the first coordinator that reaches it and that we know, if any."""
    urls = {info.id: info.url for info in known}
    return [relayed_url(urls[one], record.worker_id) for one in record.relays if one in urls][:1]
