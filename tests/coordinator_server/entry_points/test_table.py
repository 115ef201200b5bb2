"""One address per worker and one worker per address, for as long as it was proved lately."""

from __future__ import annotations

from coordinator_server.entry_points.table import Proved, Table

KEY = "a key"


def proved(worker_id: str, url: str, at: float, key: str = KEY) -> Proved:
    return Proved(worker_id, key, url, at, at)


def test_an_address_is_its_owners_until_it_is_stale() -> None:
    table = Table(120.0)
    assert table.prove(proved("a", "https://a", 0.0))
    assert table.owner("https://a", 119.0) == "a"
    assert table.owner("https://a", 120.0) is None
    assert not table.prove(proved("a", "https://a", 100.0)), "no news"
    assert [(one.since, one.proved_at) for one in table.fresh(219.0)] == [(0.0, 100.0)]
    assert list(table.fresh(220.0)) == []
    assert table.of("a", 100.0) is None, "it was forgotten"


def test_another_address_takes_the_place_of_the_first() -> None:
    table = Table(120.0)
    table.prove(proved("a", "https://a", 0.0))
    assert table.prove(proved("a", "https://b", 1.0))
    assert table.owner("https://a", 2.0) is None
    assert [one.access_url for one in table.fresh(2.0)] == ["https://b"]
    assert table.prove(proved("a", "https://b", 1.0, "another key")), "another key is news"


def test_what_was_taken_over_stays_with_its_new_owner() -> None:
    table = Table(120.0)
    table.prove(proved("a", "https://a", 0.0))
    table.prove(proved("b", "https://a", 130.0))
    assert table.remove("a") is not None
    assert table.owner("https://a", 131.0) == "b"
    assert table.remove("a") is None


def test_a_worker_is_looked_at_twice_a_minute() -> None:
    table = Table(120.0)
    assert table.may_ask_in("a", 5.0) == 0
    table.asking("a", 5.0)
    assert table.may_ask_in("a", 15.0) == 20.0
    assert table.may_ask_in("b", 15.0) == 0
    assert table.may_ask_in("a", 35.0) == 0
    assert table.may_ask_in("a", 1.0) == 0, "the clock was set back"
