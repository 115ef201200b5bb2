"""The documents agree with the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

from coordinator_server.cli import build_parser
from coordinator_server.config import CoordinatorConfig
from node.routing.settings import RoutingSettings
from node.rules.settings import Caps, Rules
from node.rules.verdict import RuleCode
from node.wire.problems import TITLES

ROOT = Path(__file__).resolve().parents[1]


def test_every_problem_type_is_documented_with_its_status() -> None:
    lines = (ROOT / "docs" / "problems.md").read_text("utf-8").splitlines()
    documented = {
        line.split("|")[1].strip(" `"): line.split("|")[2].strip() for line in lines if line.startswith("| `")
    }
    assert documented == {kind: str(status) for kind, (status, _) in TITLES.items()}


def test_every_rule_is_documented_with_its_code() -> None:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    names = {*Rules.__struct_fields__, *Caps.__struct_fields__, *get_args(RuleCode)}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_the_operators_commands_are_taken() -> None:
    text = (ROOT / "docs" / "operator.md").read_text("utf-8")
    lines = re.findall(r"^ {4,}rma-mesh-coordinator (.+)$", text, re.MULTILINE)
    assert len(lines) > 4
    for line in lines:
        words = shlex.split(line, comments=True)
        build_parser(words).parse_args(words)


def test_frontends_are_told_the_time_limits_that_count() -> None:
    text = (ROOT / "docs" / "frontends.md").read_text("utf-8")
    told = {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)}
    config, settings = CoordinatorConfig(), RoutingSettings()
    assert set(told) == {
        "queue_wait", "connect_timeout", "first_byte_timeout", "idle_timeout", "request_timeout",
    }  # fmt: skip
    assert told == {name: getattr(config, name, None) or getattr(settings, name) for name in told}


def test_every_warning_about_the_machine_is_documented() -> None:
    text = (ROOT / "docs" / "operator.md").read_text("utf-8")
    named: set[str] = set()
    for path in (ROOT / "coordinator_server" / "operation").glob("*.py"):
        named |= set(re.findall(r'Condition\("([a-z ]+)"', path.read_text("utf-8")))
    assert {"clock", "disk", "memory", "open files", "secrets"} <= named
    words = {"owner": "files of another user", "restore": "a restore that was cut off"}
    assert {name for name in named if words.get(name, name) not in text} == set()
