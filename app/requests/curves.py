"""Samples -> the few points that a chart has room for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from node.routing.samples import Sample, Series

POINTS = 150
Span = Literal["recent", "day"]
STEPS: dict[Span, tuple[float, int]] = {"recent": (1.0, 300), "day": (60.0, 1440)}  # seconds, samples
Mark = Literal["solid", "dash", "dot", "bar", "bad"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart, the oldest point first; None where there is nothing to tell."""

    name: str
    mark: Mark
    points: tuple[float | None, ...]

    @property
    def last(self) -> float | None:
        return next((point for point in reversed(self.points) if point is not None), None)


@dataclass(frozen=True, slots=True)
class Grouped:
    """The samples of a span in groups, the oldest first; before the node started there are none."""

    groups: tuple[Sequence[Sample], ...]
    seconds: float  # that one group lasts

    def sums(self, read: Callable[[Sample], int]) -> tuple[float | None, ...]:
        return tuple(float(sum(map(read, group))) if group else None for group in self.groups)

    def highest(self, read: Callable[[Sample], float]) -> tuple[float | None, ...]:
        """Return the highest value of each group in which a request ended."""
        return tuple(max((read(one) for one in group if one.requests), default=None) for group in self.groups)

    def hit_rates(self) -> tuple[float | None, ...]:
        return tuple(_hit_rate(group) for group in self.groups)

    @property
    def total(self) -> Sample:
        """The sums over everything; its percentiles are the highest that there were."""
        names = Sample.__struct_fields__
        sums = {name: sum(getattr(one, name) for group in self.groups for one in group) for name in names[:-3]}
        highest = {
            name: max((getattr(one, name) for group in self.groups for one in group), default=0.0)
            for name in names[-3:]
        }
        return msgspec.structs.replace(Sample(**sums), **highest)


def grouped(series: Series | None, span: Span) -> Grouped:
    """Put the samples of a span into groups; what is missing at its beginning stays empty."""
    step, count = STEPS[span]
    size = count // POINTS or 1
    samples = series.samples[-count:] if series is not None else ()
    padded: list[Sample | None] = [*[None] * (count - len(samples)), *samples]
    groups = [padded[start : start + size] for start in range(0, count, size)]
    return Grouped(tuple([one for one in group if one is not None] for group in groups), step * size)


def _hit_rate(group: Sequence[Sample]) -> float | None:
    hits, asked = sum(one.hits for one in group), sum(one.hits + one.misses for one in group)
    return hits / asked if asked else None


def nice_top(highest: float) -> float:
    """Return the end of a scale: 1, 2 or 5 times a power of ten."""
    if highest <= 0.0:
        return 1.0
    power = 10.0 ** (len(str(int(highest))) - 1) if highest >= 1.0 else 0.1
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if highest <= step * power)
