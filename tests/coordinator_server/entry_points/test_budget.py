"""So many writes a day, 30 s apart, whatever the clock does."""

from __future__ import annotations

from dataclasses import replace

from coordinator_server.entry_points.budget import APART, DAY, LONGEST_PAUSE, Budget, pause_after

NOON = 20_000 * DAY + DAY / 2


def test_writes_are_apart() -> None:
    budget = Budget()
    assert budget.next_write(NOON, 1000) == NOON
    budget = budget.writing(NOON)
    assert budget.next_write(NOON + 1, 1000) == NOON + APART
    assert budget.next_write(NOON + 40, 1000) == NOON + 40
    assert budget.next_write(NOON - 1000, 1000) == NOON - 1000, "the clock was set back"


def test_a_day_has_so_many_and_the_next_one_as_many_again() -> None:
    budget, now, written = Budget(), NOON - DAY / 2, 0
    while (now := budget.next_write(now, 1000)) < NOON + DAY / 2:
        budget = budget.writing(now)
        written += 1
    assert 990 <= written <= 1000
    now = NOON + DAY / 2  # 00:00 UTC
    assert replace(budget, used=1000).next_write(NOON + 1000, 1000) == now
    assert budget.used_on(now) == 0
    assert budget.writing(now).used == 1


def test_whoever_changes_the_list_all_the_time_does_not_use_up_the_evening() -> None:
    budget, now, longest = Budget(), NOON - DAY / 2, 0.0
    while now < NOON + DAY / 2:
        budget, before = budget.writing(now), now
        now = budget.next_write(now, 1000)
        assert budget.used <= 1000
        longest = max(longest, now - before)
    assert longest < 200, "seconds that a change waits at most, at any time of the day"
    few = Budget().writing(NOON).writing(NOON + APART)
    later = few.next_write(NOON + APART, 3)
    assert NOON + 10_000 < later < NOON + DAY / 2, "the last one is for later, but for today"


def test_failures_are_waited_for_longer_and_longer() -> None:
    assert [pause_after(count) for count in (1, 2, 3)] == [30.0, 60.0, 120.0]
    assert pause_after(50) == LONGEST_PAUSE
    assert pause_after(1, 4000.0) == 4000.0, "what Cloudflare asks for counts"
