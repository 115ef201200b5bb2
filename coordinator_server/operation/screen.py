"""Draws an overview as lines of text: as wide and high as a terminal, or whole where nothing limits it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coordinator_server.tables import GAP, ago, cells, narrowed, padded, plain, wrapped
from node.program.durations import say_duration

BOLD, DIM, RED, YELLOW = "1", "2", "31", "33"
BAD = frozenset({"stale", "pending", "offline"})
READABLE = 8  # columns that are left of a cell, if there is any room
NAME, STATUS = 0, 2  # the cells that are left whole up to so many columns
WHOLE = 24
FEWEST_WORKERS = 3  # lines for workers, however low the terminal is
STATUSES = ("active", "stale", "paused", "draining", "pending", "expected", "offline")
AWAY = frozenset({"expected", "offline"})
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Paper:
    """What is drawn on: columns and lines, None where there is no end; whether it shows colours."""

    width: int | None = None
    height: int | None = None
    colour: bool = False

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text

    def sentence(self, mark: str, text: str, code: str = "") -> list[str]:
        """Return a sentence behind a mark: cut where the height counts, else on as many lines as it takes."""
        if self.height is not None or self.width is None:
            return [self.paint(fit(mark + plain(text), self.width), code)]
        first, *others = wrapped(plain(text), self.width - len(mark))
        return [self.paint(line, code) for line in (mark + first, *(" " * len(mark) + line for line in others))]


def draw(overview: Mapping[str, Any], paper: Paper, trouble: str = "") -> list[str]:
    """Return the lines; `trouble` says why the overview is not of this moment."""
    head = [*_head(overview, paper, trouble), *_warnings(overview["warnings"], paper)]
    head += _coordinators(overview["coordinators"], paper)
    head += _services(overview["services"], paper)
    room = None if paper.height is None else max(FEWEST_WORKERS, paper.height - len(head) - 3)
    lines = [*head, *_workers(overview, paper, room)]
    return lines if paper.height is None else lines[: paper.height]


def _head(overview: Mapping[str, Any], paper: Paper, trouble: str) -> list[str]:
    counts: Mapping[str, int] = overview["counts"]
    parts = [f"{counts[name]:,} {name}" for name in STATUSES if counts.get(name)]
    title = (
        f"RMA Mesh {overview['version']}, {overview['coordinator']}: {overview['status']}, "
        f"up {say_duration(overview['uptime_seconds'])}"
    )
    enrolled = counts.get("enrolled", 0)
    machines = f"{enrolled:,} machine{'s' if enrolled != 1 else ''}: {', '.join(parts) or 'none has joined yet'}"
    lines = [paper.paint(fit(plain(title), paper.width), BOLD), fit(machines, paper.width)]
    if trouble:
        lines.append(paper.paint(fit(plain(trouble), paper.width), RED))
    return lines


def _warnings(warnings: Sequence[Mapping[str, Any]], paper: Paper) -> list[str]:
    lines = []
    most = len(warnings) if paper.height is None else max(1, paper.height // 6)
    for index, one in enumerate(warnings[:most], 1):
        is_said_below = index < most and index < len(warnings) and warnings[index]["hint"] == one["hint"]
        lines += paper.sentence("! ", one["text"], YELLOW)
        if one["hint"] and not is_said_below:
            lines += paper.sentence("  ", one["hint"])
    if len(warnings) > most:
        lines.append(fit(f"! and {len(warnings) - most} more; `status` without --watch shows all", paper.width))
    return ["", *lines] if lines else []


def _coordinators(found: Sequence[Mapping[str, Any]], paper: Paper) -> list[str]:
    located = any(one["location"] for one in found)
    rows = [
        [one["id"], one["url"], one["status"] + (", assigns" if one["assigns"] else ""), f"{one['workers']:,}",
         f"{one['load']:.0%}", *([one["location"] or "-"] if located else [])]
        for one in found
    ]  # fmt: skip
    heading = ["COORDINATOR", "URL", "STATUS", "WORKERS", "LOAD", *(["LOCATION"] if located else [])]
    return [
        "",
        *_table(heading, rows, paper, lambda row: RED if row[2].startswith("stale") else "", numbers={3, 4}),
    ]


def _services(found: Sequence[Mapping[str, Any]], paper: Paper) -> list[str]:
    used = [one for one in found if one["wanted"] or one["running"] or one["requests_per_second"]]
    rows = [
        (one["name"], str(one["wanted"]), str(one["running"]), str(one["queue"]),
         f"{one['requests_per_second']:.1f}", "-" if one["p95_ms"] is None else f"≤ {one['p95_ms']:,.0f}",
         f"{one['error_share']:.1%}")
        for one in used
    ]  # fmt: skip
    heading = ("SERVICE", "WANTED", "RUNNING", "QUEUE", "REQ/S", "P95 MS", "ERRORS")

    def colour(row: Row) -> str:
        return RED if row[2] == "0" else YELLOW if int(row[2]) < int(row[1]) else ""

    lines = ["", *_table(heading, rows, paper, colour, numbers={1, 2, 3, 4, 5, 6})]
    short: dict[str, list[str]] = {}
    for one in used:
        if one["reason"] and one["running"]:  # where nobody runs it, a warning says why
            short.setdefault(one["reason"], []).append(one["name"])
    for reason, names in short.items():
        lines += paper.sentence("  ", f"Fewer than wanted run {', '.join(names)}. {reason}", DIM)
    return lines


def _workers(overview: Mapping[str, Any], paper: Paper, room: int | None) -> list[str]:
    found = overview["workers"]
    here = sum(overview["counts"].get(name, 0) for name in STATUSES if name not in AWAY)
    if not found:
        text = "No machine is here." if here == 0 else f"{here:,} machines are here."
        return ["", fit(text, paper.width)]
    shown = found if room is None or len(found) <= room else found[: room - 1]
    rows = [
        (one["worker_id"], one["name"] or "-", one["status"] + (", probation" if one["probation"] else ""),
         f"{one['load']:.0%}", str(one["in_flight"]), ago(one["last_seen"], overview["timestamp"])
         if one["last_seen"] else "-", ", ".join(one["services"]) or one["detail"] or "-")
        for one in shown
    ]  # fmt: skip
    heading = ("WORKER", "NAME", "STATUS", "LOAD", "REQUESTS", "SEEN", "SERVICES")

    def colour(row: Row) -> str:
        return RED if row[2].partition(",")[0] in BAD else YELLOW if row[2] != "active" else ""

    lines = ["", *_table(heading, rows, paper, colour, numbers={3, 4})]
    if here > len(shown):
        lines.append(paper.paint(fit(f"and {here - len(shown):,} more; `worker list` shows all", paper.width), DIM))
    return lines


def _table(
    heading: Row, rows: Iterable[Row], paper: Paper, colour: Callable[[Row], str], numbers: set[int]
) -> list[str]:
    clean = [[plain(cell) for cell in row] for row in rows]
    longest = [max(map(cells, column)) for column in zip(heading, *clean, strict=True)]
    least = [min(width, WHOLE) if index in (NAME, STATUS) else READABLE for index, width in enumerate(longest)]
    widths = narrowed(longest, paper.width, least)

    def line(row: Row) -> str:
        parts = [
            padded(fit(cell, width), width, right=index in numbers)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return fit(GAP.join(parts).rstrip(), paper.width)

    return [paper.paint(line(heading), BOLD), *(paper.paint(line(row), colour(row)) for row in clean)]


def fit(text: str, width: int | None) -> str:
    """Cut a text to so many columns, and show that it was cut."""
    if width is None or cells(text) <= width:
        return text
    left, kept = max(0, width - 1), ""
    for letter in text:
        left -= cells(letter)
        if left < 0:
            break
        kept += letter
    return kept + ("…" if width > 0 else "")
