"""Processor time of whole trees of processes, as stories tell it; test_process_trees.py has real ones."""

from __future__ import annotations

import pytest

from node.program.process_trees import Process
from node.vitals.processes import growth


def process(pid: int, cpu: float, reaped: float = 0.0, began: float = 1.0) -> Process:
    return Process(pid, began, cpu, reaped, 100)


def test_what_a_process_and_its_living_children_used() -> None:
    before = (process(1, 2.0), process(2, 1.0))
    assert growth(before, (process(1, 2.5), process(2, 4.0))) == pytest.approx(3.5)
    assert growth((), before) == pytest.approx(3.0), "a service that is seen for the first time"
    assert growth(before, (*before, process(3, 0.5))) == pytest.approx(0.5), "a child that was born since"


def test_a_child_that_was_waited_for_is_counted_once() -> None:
    before = (process(1, 2.0), process(2, 1.0))
    assert growth(before, (process(1, 2.0, reaped=1.25),)) == pytest.approx(0.25)
    assert growth((process(1, 2.0),), (process(1, 2.0, reaped=0.75),)) == pytest.approx(0.75), (
        "too short to be seen"
    )


def test_what_is_lost_never_takes_away() -> None:
    before = (process(1, 2.0), process(2, 9.0))
    assert growth(before, (process(1, 2.5),)) == pytest.approx(0.5), "a child that nobody waited for"
    assert growth(before, ()) == 0.0
    assert growth(before, (process(1, 0.5, began=7.0),)) == pytest.approx(0.5), "another one with the same number"
