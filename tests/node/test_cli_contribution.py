"""What this machine has given, in lines for people."""

from __future__ import annotations

from node.cli_contribution import lines_of
from node.vitals.values import Contribution, Counted

HOUR = 3600.0


def test_times_and_services_stand_in_a_table() -> None:
    some = Counted(requests=12, cpu_seconds=HOUR / 2, gpu_seconds=HOUR, energy_joules=3.6e6)
    more = Counted(requests=1200, failed=3, cpu_seconds=5 * HOUR, energy_joules=9e6)
    told = Contribution(
        today=some, week=some, total=more, since="2026-11-01", services={"ocr": some, "ner-extraction": more},
        watts_per_core=8.0, watts_per_gpu=150.0,
    )  # fmt: skip
    lines = list(lines_of(told))
    assert lines[1].split() == ["today", "12", "0.50", "1.00", "1.000"]
    assert lines[3].split() == ["in", "all", "1,200", "5.00", "0.00", "2.500"]
    assert lines[4] == "3 requests failed here."
    assert [line.split()[0] for line in lines[6:8]] == ["ner-extraction", "ocr"]
    assert lines[-1].startswith("Counted since 2026-11-01. The energy is an estimate: 8 W for a busy core")


def test_nothing_yet_and_what_cannot_be_saved() -> None:
    lines = list(lines_of(Contribution(trouble="It cannot be saved.")))
    assert lines[0] == "It cannot be saved."
    assert lines[-1].startswith("Nothing was counted yet.")
