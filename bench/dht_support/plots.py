"""Line charts over the number of nodes, written as SVG by hand: small files that every browser shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # told apart by the colour-blind, too (Okabe and Ito)
WIDTH, HEIGHT = 736, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 40, 64, 92
TEXT = 'font-family="system-ui, sans-serif" fill="#333"'

Line = Sequence[tuple[int, float]]  # nodes and value


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's words, its lines by name, and its vertical axis: from, to, step, and whether it shows percent."""

    title: str
    lines: Mapping[str, Line]
    low: float
    high: float
    step: float
    is_share: bool = False

    def label(self, value: float) -> str:
        return f"{value:.0%}" if self.is_share else f"{value:g}"


def share_chart(title: str, lines: Mapping[str, Line]) -> Chart:
    """Return a chart of shares; its axis begins at 90 %, or lower where it must."""
    least = min((value for line in lines.values() for _, value in line), default=1.0)
    low = min(0.9, math.floor(least * 10) / 10)
    return Chart(title, lines, low, 1.0, 0.02 if low >= 0.9 else 0.1, is_share=True)


def count_chart(title: str, lines: Mapping[str, Line]) -> Chart:
    """Return a chart of small numbers; its axis begins at 0."""
    most = max((value for line in lines.values() for _, value in line), default=1.0)
    step = 1.0 if most <= 10 else 10 ** math.floor(math.log10(most))
    return Chart(title, lines, 0.0, step * math.ceil(most / step), step)


def svg(chart: Chart) -> str:
    """Return the chart as a file's text."""
    sizes = sorted({nodes for line in chart.lines.values() for nodes, _ in line})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fff"/>',
        f'<text x="{LEFT}" y="36" font-size="18" font-weight="600" {TEXT}>{escape(chart.title)}</text>',
        *_vertical_axis(chart),
        *_horizontal_axis(sizes),
    ]
    for number, (name, line) in enumerate(chart.lines.items()):
        parts += _line(chart, sizes, line, COLOURS[number % len(COLOURS)])
        parts += _legend(number, name)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(nodes: int, sizes: Sequence[int]) -> float:
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])
    share = (math.log10(nodes) - low) / (high - low) if high > low else 0.5
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, chart: Chart) -> float:
    share = (value - chart.low) / (chart.high - chart.low)
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _vertical_axis(chart: Chart) -> list[str]:
    parts = []
    for number in range(round((chart.high - chart.low) / chart.step) + 1):
        value = chart.low + number * chart.step
        y = _y(value, chart)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#e3e3e3"/>')
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 4}" font-size="13" text-anchor="end" {TEXT}>{chart.label(value)}</text>'
        )
    return parts


def _horizontal_axis(sizes: Sequence[int]) -> list[str]:
    y = HEIGHT - BOTTOM + 22
    return [
        f'<text x="{_x(nodes, sizes)}" y="{y}" font-size="13" text-anchor="middle" {TEXT}>{nodes:,}</text>'
        for nodes in sizes
    ] + [f'<text x="{WIDTH - RIGHT}" y="{y + 20}" font-size="13" text-anchor="end" {TEXT}>nodes</text>']


def _line(chart: Chart, sizes: Sequence[int], line: Line, colour: str) -> list[str]:
    points = [(_x(nodes, sizes), _y(value, chart)) for nodes, value in line]
    path = " ".join(f"{x},{y}" for x, y in points)
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>',
        *(f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}" stroke="#fff"/>' for x, y in points),
    ]


def _legend(number: int, name: str) -> list[str]:
    x, y = LEFT + (number % 2) * 320, HEIGHT - 36 + (number // 2) * 20
    colour = COLOURS[number % len(COLOURS)]
    return [
        f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2.5"/>',
        f'<circle cx="{x + 11}" cy="{y}" r="4.5" fill="{colour}"/>',
        f'<text x="{x + 32}" y="{y + 4}" font-size="13" {TEXT}>{escape(name)}</text>',
    ]
