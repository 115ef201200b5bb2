"""Whether requests may come in."""

from __future__ import annotations

from coordinator_server.gateway.readiness import Readiness


def test_nothing_is_ready_by_itself() -> None:
    readiness = Readiness()
    assert not readiness.ready
    assert not readiness.draining
