"""Which coordinators count as alive, whatever their clocks say."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator_server.fleet.presence import MOST, Presence, Serving
from node.wire.messages import CoordinatorInfo

WALL = 1_800_000_000.0
LIFE = 60.0


def said(name: str, seen_at: float = WALL, url: str = "") -> Serving:
    return Serving(info=CoordinatorInfo(id=name, url=url or f"https://{name}.example.org"), seen_at=seen_at)


def names(found: Sequence[Serving]) -> list[str]:
    return [one.info.id for one in found]


def test_who_says_something_new_is_alive_until_he_has_been_silent_for_long() -> None:
    presence = Presence("own", LIFE)
    presence.look({"b": (said("b"), 1), "a": (said("a"), 2), "own": (said("own"), 3)}, 100.0, WALL)
    assert names(presence.alive(100.0)) == ["a", "b"], "in an order of its own, and without ourselves"
    presence.look({"b": (said("b"), 1), "a": (said("a", WALL + 50), 4)}, 150.0, WALL + 50)
    assert names(presence.alive(159.9)) == ["a", "b"]
    assert (names(presence.alive(160.0)), names(presence.silent(160.0))) == (["a"], ["b"])
    presence.look({"b": (said("b", WALL + 100), 5), "a": (said("a"), 4)}, 200.0, WALL + 100)
    assert names(presence.alive(200.0)) == ["a", "b"], "it is back"
    presence.look({"b": (said("b"), 5)}, 201.0, WALL + 101)
    assert (names(presence.alive(201.0)), names(presence.silent(201.0))) == (["b"], []), "a has left in good order"


def test_a_wild_clock_neither_kills_nor_keeps_alive() -> None:
    presence = Presence("own", LIFE)
    rows = {"past": (said("past", 0.0), 1), "future": (said("future", WALL * 2), 2), "dead": (said("dead", 5.0), 3)}
    presence.look(rows, 100.0, WALL)
    assert names(presence.alive(100.0)) == ["future"], "what was there before us is believed at first"
    rows["past"] = (said("past", 20.0), 4)
    presence.look(rows, 120.0, WALL + 20)
    assert names(presence.alive(120.0)) == ["future", "past"]
    assert names(presence.alive(100.0 + LIFE)) == ["past"], "of whom nothing new was heard"
    assert names(presence.silent(100.0 + LIFE)) == ["dead", "future"]


def test_our_own_clock_may_step() -> None:
    presence = Presence("own", LIFE)
    presence.look({"a": (said("a"), 1)}, 100.0, WALL)
    presence.look({"a": (said("a"), 1)}, 110.0, WALL + 1e6)
    assert names(presence.alive(110.0)) == ["a"]


def test_there_is_a_bound_and_no_row_speaks_for_another() -> None:
    presence = Presence("own", LIFE)
    rows = {f"c{number:02}": (said(f"c{number:02}"), number) for number in range(30)}
    presence.look({**rows, "liar": (said("own"), 99)}, 100.0, WALL)
    assert len(presence.alive(100.0)) == MOST - 1
    assert "own" not in names(presence.alive(100.0))
