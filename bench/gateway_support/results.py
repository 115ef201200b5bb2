"""What the figures of all rounds come to: the round in the middle, ratios, what was wanted, and the table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.gateway_support.load import Round

NGINX, EARLIER, CORE, OURS = "nginx", "earlier", "core", "gateway"
SMALL, LARGE, MANY = 200, 2**20, 32  # bytes, bytes, connections that the wanted figures speak of
HEADING = (
    f"{'body':>8} {'conn':>5}  {'':<8} {'requests/s':>10} {'p50 ms':>7} {'p99 ms':>8} {'CPU us':>8} |"
    f"{'rate':>5} {'p99':>6} {'CPU':>6} |{'proxy':>6} {'wrk':>4} {'workers':>8}  limited by"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One size and number of connections: the figures of the round whose ratio is in the middle."""

    size: int
    connections: int
    figures: Round

    def rate_ratio(self, name: str = OURS, to: str = NGINX) -> float:
        return rate_ratio(self.figures, name, to)

    def p99_ratio(self, name: str = OURS) -> float:
        return self.figures[name].p99_ms / max(0.001, self.figures[NGINX].p99_ms)

    def cpu_ratio(self, name: str = OURS) -> float:
        return self.figures[name].cpu_us / max(0.001, self.figures[NGINX].cpu_us)


@dataclass(frozen=True, slots=True)
class Goal:
    """One wanted figure, and whether it was met; None where it was not measured."""

    wanted: str
    found: str
    met: bool | None


def rate_ratio(figures: Round, name: str = OURS, to: str = NGINX) -> float:
    return figures[name].requests_per_second / max(0.001, figures[to].requests_per_second)


def middle(size: int, connections: int, rounds: Sequence[Round]) -> Row:
    """Take the round whose ratio of rates, ours to nginx's, is the median."""
    return Row(size, connections, sorted(rounds, key=rate_ratio)[len(rounds) // 2])


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Hold the rows against what is wanted of the gateway."""
    usual = next((row for row in rows if (row.size, row.connections) == (SMALL, MANY)), None)
    large = [row for row in rows if row.size == LARGE]
    return [
        _rate(usual),
        _times_earlier(usual),
        _worst("p99 at most 4 x nginx's", [(row.p99_ratio(), row) for row in rows], at_most=4.0),
        _worst("rate at least 0.60 of nginx with 1 MiB", [(row.rate_ratio(), row) for row in large], at_least=0.6),
    ]


def _rate(usual: Row | None) -> Goal:
    wanted = f"rate at least 0.40 of nginx (aim 0.60) at {MANY} connections, {SMALL} B"
    if usual is None:
        return Goal(wanted, "", None)
    ratio = usual.rate_ratio()
    return Goal(wanted, f"{ratio:.2f}" + (", the aim too" if ratio >= 0.6 else ""), ratio >= 0.4)


def _times_earlier(usual: Row | None) -> Goal:
    wanted = f"rate at least 60 x the earlier design's at {MANY} connections, {SMALL} B"
    if usual is None or EARLIER not in usual.figures:
        return Goal(wanted, "", None)
    times = usual.rate_ratio(to=EARLIER)
    return Goal(wanted, f"{times:.0f} x", times >= 60)


def _worst(
    wanted: str, found: Sequence[tuple[float, Row]], *, at_least: float = 0.0, at_most: float = float("inf")
) -> Goal:
    """Judge by the row that is furthest from what is wanted."""
    if not found:
        return Goal(wanted, "", None)
    ratio, row = (min if at_least else max)(found, key=lambda one: one[0])
    text = f"{ratio:.2f} at worst (body {size_text(row.size)}, connections: {row.connections})"
    return Goal(wanted, text, at_least <= ratio <= at_most)


def lines(row: Row, other_cores: int) -> Iterator[str]:
    """Yield the lines of the table for one row, under HEADING."""
    for name in (NGINX, OURS, CORE, EARLIER):
        if name not in row.figures:
            continue
        one = row.figures[name]
        ratios = f"{row.rate_ratio(name):>5.2f} {row.p99_ratio(name):>6.2f} {row.cpu_ratio(name):>6.2f}"
        shares = f"{one.proxy_share:>6.0%} {one.generator_share:>4.0%} {one.workers_share:>8.0%}"
        yield (
            f"{size_text(row.size):>8} {row.connections:>5}  {name:<8} {one.requests_per_second:>10,.0f} "
            f"{one.p50_ms:>7.2f} {one.p99_ms:>8.2f} {one.cpu_us:>8.1f} |"
            f"{ratios} |{shares}  {one.limit(other_cores) or '-'}"
            + (f"  {one.errors} ERRORS" if one.errors else "")
        )


def goal_line(goal: Goal) -> str:
    """Return the line that tells whether a wanted figure was met."""
    if goal.met is None:
        return f"{'not measured':<12}  {goal.wanted}"
    return f"{'met' if goal.met else 'NOT MET':<12}  {goal.wanted}: {goal.found}"


def document(rows: Sequence[Row], other_cores: int) -> dict[str, Any]:
    """Return everything for programs to read."""
    return {"rows": [_row(row, other_cores) for row in rows], "wanted": [asdict(goal) for goal in goals(rows)]}


def _row(row: Row, other_cores: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "bytes": row.size,
        "connections": row.connections,
        "rate_ratio": row.rate_ratio(),
        "p99_ratio": row.p99_ratio(),
        "cpu_ratio": row.cpu_ratio(),
    }
    if EARLIER in row.figures:
        told["times_earlier"] = row.rate_ratio(to=EARLIER)
    for name, one in row.figures.items():
        told[name] = asdict(one) | {"limited_by": one.limit(other_cores)}
    return told


def size_text(size: int) -> str:
    """Return a number of bytes as people write it."""
    for factor, unit in ((2**20, "MiB"), (2**10, "KiB")):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"
