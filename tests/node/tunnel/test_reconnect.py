"""When a channel is opened again: soon, spread out, later and later, and without haste where there are none."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from node.tunnel.reconnect import AGAIN, FIRST, LIVED, LONGEST, NONE_THERE, SOON, TRIES, Reconnect

NODES = 10_000
WINDOW = 0.1  # seconds


def ceilings(lived: float, times: int) -> list[float]:
    reconnect, found = Reconnect(), []
    for _ in range(times):
        reconnect, pause = reconnect.after(lived, 1.0)
        found.append(pause)
    return found


def test_pauses_grow_to_a_minute() -> None:
    assert ceilings(0.0, TRIES) == [1.0] + [SOON] * (TRIES - 1), "a coordinator may be back soon"
    assert ceilings(0.0, TRIES + 6)[TRIES:] == [4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert ceilings(0.0, 100_000)[-1] == LONGEST


def test_they_are_drawn_from_the_whole_range() -> None:
    assert [Reconnect(3).after(0.0, chance)[1] for chance in (0.0, 0.25, 1.0)] == [0.0, 0.5, 2.0]


def test_after_a_drop_the_first_try_is_within_a_second_however_often_there_was_one() -> None:
    assert FIRST <= 1.0
    assert ceilings(LIVED, 100) == [FIRST] * 100
    assert Reconnect(99).after(LIVED, 1.0) == (Reconnect(1), FIRST)
    assert Reconnect(99).after(LIVED - 0.1, 1.0) == (Reconnect(100), LONGEST)


def test_who_was_sent_away_to_register_is_soon_back_unless_that_happens_again_and_again() -> None:
    assert Reconnect(5).after(0.1, 1.0, sent_away=True) == (Reconnect(6), AGAIN)
    assert Reconnect(99).after(0.1, 1.0, sent_away=True)[1] == LONGEST


def test_a_coordinator_that_knows_none_is_asked_every_five_minutes() -> None:
    for chance in (0.0, 0.5, 1.0):
        again, pause = Reconnect(7).after_none_there(chance)
        assert again == Reconnect()
        assert 0.9 * NONE_THERE <= pause <= NONE_THERE


def tries(away: float) -> tuple[Counter[int], list[float]]:
    """Have all nodes lose their coordinator at one moment; return their tries per window, and when each is back."""
    chance, windows, back = random.Random(away), Counter[int](), []
    for _ in range(NODES):
        reconnect, pause = Reconnect().after(3600.0, chance.random())
        now = pause
        while True:
            windows[int(now / WINDOW)] += 1
            if now >= away:
                back.append(now - away)
                break
            reconnect, pause = reconnect.after(0.0, chance.random())
            now += pause
    return windows, back


@pytest.mark.parametrize("away", [0.0, 0.5, 2.0, 8.0, 60.0])
def test_ten_thousand_nodes_do_not_come_back_at_once(away: float) -> None:
    windows, back = tries(away)
    assert max(windows.values()) < NODES * 0.2, "in no tenth of a second do more than a fifth of them try"
    assert max(back) <= (SOON if away <= SOON * TRIES / 4 else LONGEST)
    if away <= FIRST:
        assert sum(count for window, count in windows.items() if window < FIRST / WINDOW) >= NODES
