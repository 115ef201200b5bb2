"""A signed request counts once, and is remembered no longer than its token is good."""

from __future__ import annotations

import pytest

from coordinator_server.api import once_only
from coordinator_server.api.once_only import KEPT, OnceOnly


def test_the_second_time_is_told_as_long_as_it_matters() -> None:
    seen = OnceOnly()
    assert not seen.refusal("w-1", "a", 0.0, 0.0)
    assert seen.refusal("w-1", "a", 0.0, KEPT) == "was used before"
    assert not seen.refusal("w-2", "a", 0.0, KEPT), "another worker's nonces are its own"
    assert not seen.refusal("w-1", "a", 0.0, KEPT + 1.0)
    assert seen.refusal("w-2", "a", 0.0, KEPT + 1.0)


def test_who_signs_far_too_often_waits_and_has_nobody_elses_request_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(once_only, "MOST", 3)
    seen = OnceOnly()
    assert not seen.refusal("anna", "a", 0.0, 0.0)
    assert not any(seen.refusal("eve", letter, 0.0, 0.0) for letter in "abc")
    assert "too many" in seen.refusal("eve", "d", 0.0, KEPT)
    assert seen.refusal("anna", "a", 0.0, KEPT) == "was used before"
    assert not seen.refusal("eve", "d", 0.0, KEPT + 1.0)
    assert list(seen._seen) == [("eve", "d")], "nothing is kept for longer than it matters"
    assert dict(seen._counts) == {"eve": 1}


def test_what_was_signed_before_the_start_does_not_count() -> None:
    """Whoever overheard a request cannot have it forgotten by waiting for a restart."""
    seen = OnceOnly(1000.5)
    assert "before this coordinator started" in seen.refusal("w-1", "a", 998.0, 1001.0)
    assert not seen.refusal("w-1", "a", 999.0, 1001.0), "tokens tell whole seconds"
    assert seen.refusal("w-1", "a", 999.0, 1001.0) == "was used before"


def test_a_clock_that_was_wrong_at_the_start_keeps_nobody_out() -> None:
    seen = OnceOnly(5000.0)
    assert not seen.refusal("w-1", "a", 1400.0, 1401.0), "it was set back by an hour since"
    assert not seen.refusal("w-1", "b", 5400.0, 5000.0 + KEPT + 1.0)
