from __future__ import annotations

from node.routing.stats import LATENCIES, Outcome, RoutingCounters, percentiles


def test_a_request_is_counted_by_route_and_by_how_it_ended() -> None:
    counters = RoutingCounters()
    counters.finished(Outcome("ocr", "me", "local", 200, 0.010, 1), failed=False)
    counters.finished(Outcome("ocr", "w1", "direct", 200, 0.020, 1), failed=False)
    counters.finished(Outcome("ocr", "w2", "direct", 200, 0.030, 2), failed=False, failures=1)
    counters.finished(Outcome("ocr", None, None, 502, 0.040, 3), failed=True, failures=3)
    stats = counters.snapshot(cache_size=1)
    assert (stats.local_requests, stats.forwarded_requests, stats.failed_requests) == (1, 2, 1)
    assert stats.failovers == 1
    assert stats.requests_by_route == {"local": 1, "direct": 2}
    assert stats.latency_ms == {"p50": 30.0, "p95": 40.0, "p99": 40.0}


def test_a_second_worker_that_was_asked_in_vain_is_no_failover() -> None:
    counters = RoutingCounters(hedged=1)
    counters.finished(Outcome("ocr", "w1", "direct", 200, 0.010, 2), failed=False)
    stats = counters.snapshot(1)
    assert (stats.failovers, stats.hedged, stats.hedge_wins) == (0, 1, 0)


def test_the_hit_rate_is_hits_of_all_looks() -> None:
    counters = RoutingCounters(cache_hits=39, cache_misses=1)
    assert counters.snapshot(1).cache_hit_rate == 0.975
    assert RoutingCounters().snapshot(0).cache_hit_rate == 0.0


def test_percentiles_of_nothing_and_of_many() -> None:
    assert percentiles([]) == {}
    assert percentiles(range(101)) == {"p50": 50, "p95": 95, "p99": 99}


def test_only_the_last_latencies_are_kept() -> None:
    counters = RoutingCounters()
    for _ in range(LATENCIES + 100):
        counters.finished(Outcome("ocr", "w1", "direct", 200, 0.001, 1), failed=False)
    assert len(counters.latencies) == LATENCIES
