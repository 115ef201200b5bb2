"""Who of the coordinators assigns."""

from __future__ import annotations

import pytest

from coordinator_server.fleet.election import Follow, Lead, Resign, Role, Take, fence, resignation, role
from coordinator_server.fleet.roster import ASSIGNER, Held
from coordinator_server.store.interface import ABSENT, Write

OURS, THEIRS = Held("us", 7), Held("they", 8)


@pytest.mark.parametrize(
    ("held", "stands", "leased_until", "expected"),
    [
        (None, True, 100.0, Take()),
        (None, True, float("-inf"), Take()),
        (None, False, 100.0, Follow()),
        (THEIRS, True, 100.0, Follow()),
        (THEIRS, False, 100.0, Follow()),
        (OURS, True, 100.0, Lead(7)),
        (OURS, True, 50.0, Follow()),
        (OURS, True, 49.0, Follow()),
        (OURS, False, 100.0, Resign(7)),
        (OURS, False, 10.0, Resign(7)),
    ],
)
def test_who_holds_the_key_and_is_sure_of_it_leads(
    held: Held | None, stands: bool, leased_until: float, expected: Role
) -> None:
    assert role(held, "us", leased_until, 50.0, stands=stands) == expected


def test_every_write_stands_or_falls_with_the_key() -> None:
    assert fence("us") == Write(ASSIGNER, b"us", ABSENT, leased=True)
    assert fence("us", 7) == Write(ASSIGNER, b"us", 7, leased=True)
    assert resignation(7) == Write(ASSIGNER, None, 7)
