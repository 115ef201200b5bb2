"""Simulates meshes of several sizes, each calm, with nodes that come and go, with liars, and with both."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.dht_support import plots
from bench.dht_support.plots import Chart, Line
from bench.dht_support.simulation import Figures, Scenario, Simulation
from bench.dht_support.virtual_time import VirtualLoop
from bench.dht_support.world import Weather

SMALLEST = 100


@dataclass(frozen=True, slots=True)
class Study:
    """What is simulated: sizes up to `most`, and how hard the times are; shares are from 0 to 1."""

    most: int
    churn: float
    sybils: float
    minutes: float
    lookups: int
    seed: int

    def sizes(self) -> list[int]:
        """Return 100, 1,000, ... and `most` itself."""
        sizes = [SMALLEST]
        while sizes[-1] * 10 < self.most:
            sizes.append(sizes[-1] * 10)
        return [*sizes, self.most] if self.most > SMALLEST else [self.most]

    def scenarios(self) -> Iterator[Scenario]:
        for churn, sybils in dict.fromkeys(
            ((0.0, 0.0), (self.churn, 0.0), (0.0, self.sybils), (self.churn, self.sybils))
        ):
            for nodes in self.sizes():
                yield Scenario(nodes, churn, sybils, self.minutes, self.lookups, self.seed)


def run(study: Study) -> list[Figures]:
    """Simulate one scenario after another; progress goes to stderr."""
    figures = []
    for scenario in study.scenarios():
        print(f"{scenario.nodes:,} nodes, {name_of(scenario)}:", file=sys.stderr)
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            figures.append(runner.run(_simulate(scenario)))
    return figures


async def _simulate(scenario: Scenario) -> Figures:
    return await Simulation(scenario, Weather()).run()


def name_of(times: Scenario | Figures) -> str:
    """Return how hard the times are, in words."""
    parts = []
    if times.churn:
        parts.append(f"{times.churn:.0%} replaced a minute")
    if times.sybils:
        parts.append(f"{times.sybils:.0%} lying")
    return ", ".join(parts) or "nobody leaves or lies"


def table(figures: Sequence[Figures]) -> str:
    """Return the figures as a table, one line for each run."""
    lines = [
        f"{'':<36}{'nodes':>9}{'success':>9}{'found':>9}{'hops':>7}{'rpc':>7}{'p50 ms':>8}{'p99 ms':>8}"
        f"{'replaced':>10}{'made':>9}{'wall s':>8}"
    ]
    lines += [
        f"{name_of(each):<36}{each.nodes:>9,}{each.success:>9.1%}{each.found:>9.1%}{each.hops_mean:>7.2f}"
        f"{each.rpc_per_lookup:>7.1f}{each.p50_ms:>8,.0f}{each.p99_ms:>8,.0f}{each.replaced:>10,}"
        f"{each.nodes_made:>9,}{each.wall_s:>8,.0f}"
        for each in figures
    ]
    return "\n".join(lines)


def charts(figures: Sequence[Figures]) -> dict[str, Chart]:
    """Return the charts by the names of their files."""
    return {
        "hops.svg": plots.count_chart("Hops of a lookup, mean", _lines(figures, "hops_mean")),
        "success.svg": plots.share_chart("Lookups that found a living worker", _lines(figures, "success")),
        "found.svg": plots.share_chart("Records of living workers that a lookup found", _lines(figures, "found")),
    }


def write_plots(folder: Path, figures: Sequence[Figures]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, chart in charts(figures).items():
        (folder / name).write_text(plots.svg(chart), "utf-8")


def _lines(figures: Sequence[Figures], measure: str) -> dict[str, Line]:
    names = dict.fromkeys(name_of(each) for each in figures)
    return {
        name: [(each.nodes, getattr(each, measure)) for each in figures if name_of(each) == name] for name in names
    }
