"""Which coordinators reach us by relay, and where another worker is reached so: functions over what is known."""

from __future__ import annotations

from collections.abc import Sequence

from node.state import NodeState
from node.wire.messages import CoordinatorInfo, WorkerRecord
from node.wire.relayed import relayed_url

MOST = 2  # that are told to others


def relays_of(state: NodeState, offered: int) -> tuple[str, ...]:
    """Return the ids of the coordinators to which we open connections now; `offered` is how many we would."""
    if not offered or not state.channel.open or state.membership is None:
        return ()
    return tuple(info.id for info in state.membership.coordinators if info.url == state.coordinator)[:MOST]


def relay_base(record: WorkerRecord, known: Sequence[CoordinatorInfo]) -> str | None:
    """Return the base URL of a worker by way of the first coordinator that reaches it and that we know."""
    urls = {info.id: info.url for info in known}
    return next((relayed_url(urls[one], record.worker_id) for one in record.relays if one in urls), None)
