"""So many writes a day, 30 s apart, whatever the clock does."""

from __future__ import annotations

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
    assert written == 1000
    assert now == NOON + DAY / 2, "00:00 UTC"
    assert budget.used_on(now) == 0
    assert budget.writing(now).used == 1


def test_failures_are_waited_for_longer_and_longer() -> None:
    assert [pause_after(count) for count in (1, 2, 3)] == [30.0, 60.0, 120.0]
    assert pause_after(50) == LONGEST_PAUSE
    assert pause_after(1, 4000.0) == 4000.0, "what Cloudflare asks for counts"
