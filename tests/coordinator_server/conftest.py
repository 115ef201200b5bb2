"""Coordinators in tests plan at once: their mesh is small, and the time that a plan took there is the machine's."""

from __future__ import annotations

import pytest

from coordinator_server.registry import planning


@pytest.fixture(autouse=True)
def plans_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "QUICK", 60.0)
