"""When a node asks for another place in the overlay, and that it never asks without end."""

from __future__ import annotations

import pytest

from node.renewal import FIRST_PAUSE, LONGEST_PAUSE, Renewal, is_wanted
from node.wire.messages import VpnGrant

NOW = 1_800_000_000.0
GRANT = VpnGrant(
    ip="10.42.0.11", network="10.42.0.0/16", ca="", bundle="", certificate="", renew_at=NOW + 60, version="aa"
)


@pytest.mark.parametrize(
    ("grant", "told", "now", "wanted"),
    [
        (None, "", NOW, True),
        (None, "aa", NOW, True),
        (GRANT, "aa", NOW, False),
        (GRANT, "", NOW, False),
        (GRANT, "bb", NOW, True),
        (GRANT, "aa", NOW + 60, True),
        (GRANT, "", NOW + 1e9, True),
    ],
)
def test_a_place_is_asked_for_when_it_is_missing_old_or_of_another_version(
    grant: VpnGrant | None, told: str, now: float, wanted: bool
) -> None:
    assert is_wanted(grant, told, now) is wanted


def test_the_pauses_grow_up_to_a_limit() -> None:
    renewal, now, pauses = Renewal(), NOW, []
    for _ in range(30):
        assert renewal.may_ask(now)
        renewal = renewal.after_asking(now)
        assert not renewal.may_ask(now)
        pauses.append(renewal.not_before - now)
        now = renewal.not_before
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == max(pauses) == LONGEST_PAUSE


def test_a_clock_that_was_far_ahead_does_not_keep_us_from_asking() -> None:
    assert Renewal().after_asking(NOW + 1e9).may_ask(NOW)
