"""Numbers and times as people read them."""

import pytest

from app import figures

GIB = 2**30


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1500, "1.5 kB"),
        (16 * GIB, "16 GB"),
        (931 * GIB, "931 GB"),
        (2**40, "1.0 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert figures.size(count) == text


def test_counts_and_shares() -> None:
    assert figures.number(1234567) == "1,234,567"
    assert figures.decimal(1234.56, 1) == "1,234.6"
    assert figures.share(1.5) == "150 %"


def test_percentages_stay_between_0_and_100() -> None:
    assert [figures.percent(value) for value in (-1.0, 0.914, 3.0)] == ["0 %", "91 %", "100 %"]


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (1.24, "1.2 ms"), (18.2, "18 ms"), (1310.0, "1.3 s")])
def test_milliseconds(value: float | None, text: str) -> None:
    assert figures.milliseconds(value) == text


def test_a_time_has_its_day_only_when_that_is_another() -> None:
    now = 1_780_000_000.0
    assert len(figures.clock_time(now + 60, now)) == 5
    assert figures.clock_time(now + 86400 * 2, now)[0].isalpha()


@pytest.mark.parametrize(
    ("before", "text"),
    [(1, "now"), (30, "30 s ago"), (600, "10 min ago"), (7200, "2 h ago"), (86400 * 5, "5 days ago")],
)
def test_ago(before: float, text: str) -> None:
    assert figures.ago(1_000_000.0 - before, 1_000_000.0) == text


def test_never_seen_is_a_dash() -> None:
    assert figures.ago(0.0, 1_000_000.0) == "–"


def test_where_a_url_leads() -> None:
    assert figures.host_of("https://mesh.example.org:8443/x") == "mesh.example.org:8443"
    assert figures.host_of("nonsense") == "nonsense"
    assert figures.host_of("https://mеsh.example.org:8443") == "xn--msh-rdd.example.org:8443", "that e is Cyrillic"
    assert figures.host_of("https://mesh.bücher:80/x") == "mesh.xn--bcher-kva:80"


def test_rates_working_time_and_energy() -> None:
    assert [figures.rate(value) for value in (None, 0.0, 2_500_000.0)] == ["–", "0 bytes/s", "2.4 MB/s"]
    times = (0.0, 40.4, 90.0, 3 * 3600.0, 1240 * 3600.0)
    assert [figures.working_time(seconds) for seconds in times] == ["0 s", "40 s", "2 min", "3.0 h", "1,240 h"]
    joules = (0.0, 3600.0 * 1.5, 3600.0 * 132, 3.6e6 * 3.4, 3.6e6 * 1240)
    assert [figures.energy(one) for one in joules] == ["0 Wh", "1.5 Wh", "132 Wh", "3.4 kWh", "1,240 kWh"]


@pytest.mark.parametrize("nonsense", [1e300, -1e300, 1e18, float("nan"), float("inf")])
def test_nonsense_that_somebody_tells_breaks_nothing(nonsense: float) -> None:
    assert figures.clock_time(nonsense, 1_780_000_000.0)
    assert figures.long_date(nonsense)
    assert figures.local_time(nonsense).tm_year in range(1969, 2986)
    assert figures.number(10**40)
