"""The parts of the gateway's benchmark that can be wrong without anybody noticing: what its figures are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.gateway_support import cost, results
from bench.gateway_support.load import Figures
from bench.gateway_support.results import Row, middle, size_text
from bench.gateway_support.workers import parse_worker_url
from node.program.settings import SettingError

IDLE = Figures(1000.0, 1.0, 2.0, 10.0, 0, 0.0, 0.0, 0.0, 0.0)


def rate(requests_per_second: float, **others: float) -> Figures:
    return replace(IDLE, requests_per_second=requests_per_second, **others)  # type: ignore[arg-type]


def row(ours: float, nginx: float = 100.0, earlier: float | None = None, size: int = 200, p99: float = 2.0) -> Row:
    figures = {"nginx": rate(nginx), "gateway": rate(ours, p99_ms=p99)}
    if earlier is not None:
        figures["earlier"] = rate(earlier)
    return Row(size, 32, figures)


def met(*rows: Row) -> list[bool | None]:
    return [goal.met for goal in results.goals(rows)]


def test_the_round_whose_ratio_is_in_the_middle_counts() -> None:
    rounds = [row(ours, nginx).figures for ours, nginx in ((90, 100), (10, 100), (300, 600))]
    assert middle(200, 32, rounds).rate_ratio() == 0.5
    assert middle(200, 32, rounds).figures is rounds[2]


def test_what_was_wanted_is_judged_by_the_worst_that_was_measured() -> None:
    assert met(row(40, earlier=0.6), row(60, size=2**20)) == [True, True, True, True]
    assert met(row(39, earlier=0.7), row(60, size=2**20), row(59, size=2**20)) == [False, False, True, False]
    assert met(row(40), row(40, size=10240, p99=8.1)) == [True, None, False, None]
    assert met() == [None, None, None, None]


def test_people_read_what_was_met() -> None:
    lines = [results.goal_line(goal) for goal in results.goals([row(61, earlier=1.0), row(10, size=2**20)])]
    assert [line.split("  ")[0] for line in lines] == ["met", "met", "met", "NOT MET"]
    assert lines[0].endswith(": 0.61, the aim too")
    assert lines[3].endswith(": 0.10 at worst (body 1 MiB, connections: 32)")
    assert results.goal_line(results.goals([])[0]).startswith("not measured")


def test_the_table_has_a_line_for_each_proxy_and_says_what_went_wrong() -> None:
    broken = Row(10240, 256, {"nginx": rate(100), "gateway": replace(rate(50), errors=3)})
    first, second = results.lines(broken, 1)
    assert first.split()[:5] == ["10", "KiB", "256", "nginx", "100"]
    assert second.split()[3:5] == ["gateway", "50"]
    assert "| 0.50   1.00   1.00 |" in second
    assert second.index("|") == results.HEADING.index("|")
    assert second.endswith("3 ERRORS")


@pytest.mark.parametrize(
    ("shares", "cores", "limit"),
    [
        ({"proxy_share": 0.95}, 1, "proxy"),
        ({"proxy_share": 0.5, "strangers_share": 0.45}, 1, "other programs on the proxy's core"),
        ({"proxy_share": 0.5, "generator_share": 0.95}, 3, "load generator"),
        ({"proxy_share": 0.5, "workers_share": 0.95}, 3, "workers"),
        ({"proxy_share": 0.5, "generator_share": 0.5, "workers_share": 0.45}, 1, "load generator and workers"),
        ({"proxy_share": 0.5, "generator_share": 0.5, "workers_share": 0.45}, 3, ""),
        ({"proxy_share": 0.5, "generator_share": 0.3, "workers_share": 0.2}, 0, "the one core that all share"),
    ],
)
def test_it_says_who_had_no_more_to_give(shares: dict[str, float], cores: int, limit: str) -> None:
    assert rate(1.0, **shares).limit(cores) == limit


def test_costs_are_ratios_within_one_round() -> None:
    rounds = [
        {"full": rate(full, cpu_us=cpu), "metrics off": rate(full * 1.2, cpu_us=cpu * 0.9)}
        for full, cpu in ((100.0, 10.0), (10.0, 90.0), (50.0, 20.0))
    ]
    full, off = cost.costs(rounds)
    assert (full.name, full.rate_ratio, full.cpu_ratio, full.figures.cpu_us) == ("full", 1.0, 1.0, 20.0)
    assert (off.name, off.rate_ratio, off.cpu_ratio) == ("metrics off", pytest.approx(1.2), pytest.approx(0.9))


def test_every_variation_writes_a_log_of_its_own(tmp_path: Path) -> None:
    logs = [changed["access_log"] for changed in cost.variations(tmp_path).values() if "access_log" in changed]
    assert len(set(logs)) == len(logs) == len(cost.variations(tmp_path)) - 1


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("http://127.0.0.1:8000/", ("127.0.0.1", 8000)),
        ("http://localhost:81", ("127.0.0.1", 81)),
        ("http://127.0.0.1", ("127.0.0.1", 80)),
        ("http://[::1]:82", ("::1", 82)),
    ],
)
def test_a_worker_is_a_plain_server_somewhere(url: str, place: tuple[str, int]) -> None:
    assert parse_worker_url(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "", "nonsense", "127.0.0.1:80", "https://127.0.0.1", "http://127.0.0.1:0", "http://127.0.0.1:99999",
        "http://127.0.0.1:8000/base", "http://127.0.0.1:8000/?a=b", "http://me@127.0.0.1", "http://0.0.0.0:80",
        "http://169.254.169.254", "http://[::1", "http://" + "a" * 70 + ".invalid",
    ],
)  # fmt: skip
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="worker_url"):
        parse_worker_url(url)


@pytest.mark.parametrize(("size", "text"), [(200, "200 B"), (10240, "10 KiB"), (2**20, "1 MiB"), (1500, "1500 B")])
def test_sizes_read_as_people_write_them(size: int, text: str) -> None:
    assert size_text(size) == text
