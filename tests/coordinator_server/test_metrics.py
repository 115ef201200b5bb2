"""Metrics: what ended is counted, what is now is read, and the memory does not grow with workers that left."""

from __future__ import annotations

from coordinator_server.metrics import Metrics, Overlay, Reading
from node.routing.stats import Outcome


def make(reading: Reading) -> tuple[Metrics, list[Reading]]:
    held = [reading]
    return Metrics(lambda: held[0], coordinator="coordinator-1", version="0.1.0"), held


def test_requests_are_counted_with_worker_route_and_status() -> None:
    metrics, _ = make(Reading(heartbeat_ages={"w1": 1.0}))
    for status in (200, 200, 502):
        metrics.ended(Outcome("ner-extraction", "w1", "direct", status, 0.02, 1))
    text = metrics.exposition().decode()
    assert 'rma_requests_total{route="direct",service="ner-extraction",status="200",worker="w1"} 2.0' in text
    assert 'status="502"' in text
    assert 'rma_request_duration_seconds_bucket{le="0.025",service="ner-extraction"} 3.0' in text


def test_gauges_say_what_is_now() -> None:
    metrics, held = make(Reading(registered=2, active=1, stale=1, service_workers={"ner-extraction": 1}))
    assert "rma_registered_workers 2.0" in metrics.exposition().decode()
    held[0] = Reading(
        registered=3, heartbeat_ages={"w9": 12.5}, dht={"entries": 7}, retries=4, queue_depths={"ocr": 2}
    )
    text = metrics.exposition().decode()
    assert "rma_registered_workers 3.0" in text
    assert 'rma_worker_heartbeat_age_seconds{worker="w9"} 12.5' in text
    assert 'rma_dht{what="entries"} 7.0' in text
    assert "rma_retries_total 4.0" in text
    assert 'rma_queue_depth{service="ocr"} 2.0' in text
    assert 'rma_coordinator_info{coordinator="coordinator-1",version="0.1.0"} 1.0' in text


def test_workers_that_left_leave_no_series() -> None:
    metrics, held = make(Reading(heartbeat_ages={"w1": 1.0}))
    metrics.ended(Outcome("s", "w1", "direct", 200, 0.1, 1))
    metrics.ended(Outcome("s", None, None, 503, 0.1, 0))
    assert 'worker="w1"' in metrics.exposition().decode()
    held[0] = Reading()
    text = metrics.exposition().decode()
    assert 'worker="w1"' not in text
    assert 'status="503"' in text
    metrics.ended(Outcome("s", "w1", "direct", 200, 0.1, 1))
    assert metrics.total == 3


def test_two_coordinators_in_one_process_do_not_meet() -> None:
    first, _ = make(Reading())
    second, _ = make(Reading())
    first.rejected("unauthorized")
    assert 'rma_rejected_requests_total{reason="unauthorized"} 1.0' in first.exposition().decode()
    assert "unauthorized" not in second.exposition().decode()


def test_the_overlay_is_there_or_not_spoken_of() -> None:
    metrics, held = make(Reading())
    assert "rma_overlay" not in metrics.exposition().decode()
    held[0] = Reading(overlay=Overlay(up=True, members=5, lighthouses=2, direct=3, relayed=1))
    text = metrics.exposition().decode()
    for line in (
        "rma_overlay_up 1.0", "rma_overlay_members 5.0", "rma_overlay_lighthouses 2.0",
        'rma_overlay_peers{route="direct"} 3.0', 'rma_overlay_peers{route="relayed"} 1.0',
    ):  # fmt: skip
        assert line in text


def test_relay_connections_are_counted_as_they_are_and_as_they_came() -> None:
    metrics, _ = make(Reading(relay_in_use=3, relay_ready=1, relay_opened=7, relay_refused=2))
    text = metrics.exposition().decode()
    for line in ('connections{state="used"} 3.0', 'connections{state="ready"} 1.0', "opened_total 7.0"):
        assert f"rma_relay_{line}" in text
    assert "rma_relay_refused_total 2.0" in text
