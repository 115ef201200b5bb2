"""The status table: whole where nothing limits it, and never wider or higher than a terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from coordinator_server.operation.screen import Paper, draw, fit
from coordinator_server.tables import cells

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def worker(number: int, **more: Any) -> dict[str, Any]:
    usual = {
        "worker_id": f"worker-{number:05}", "name": "Anna's PC", "status": "active", "probation": False,
        "coordinator": "coordinator-1", "load": 0.25, "in_flight": 1, "services": ["ocr", "ner-extraction"],
        "last_seen": 990.0, "detail": "",
    }  # fmt: skip
    return {**usual, **more}


def overview(workers: int = 1, **more: Any) -> dict[str, Any]:
    usual = {
        "coordinator": "coordinator-1", "version": "0.1.0", "status": "ok", "timestamp": 1000.0,
        "uptime_seconds": 7200.0,
        "coordinators": [
            {"id": "coordinator-1", "url": "http://127.0.0.1:8080", "location": "", "status": "active",
             "workers": workers, "load": 0.25, "assigns": True, "version": "0.1.0"},
        ],
        "services": [
            {"name": "ocr", "wanted": 2, "running": 1, "queue": 3, "requests_per_second": 12.34,
             "error_share": 0.015, "p95_ms": 250.0, "reason": "No other machine has a GPU."},
            {"name": "unused", "wanted": 0, "running": 0, "queue": 0, "requests_per_second": 0.0,
             "error_share": 0.0, "p95_ms": None, "reason": ""},
        ],
        "counts": {"active": workers, "pending": 0, "offline": 2, "enrolled": workers + 2},
        "workers": [worker(number) for number in range(min(workers, 20))],
        "warnings": [{"text": "The disk is nearly full.", "hint": "Make room."}],
    }  # fmt: skip
    return {**usual, **more}


def test_it_is_whole_and_plain_where_nothing_limits_it() -> None:
    text = "\n".join(draw(overview(), Paper()))
    assert text.splitlines()[:2] == [
        "RMA Mesh 0.1.0, coordinator-1: ok, up 2 h",
        "3 machines: 1 active, 2 offline",
    ]
    for part in ("! The disk is nearly full.\n  Make room.", "active, assigns", "12.3", "≤ 250", "1.5%",
                 "No other machine has a GPU.", "Anna's PC", "10 s ago", "ocr, ner-extraction"):  # fmt: skip
        assert part in text
    assert "unused" not in text
    assert "LOCATION" not in text, "nobody has named one"
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (80, 24), (200, 60)])
@pytest.mark.parametrize("workers", [0, 1, 10_000])
def test_it_fits_any_terminal(size: tuple[int, int], workers: int) -> None:
    long = worker(1, name="計算機" * 40, worker_id="x" * 64, status="stale", services=["s" * 60] * 16)
    drawn = overview(workers, warnings=[{"text": "w" * 300, "hint": "h" * 300}] * 9)
    drawn["workers"] = [long, *drawn["workers"]] if workers else []
    lines = draw(drawn, Paper(*size, colour=True), trouble="t" * 300)
    assert len(lines) <= size[1]
    assert all(cells(COLOURS.sub("", line)) <= size[0] for line in lines)


def test_ten_thousand_workers_are_the_first_few_and_a_number() -> None:
    text = "\n".join(draw(overview(10_000), Paper(120, 24)))
    assert "10,002 machines: 10,000 active" in text
    shown = text.count("worker-0")
    assert f"and {10_000 - shown:,} more" in text


def test_who_is_expected_back_is_counted_apart_and_is_not_here() -> None:
    counts = {"expected": 2, "offline": 1, "enrolled": 3}
    lines = draw(overview(0, counts=counts), Paper())
    assert lines[1] == "3 machines: 2 expected, 1 offline"
    assert lines[-1] == "No machine is here."


def test_no_machine_is_said() -> None:
    text = "\n".join(draw(overview(0, counts={"enrolled": 0}, coordinators=[], services=[]), Paper(80, 24)))
    assert "none has joined yet" in text
    assert "No machine is here." in text


def test_colours_say_what_needs_a_look_and_names_steer_no_terminal() -> None:
    drawn = overview(workers=2)
    drawn["workers"] = [worker(1, status="stale", name="\x1b]0;evil\x07\n"), worker(2, probation=True)]
    lines = draw(drawn, Paper(100, 40, colour=True))
    (stale,) = [line for line in lines if "worker-00001" in line]
    assert stale.startswith("\x1b[31m")
    (doubted,) = [line for line in lines if "worker-00002" in line]
    assert doubted.startswith("\x1b[33m")
    assert "active, probation" in doubted
    assert not any("\x1b]" in line or "\x07" in line or "\n" in line for line in lines)


def test_trouble_stands_above_what_was_so_before() -> None:
    lines = draw(overview(), Paper(80, 24), trouble="It does not answer.")
    assert lines[2] == "It does not answer."
    assert any("worker-00000" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("計算機", 5, "計算…"), ("計算", 4, "計算"), ("abc", 0, ""),
     ("é" * 3, 2, "é…"), ("a" * 9, None, "a" * 9)],
)  # fmt: skip
def test_texts_are_cut_by_what_a_terminal_shows(text: str, width: int | None, cut: str) -> None:
    assert fit(text, width) == cut
    assert width is None or cells(cut) <= width


def test_what_is_to_be_done_about_several_things_is_said_once_after_the_last() -> None:
    warnings = [{"text": text, "hint": hint} for text, hint in (("A.", "Do x."), ("B.", "Do x."), ("C.", "Do y."))]
    lines = draw(overview(warnings=warnings), Paper())
    assert lines[3:8] == ["! A.", "! B.", "  Do x.", "! C.", "  Do y."]
    low = draw(overview(warnings=warnings), Paper(height=6))
    assert low[3:5] == ["! A.", "  Do x."]


def test_of_one_look_no_sentence_is_cut() -> None:
    warnings = [{"text": "Why " * 40 + "end.", "hint": "Do " * 40 + "so."}]
    lines = draw(overview(warnings=warnings), Paper(width=80))
    assert all(cells(line) <= 80 for line in lines)
    text = " ".join(line.strip() for line in lines)
    assert "Why end." in text
    assert "Do so." in text


def test_two_coordinators_can_be_told_apart_on_eighty_columns() -> None:
    usual = overview()["coordinators"][0]
    found = [
        {**usual, "id": f"coordinator-5f6257f{n}", "url": f"https://mesh{n}.example.org", "location": ""}
        for n in "12"
    ]
    text = "\n".join(draw(overview(coordinators=found), Paper(80, 24)))
    for part in ("coordinator-5f6257f1", "coordinator-5f6257f2", "https://mesh1.example.org", "active, assigns"):
        assert part in text
    located = [{**one, "location": "Northmoor, the cellar"} for one in found]
    text = "\n".join(draw(overview(coordinators=located), Paper(80, 24)))
    assert "coordinator-5f6257f1 " in text
    assert "coordinator-5f6257f2 " in text
    assert "active, assigns " in text


def test_why_services_have_fewer_than_wanted_stands_below_them_once_unless_a_warning_says_so() -> None:
    (ocr, _) = overview()["services"]
    lines = draw(overview(services=[ocr, {**ocr, "name": "llm"}]), Paper(80, 24))
    place = next(index for index, line in enumerate(lines) if line.startswith("llm "))
    assert lines[place + 1] == "  Fewer than wanted run ocr, llm. No other machine has a GPU."
    nobody = {**ocr, "running": 0}
    assert not any("Fewer than" in line for line in draw(overview(services=[nobody]), Paper(80, 24)))
