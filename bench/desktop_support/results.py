"""What the benchmark of the app found, and how it is printed beside what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.desktop_support.processes import Load, Memory


@dataclass(frozen=True, slots=True)
class Start:
    """From the start of a program to what is to be seen: seconds by the clock and on a core, middle round."""

    program: str
    window: float | None
    window_cpu: float | None
    tray: float | None
    tray_cpu: float | None
    packages: tuple[str, ...]  # of others, imported before the first frame


@dataclass(frozen=True, slots=True)
class Rest:
    """What a program costs while nothing happens."""

    program: str
    memory: Memory
    load: Load


@dataclass(frozen=True, slots=True)
class Busy:
    """What the app does while very much happens in its node: per cent of a core, and frames a second."""

    what: str
    app_percent: float
    node_percent: float
    frames: float


def start_table(found: Sequence[Start]) -> str:
    head = f"{'start':<34}{'window s':>10}{'CPU s':>8}{'tray s':>10}{'CPU s':>8}"
    return "\n".join([head, *(_start_line(one) for one in found)])


def _start_line(one: Start) -> str:
    cells = (_cell(one.window, 10), _cell(one.window_cpu, 8), _cell(one.tray, 10), _cell(one.tray_cpu, 8))
    return f"{one.program:<34}" + "".join(cells)


def _cell(value: float | None, width: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.2f}"


def rest_table(found: Sequence[Rest]) -> str:
    head = f"{'at rest':<34}{'RSS MiB':>10}{'PSS':>8}{'USS':>8}{'CPU %':>8}{'wakes/s':>9}"
    return "\n".join([head, *(_rest_line(one) for one in found)])


def _rest_line(one: Rest) -> str:
    held, load = one.memory, one.load
    memory = f"{held.rss:>10.1f}{held.pss:>8.1f}{held.uss:>8.1f}"
    return f"{one.program:<34}{memory}{load.percent:>8.2f}{load.wakes:>9.1f}"


def busy_table(found: Sequence[Busy]) -> str:
    head = f"{'very much happens':<46}{'app CPU %':>10}{'node CPU %':>12}{'frames/s':>10}"
    return "\n".join([head, *(_busy_line(one) for one in found)])


def _busy_line(one: Busy) -> str:
    return f"{one.what:<46}{one.app_percent:>10.1f}{one.node_percent:>12.1f}{one.frames:>10.1f}"
