"""A signed request counts once, and is remembered no longer than its token is good."""

from __future__ import annotations

import pytest

from coordinator_server.api import once_only
from coordinator_server.api.once_only import KEPT, OnceOnly


def test_the_second_time_is_told_as_long_as_it_matters() -> None:
    seen = OnceOnly()
    assert not seen.refusal("w-1", "a", 0.0)
    assert seen.refusal("w-1", "a", KEPT) == "was used before"
    assert not seen.refusal("w-2", "a", KEPT), "another worker's nonces are its own"
    assert not seen.refusal("w-1", "a", KEPT + 1.0)
    assert seen.refusal("w-2", "a", KEPT + 1.0)


def test_who_signs_far_too_often_waits_and_has_nobody_elses_request_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(once_only, "MOST", 3)
    seen = OnceOnly()
    assert not seen.refusal("anna", "a", 0.0)
    assert not any(seen.refusal("eve", letter, 0.0) for letter in "abc")
    assert "too many" in seen.refusal("eve", "d", KEPT)
    assert seen.refusal("anna", "a", KEPT) == "was used before"
    assert not seen.refusal("eve", "d", KEPT + 1.0)
    assert list(seen._seen) == [("eve", "d")], "nothing is kept for longer than it matters"
    assert dict(seen._counts) == {"eve": 1}
