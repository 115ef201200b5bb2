"""The shipped alerts ask for what a coordinator tells."""

from __future__ import annotations

import re
from pathlib import Path

from coordinator_server.metrics import Metrics, Reading

RULES = Path(__file__).parents[2] / "installers" / "prometheus" / "rma-mesh.rules.yml"
ALWAYS = {"rma_request_duration_seconds_bucket"}  # there from the first request on


def test_every_alert_asks_for_something_that_is_told() -> None:
    told = Metrics(Reading, coordinator="c", version="1").exposition().decode()
    known = set(re.findall(r"^# TYPE (rma_\w+)", told, re.MULTILINE)) | ALWAYS
    expressions = re.findall(r"^ +expr: (.+)$", RULES.read_text("utf-8"), re.MULTILINE)
    assert len(expressions) == len(re.findall(r"^ +- alert: \w+$", RULES.read_text("utf-8"), re.MULTILINE)) > 5
    for expression in expressions:
        asked = set(re.findall(r"rma_\w+", expression))
        assert asked
        assert asked <= known, expression
        assert expression.count("(") == expression.count(")")
