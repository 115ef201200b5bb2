"""What the figures of all runs come to: medians, ratios, and one table. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.mesh_support.carrying import CONNECTIONS, Body, Small, Way
from bench.mesh_support.joining import STEPS, Join

TEXTS = {
    "program": "the program has started",
    "enrolled": "enrolled",
    "registered": "registered, with the catalogue",
    "overlay": "the overlay is up",
    "dht": "others found in the DHT",
    "answered": "first answer of another worker",
}
PARTIES = {
    "client node": "asking node",
    "server node": "serving node",
    "client Nebula": "its Nebula",
    "server Nebula": "its Nebula",
    "relay Nebula": "relay",
}
HEADING = f"{'between':<8} {'way':<14} {'down':>6} {'up':>6} {'of plain':>9} {'of Nebula':>10} |" + " |".join(
    f"{'1 conn/s' if n == 1 else f'{n} conn/s':>9} {'p50 ms':>7} {'p99 ms':>7}" for n in CONNECTIONS
)
Ways = Mapping[tuple[str, str], Way]  # by pair and way


def middle(rounds: Sequence[Way]) -> Way:
    """Take the median of each figure."""
    return Way(
        down=_body([one.down for one in rounds]),
        up=_body([one.up for one in rounds]),
        small={count: _small([one.small[count] for one in rounds]) for count in CONNECTIONS},
    )


def _body(found: Sequence[Body]) -> Body:
    parties = {party for one in found for party in one.cpu_per_gb}
    cpu = {party: statistics.median(one.cpu_per_gb.get(party, 0.0) for one in found) for party in sorted(parties)}
    return Body(statistics.median(one.mb_per_second for one in found), cpu)


def _small(found: Sequence[Small]) -> Small:
    return Small(
        statistics.median(one.per_second for one in found),
        statistics.median(one.p50_ms for one in found),
        statistics.median(one.p99_ms for one in found),
    )


def ratio(ways: Ways, pair: str, way: str, to: str) -> float | None:
    """Return this way's bytes a second by those of another way between the same two, both directions together."""
    other = ways.get((pair, to))
    if other is None or to == way:
        return None
    return _both(ways[pair, way]) / max(0.001, _both(other))


def _both(way: Way) -> float:
    """Return the harmonic mean: what as much down as up takes."""
    return statistics.harmonic_mean([way.down.mb_per_second, way.up.mb_per_second])


def joining_lines(found: Mapping[str, Sequence[Join]]) -> Iterator[str]:
    """Yield the table of joining: seconds since the start, median and worst of all runs."""
    yield f"{'seconds from the start until':<32}" + "".join(f"{name:>22}" for name in found)
    for step in STEPS:
        cells = "".join(f"{_cell([join[step] for join in joins if step in join]):>22}" for joins in found.values())
        yield f"{TEXTS[step]:<32}{cells}"


def _cell(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f}, worst {max(seconds):.2f}" if seconds else "-"


def carrying_lines(ways: Ways) -> Iterator[str]:
    """Yield the table of bodies (MB/s) and small requests, and that of the CPU seconds for a gigabyte."""
    yield HEADING
    for (pair, name), way in ways.items():
        plain = _share(ratio(ways, pair, name, "plain TCP"))
        nebula = _share(ratio(ways, pair, name, "TCP in Nebula")) if name == "our nodes" else ""
        small = " |".join(
            f"{one.per_second:>9,.0f} {one.p50_ms:>7.2f} {one.p99_ms:>7.2f}"
            for one in (way.small[count] for count in CONNECTIONS)
        )
        rates = f"{way.down.mb_per_second:>6,.0f} {way.up.mb_per_second:>6,.0f}"
        yield f"{pair:<8} {name:<14} {rates} {plain:>9} {nebula:>10} |{small}"
    yield ""
    heads = "".join(f"{text:>14}" for text in PARTIES.values())
    yield f"{'CPU seconds for a GB, down, up':<30}{heads}"
    for (pair, name), way in ways.items():
        if name != "plain TCP":
            cells = "".join(f"{_seconds(way, party):>14}" for party in PARTIES)
            yield f"{pair:<8} {name:<21}{cells}"


def _share(found: float | None) -> str:
    return "" if found is None else f"{found:.2f}"


def _seconds(way: Way, party: str) -> str:
    down, up = (body.cpu_per_gb.get(party, 0.0) for body in (way.down, way.up))
    return f"{down:.1f}, {up:.1f}" if max(down, up) >= 0.05 else "-"


def document(found: Mapping[str, Sequence[Join]], ways: Ways) -> dict[str, Any]:
    """Return everything for programs to read."""
    return {
        "joining": {name: list(joins) for name, joins in found.items()},
        "carrying": [
            {
                "between": pair,
                "way": name,
                "of_plain_tcp": ratio(ways, pair, name, "plain TCP"),
                "of_tcp_in_nebula": ratio(ways, pair, name, "TCP in Nebula"),
                **{direction: _told(body) for direction, body in (("down", way.down), ("up", way.up))},
                "small": [
                    {"connections": count, "per_second": one.per_second, "p50_ms": one.p50_ms, "p99_ms": one.p99_ms}
                    for count, one in way.small.items()
                ],
            }
            for (pair, name), way in ways.items()
        ],
    }


def _told(body: Body) -> dict[str, Any]:
    return {"mb_per_second": body.mb_per_second, "cpu_seconds_per_gb": dict(body.cpu_per_gb)}
