"""A signed request counts once, and is remembered no longer than its token is good."""

from __future__ import annotations

import pytest

from coordinator_server.api import once_only
from coordinator_server.api.once_only import KEPT, OnceOnly


def test_the_second_time_is_told_as_long_as_it_matters() -> None:
    seen = OnceOnly()
    assert seen.is_first("a", 0.0)
    assert not seen.is_first("a", KEPT)
    assert seen.is_first("b", KEPT)
    assert seen.is_first("a", KEPT + 1.0)
    assert not seen.is_first("b", KEPT + 1.0)


def test_it_holds_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_only, "MOST", 3)
    seen = OnceOnly()
    assert all(seen.is_first(letter, 0.0) for letter in "abcd")
    assert not seen.is_first("d", 0.0)
    assert seen.is_first("a", 0.0)
