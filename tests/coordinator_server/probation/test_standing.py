"""Probation as a pure decision: what begins it, what ends it, and that time and others' errors are minded."""

from __future__ import annotations

import random

import pytest

from coordinator_server.probation.standing import (
    MEMORY,
    Record,
    Tally,
    Terms,
    after_canary,
    begin,
    counting,
    gets_off,
    let_off,
    put_on,
    too_wrong,
)

TERMS = Terms()
NOW = 1_000_000.0


def tally(right: int, wrong: int) -> Tally:
    found = Tally(NOW)
    found.count(right, wrong, NOW, TERMS.window)
    return found


@pytest.mark.parametrize(
    ("own", "others", "begins"),
    [
        ((0, 9), (100, 0), False),  # too few
        ((5, 5), (100, 0), True),
        ((6, 5), (100, 0), False),
        ((0, 20), (0, 0), True),  # nobody to compare it with
        ((0, 20), (5, 4), True),  # too few of others
        ((5, 5), (50, 50), False),  # it is what clients send, or what all lack
        ((0, 20), (50, 50), True),
        ((0, 20), (40, 60), False),
    ],
)
def test_errors_begin_one_where_there_are_many_and_more_than_with_others(
    own: tuple[int, int], others: tuple[int, int], begins: bool
) -> None:
    assert bool(too_wrong(tally(*own), sum(others), others[1], TERMS)) is begins


def test_errors_are_forgotten_with_time() -> None:
    counted = tally(0, 30)
    counted.count(1, 0, NOW + TERMS.window, TERMS.window)
    assert (counted.all, counted.all_wrong) == (31, 30)
    counted.count(1, 0, NOW + 2 * TERMS.window, TERMS.window)
    assert (counted.all, counted.all_wrong) == (2, 0)
    counted.count(0, 5, NOW + 2.5 * TERMS.window, TERMS.window)
    counted.turn(NOW + 9 * TERMS.window, TERMS.window)
    assert counted.all == 0
    counted.count(0, 3, NOW, TERMS.window)
    assert counted.all_wrong == 3, "a clock that steps back does no harm"


def test_canaries_in_a_row_end_it() -> None:
    record = put_on(None, "wrong", NOW, TERMS, proven=True)
    progress = begin(record, NOW, TERMS)
    assert progress.next_at == NOW + TERMS.pause
    now = NOW
    for passed in (True, True, False, True, True):
        now = progress.next_at
        progress = after_canary(progress, passed, now, TERMS)
        assert not gets_off(record, progress, now, TERMS, has_canary=True)
    progress = after_canary(progress, True, now, TERMS)
    assert gets_off(record, progress, now, TERMS, has_canary=True)
    assert let_off(record) == Record(times=(NOW,))


def test_who_fails_on_is_asked_more_and_more_rarely() -> None:
    progress, now, pauses = begin(put_on(None, "wrong", NOW, TERMS, proven=True), NOW, TERMS), NOW, []
    for _ in range(40):
        now = progress.next_at
        progress = after_canary(progress, False, now, TERMS)
        pauses.append(progress.next_at - now)
    assert pauses[:3] == [120.0, 240.0, 480.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == TERMS.longest


def test_the_third_probation_in_a_week_is_for_the_operator_to_end() -> None:
    record, now = None, NOW
    for number in range(1, 4):
        record = put_on(record, "wrong", now, TERMS, proven=True)
        assert record.suspected is (number == 3)
        progress = begin(record, now, TERMS)
        assert progress.next_at - now == TERMS.pause * 2 ** (number - 1)
        for _ in range(TERMS.passes):
            progress = after_canary(progress, True, now, TERMS)
        assert gets_off(record, progress, now, TERMS, has_canary=True) is (number < 3)
        if number < 3:
            record, now = let_off(record), now + 60
    assert record is not None
    late = put_on(let_off(record), "wrong", now + MEMORY, TERMS, proven=True)
    assert not late.suspected, "what is long ago does not count"
    assert let_off(late).is_over(now + 3 * MEMORY)
    assert not late.is_over(now + 3 * MEMORY), "one that runs is never over"
    assert counting({"ner": late, "ocr": let_off(late)}, now + 3 * MEMORY) == {"ner": late}


def test_by_failed_requests_alone_nobody_is_ever_suspected() -> None:
    record = None
    for number in range(9):
        record = put_on(record, "requests failed", NOW + 60 * number, TERMS, proven=False)
        assert not record.suspected
        record = let_off(record)


def test_where_nothing_can_be_asked_it_ends_with_its_pause() -> None:
    record = put_on(None, "wrong", NOW, TERMS, proven=True)
    progress = begin(record, NOW, TERMS)
    assert not gets_off(record, progress, NOW + TERMS.pause - 1, TERMS, has_canary=False)
    assert gets_off(record, progress, NOW + TERMS.pause, TERMS, has_canary=False)
    assert not gets_off(let_off(record), progress, NOW + 9e9, TERMS, has_canary=False)


def test_whatever_happens_records_stay_bounded() -> None:
    dice, record, now = random.Random(4), None, NOW
    for _ in range(300):
        now += dice.uniform(0, MEMORY / 2)
        record = (
            put_on(record, "wrong", now, TERMS, proven=True)
            if dice.random() < 0.6 or record is None
            else let_off(record)
        )
        assert len(record.times) <= TERMS.many
        assert list(record.times) == sorted(record.times)
