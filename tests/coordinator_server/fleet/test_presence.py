"""Which coordinators count as alive: who has a leased key, whatever the clocks say."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator_server.fleet.presence import MOST, Presence, Serving
from node.wire.messages import CoordinatorInfo


def said(name: str, seen_at: float = 0.0) -> Serving:
    return Serving(info=CoordinatorInfo(id=name, url=f"https://{name}.example.org"), seen_at=seen_at)


def names(found: Sequence[Serving]) -> list[str]:
    return [one.info.id for one in found]


def test_who_is_here_is_alive_and_who_only_was_is_silent() -> None:
    presence = Presence("own")
    presence.look({"b": said("b"), "a": said("a", 9e9), "own": said("own")}, {"a", "b", "own", "unknown"})
    assert names(presence.alive()) == ["a", "b"], "in an order of its own, and without ourselves"
    presence.look({"b": said("b"), "a": said("a")}, {"b"})
    assert (names(presence.alive()), names(presence.silent())) == (["b"], ["a"])
    presence.look({"b": said("b")}, {"b"})
    assert (names(presence.alive()), names(presence.silent())) == (["b"], []), "a has left in good order"


def test_there_is_a_bound_and_no_row_speaks_for_another() -> None:
    presence = Presence("own")
    rows = {f"c{number:02}": said(f"c{number:02}") for number in range(30)}
    presence.look({**rows, "liar": said("own")}, {*rows, "liar"})
    assert len(presence.alive()) == MOST - 1
    assert "own" not in names(presence.alive())
    presence.look(rows, ())
    assert len(presence.silent()) == MOST - 1
