"""What the long run of chaos asks for, and how it tells what came of it; the run itself is `make soak`."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tests.soak.chaos import runs, table
from tests.support.chaos.faults import possible
from tests.support.chaos.program import parse
from tests.support.chaos.running import Told


def test_everything_is_broken_alone_first_and_then_in_mixtures() -> None:
    asked = list(islice(runs(3600.0, 1, 3000), 6))
    parsed = [parse(words) for words in asked]
    for options in parsed[:2]:
        assert [word.partition("=")[0] for word in options.faults.split(",")] == possible(options.store)
        assert options.storm == 3000
        assert options.kills > 0
    assert [options.store for options in parsed] == ["etcd", "sqlite"] * 3
    assert all(options.mixture for options in parsed[2:])
    assert len({options.seed for options in parsed[2:]}) == 4
    assert len(list(runs(0.0, 1, 10))) == 2


def told(gap: float, latest_turn: float = 0.0, **more: Any) -> Told:
    row = {"what": "kill-leader", "gaps": {"a": 0.5, "b": gap}, "slowest": 2.0, "recovered": 1.0}
    document = {"store": "etcd", "suffered": [row], "violations": [], "counts": {"enrol": {"ok": 2, "fail": 1}}}
    return Told({**document, "figures": {"own_latest_turn": latest_turn}, **more})


def test_gaps_are_summed_up_and_what_was_wrong_is_told() -> None:
    wrong = told(4.0, violations=[{"kind": "lost-write", "text": "gone"}])
    lines = list(table([told(1.0), told(2.0), wrong]))
    assert "| etcd | kill-leader | 3 | 4.0 | 2.0 | 2.0 | 1.0 |" in lines
    assert lines[-2:] == ["9 operations, 1 violations", "lost-write: gone"]


def test_a_gap_is_too_long_where_the_machine_had_time() -> None:
    assert told(2.9).too_long() == {}
    assert told(3.1).too_long() == {"kill-leader": 3.1}
    assert told(3.1, 0.1).too_long() == {}
