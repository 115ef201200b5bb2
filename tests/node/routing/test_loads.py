from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.routing.loads import OLDEST, Load, LoadBook, known_since, newest, possible

loads = st.builds(Load, st.floats(0, 1), st.floats(-1e6, 1e6))
dates = st.floats(allow_nan=True, allow_infinity=True)


@given(loads, loads, loads)
def test_the_newest_is_the_same_whatever_the_order_in_which_it_was_heard(a: Load, b: Load, c: Load) -> None:
    heard = {newest(newest(x, y), z) for x, y, z in itertools.permutations((a, b, c))}
    assert len(heard) == 1
    assert heard.pop().known_at == max(a.known_at, b.known_at, c.known_at)
    assert newest(a, a) == a


def test_of_the_same_moment_the_higher_load_counts() -> None:
    assert newest(Load(0.2, 5.0), Load(0.7, 5.0)) == newest(Load(0.7, 5.0), Load(0.2, 5.0)) == Load(0.7, 5.0)


@given(dates, st.floats(1e9, 2e9), st.floats(0, 1e9))
def test_nothing_is_known_from_the_future_nor_older_than_a_day(last_seen: float, wall: float, now: float) -> None:
    known_at = known_since(last_seen, wall=wall, now=now)
    assert now - OLDEST <= known_at <= now


def test_a_date_is_brought_to_the_routers_own_clock() -> None:
    assert known_since(1_700_000_000.0, wall=1_700_000_012.5, now=100.0) == 87.5
    assert known_since(0.0, wall=1_700_000_000.0, now=100.0) == 100.0 - OLDEST
    assert known_since(math.nan, wall=1_700_000_000.0, now=100.0) == 100.0 - OLDEST


@pytest.mark.parametrize(
    ("load", "is_one"),
    [(0.0, True), (1.0, True), (-0.1, False), (1.1, False), (1e9, False), (math.nan, False), (math.inf, False)],
)
def test_what_is_no_load_is_told_from_what_is(load: float, is_one: bool) -> None:
    assert possible(load) == is_one


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("", "ocr", "ner")), loads), max_size=12), loads)
def test_the_book_tells_the_newest_of_all_that_was_said(said: list[tuple[str, str, Load]], record: Load) -> None:
    book = LoadBook()
    for worker_id, service, load in said:
        book.note(worker_id, load, service)
    about = [load for worker_id, service, load in said if worker_id == "a" and service in ("", "ocr")]
    expected = max([*about, record], key=lambda load: (load.known_at, load.value))
    assert book.newest("a", "ocr", record) == expected


def test_the_book_forgets_the_oldest() -> None:
    book = LoadBook(maximum=10)
    for number in range(100):
        book.note(f"w{number}", Load(0.5, float(number)))
    assert len(book) == 10
    assert book.newest("w99", "ocr", Load(0.1, 0.0)) == Load(0.5, 99.0)
    assert book.newest("w0", "ocr", Load(0.1, -1.0)) == Load(0.1, -1.0)
