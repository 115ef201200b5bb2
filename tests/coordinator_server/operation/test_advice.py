"""What the operator should know about the settings."""

from __future__ import annotations

from coordinator_server.config import CoordinatorConfig
from coordinator_server.operation.advice import warnings


def test_what_the_operator_should_know() -> None:
    assert warnings(CoordinatorConfig()) == []
    (open_door,) = warnings(CoordinatorConfig(host="0.0.0.0"))
    assert "plain HTTP" in open_door
    assert warnings(CoordinatorConfig(host="0.0.0.0", public_url="https://mesh.example.org")) == []
    texts = warnings(CoordinatorConfig(anonymous=True, edge="https://edge.example.org"))
    assert ["--anonymous" in text or "--edge" in text for text in texts] == [True, True]
