"""How many connections are kept ready: few, more under load, none for whom nobody asks."""

from __future__ import annotations

import pytest

from coordinator_server.relay.sizing import LATELY, MOST, to_ask, wanted_spare


@pytest.mark.parametrize(("in_use", "wanted"), [(0, 1), (1, 1), (8, 2), (16, 4), (64, MOST), (1000, MOST)])
def test_it_grows_with_load(in_use: int, wanted: int) -> None:
    assert wanted_spare(in_use, 0.0) == wanted


def test_nobody_is_expected_after_a_while() -> None:
    assert wanted_spare(20, LATELY) > 0
    assert wanted_spare(20, LATELY + 0.1) == 0
    assert wanted_spare(0, float("inf")) == 0


def test_what_is_missing_is_asked_for_once_and_within_the_limits() -> None:
    assert to_ask(waiting=5, wanted=2, spare=0, asked=0, room=64) == 7
    assert to_ask(waiting=5, wanted=2, spare=0, asked=7, room=64) == 0
    assert to_ask(waiting=5, wanted=2, spare=0, asked=0, room=3) == 3
    assert to_ask(waiting=0, wanted=2, spare=5, asked=0, room=64) == 0
    assert to_ask(waiting=1, wanted=1, spare=0, asked=0, room=-4) == 0
