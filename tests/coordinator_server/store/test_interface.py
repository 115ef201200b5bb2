"""What a store promises in words: its refusal is a problem that says that nothing was saved."""

from __future__ import annotations

from coordinator_server.store.interface import StoreError


def test_a_store_that_fails_is_a_problem_of_its_own() -> None:
    error = StoreError("The disk is full, so nothing was saved.")
    assert (error.kind, error.status) == ("store-unavailable", 503)
    assert b"The disk is full" in error.document()
