"""The documents agree with the code."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

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
