"""Tables and a plot of what workers cost a coordinator. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.coordinator_support.seen import percentile
from bench.dht_support.plots import Chart, svg

HEADING = (
    f"{'store':<7}{'workers':>8}{'CPU %':>7}{'us/beat':>9}{'KiB each':>9} | {'beat p50':>9}{'p99':>7}{'max':>7}"
    f" | {'route p99':>9} | {'assigned p50':>12}{'p99':>8} | {'load':>5}"
)


def line(run: Mapping[str, Any]) -> str:
    """Return a run as a row; times are ms, and the CPU of a heartbeat is all that was used, divided by them."""
    steady, route, assigned = run["steady"], run["requests"]["route"], run["churn"]["assigned"]
    waited = f"{assigned['p50_ms']:>12.0f}{assigned['p99_ms']:>8.0f}" if assigned["count"] else f"{'nobody':>20}"
    return (
        f"{run['store']:<7}{run['workers']:>8,}{steady['cpu_percent']:>7.1f}{per_beat(run):>9,.0f}"
        f"{run['kib_each']:>9.1f} | {steady['p50_ms']:>9.1f}{steady['p99_ms']:>7.1f}{steady['max_ms']:>7.0f}"
        f" | {route['p99_ms']:>9.1f} | {waited}"
        f" | {run['load_average']:>5.1f}" + _errors(run)
    )


def per_beat(run: Mapping[str, Any], phase: str = "steady") -> float:
    """Return the microseconds of the coordinator's CPU for each heartbeat, pings and all else included."""
    steady = run[phase]
    percent, count = float(steady["cpu_percent"]), int(steady["count"])
    return percent * 1e4 * float(run["seconds"]) / max(1, count)


def _errors(run: Mapping[str, Any]) -> str:
    failed = run["steady"]["errors"] + run["requests"]["errors"] + run["churn"]["heartbeats"]["errors"]
    failed += run.get("steady_http", {}).get("errors", 0)
    kinds: Counter[str] = Counter()
    for seen in (run["steady"], run["churn"]["heartbeats"], run.get("steady_http", {})):
        kinds.update(seen.get("wrong", {}))
    text = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common())
    return f"  {failed} ERRORS {f'({text})' if text else ''}".rstrip() if failed else ""


def details(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the rest of each run, in words."""
    return "\n".join(text for run in runs for text in _details(run))


def _details(run: Mapping[str, Any]) -> Iterator[str]:
    steady, asked, churn = run["steady"], run["requests"], run["churn"]
    yield f"\n{run['workers']:,} workers, {run['store']}:"
    joined = run["joined"]
    yield (
        f"  joined in {joined['seconds']:.1f} s, each in {joined['p50_ms']:.0f} ms (p99 {joined['p99_ms']:.0f}); "
        f"{joined['beats']:,} heartbeats and {joined['errors']} failures meanwhile"
    )
    yield (
        f"  a heartbeat: {steady['bytes_up']:,.0f} bytes up, {steady['bytes_down']:,.0f} down; {steady['count']:,} "
        f"in all; the workers' program used {steady['crowd_percent']:.0f} % of a core; "
        f"{steady['late_p99_ms']:.1f} ms late at p99"
    )
    if "steady_http" in run:
        plain, by_channel, by_request = run["steady_http"], per_beat(run), per_beat(run, "steady_http")
        yield (
            f"  by request: {plain['bytes_up']:,.0f} bytes up, {plain['bytes_down']:,.0f} down; p50 "
            f"{plain['p50_ms']:.1f} ms, p99 {plain['p99_ms']:.1f}; CPU {by_request:,.0f} us each, by the channel "
            f"{by_channel:,.0f}: {by_request / max(1.0, by_channel):.1f} times less"
        )
    yield (
        f"  a request, whole: p50 {asked['whole']['p50_ms']:.1f} ms, p99 {asked['whole']['p99_ms']:.1f}; "
        f"route p50 {asked['route']['p50_ms']:.1f}, max {asked['route']['max_ms']:.0f}; "
        f"CPU meanwhile {asked['cpu_percent']:.1f} %"
    )
    beats = churn["heartbeats"]
    yield (
        f"  churn: {churn['assigned']['count']} of {churn['wanted']} came and were told what to run; max "
        f"{churn['assigned']['max_ms']:.0f} ms; heartbeats meanwhile p99 {beats['p99_ms']:.1f} ms, max "
        f"{beats['max_ms']:.0f}; CPU {churn['cpu_percent']:.1f} %"
    )
    for seen in run["listeners"]:
        beats = seen["heartbeats"]
        yield (
            f"  {seen['listeners']} follow the topology: snapshot {seen['snapshot_bytes']:,} bytes, then "
            f"{seen['deltas_per_second']:.1f} deltas a second of {seen['delta_bytes']:,.0f}; CPU "
            f"{seen['cpu_percent']:.1f} %, heartbeats p99 {beats['p99_ms']:.1f} ms, max {beats['max_ms']:.0f}"
        )


def failovers(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a table of what was noticed when coordinators were killed, in seconds."""
    lines = [
        f"\n{'store':<7}{'runs':>5} | {'client: median':>14}{'longest':>9}{'failed':>8}"
        f" | {'workers: median':>15}{'longest':>9}"
    ]
    for store, gaps in found.items():
        client = [gap["client"] for gap in gaps]
        workers = [seconds for gap in gaps for seconds in gap["workers"]]
        lines.append(
            f"{store:<7}{len(gaps):>5} | {percentile(client, 50):>14.2f}{max(client):>9.2f}"
            f"{sum(gap['failed'] for gap in gaps):>8} | {percentile(workers, 50):>15.1f}{max(workers):>9.1f}"
        )
    return "\n".join(lines)


def plot(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG: the share of a core over the number of workers, for each store.

    Churn in which nobody was told what to run is none.
    """
    phases = {"heartbeats, channels": "steady", "1 % a minute leave and come": "churn"}
    lines = {
        f"{store}: {name}": [
            (run["workers"], run[phase]["cpu_percent"])
            for run in runs
            if run["store"] == store and (phase == "steady" or run["churn"]["assigned"]["count"])
        ]
        for store in dict.fromkeys(run["store"] for run in runs)
        for name, phase in phases.items()
    }
    most = max(value for found in lines.values() for _, value in found)
    step = next(step for step in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0) if most <= 6 * step or step == 50.0)
    high = step * (int(most / step) + 1)
    return svg(Chart("Share of one core (%), over the number of workers", lines, 0.0, high, step))
