"""What the assigner writes: the difference between a plan and what the store has, in portions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from coordinator_server.fleet.roster import ASSIGNED
from coordinator_server.store.interface import MOST_TOGETHER, Write

PORTION = MOST_TOGETHER - 1  # for the assigner's own key goes with each


def differences(
    wanted: Mapping[str, tuple[str, ...]], written: Mapping[str, tuple[str, ...]]
) -> Iterator[Sequence[Write]]:
    """Yield what has to be written, so much as goes into one commit at a time.

    Who shall run nothing is written down as well: so it is told from who was not thought of yet.
    """
    if wanted == written:  # as nearly always; to go through thousands one by one takes five times as long
        return
    writes = _writes(wanted, dict(written))
    while portion := list(islice(writes, PORTION)):
        yield portion


def _writes(wanted: Mapping[str, tuple[str, ...]], written: Mapping[str, tuple[str, ...]]) -> Iterator[Write]:
    for name, services in wanted.items():
        if written.get(name) != services:
            yield Write(ASSIGNED + name, msgspec.json.encode(services))
    for name in written:
        if name not in wanted:
            yield Write(ASSIGNED + name, None)
