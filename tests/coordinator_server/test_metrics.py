"""Metrics: what ended is counted, what is now is read, and the memory does not grow with workers that left."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from coordinator_server import metrics as metrics_module
from coordinator_server.metrics import MANY, Metrics, Overlay, Reading
from node.program.tasks import TaskSet
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


async def test_of_few_workers_it_is_told_at_once_and_as_it_is_now() -> None:
    metrics, held = make(Reading(registered=2))
    assert "rma_registered_workers 2.0" in (await metrics.told()).decode()
    held[0] = Reading(registered=3)
    assert "rma_registered_workers 3.0" in (await metrics.told()).decode()


async def test_of_many_it_is_told_from_a_thread_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "SHARE", 1e-9)  # what was told is good for long
    looks: list[int] = []
    metrics = Metrics(
        lambda: Reading(registered=MANY),
        coordinator="c",
        version="1",
        look=lambda reading: replace(reading, heartbeat_ages={"w1": 0.5}, active=look_now()),
    )

    def look_now() -> int:
        looks.append(1)
        metrics.ended(Outcome("s", "w1", "direct", 200, 0.1, 1))  # meanwhile requests end
        return int(threading.current_thread() is threading.main_thread())

    for worker in ("w1", "gone"):
        metrics.ended(Outcome("s", worker, "direct", 200, 0.1, 1))
    texts = await asyncio.gather(*(metrics.told() for _ in range(5)))
    assert len({*texts}) == len(looks) == 1
    assert b"rma_active_workers 0.0" in texts[0], "it looked in the loop's own thread"
    assert b'worker="gone"' not in texts[0]
    assert metrics.total == 3
    metrics._good_until = 0.0
    again = (await metrics.told()).decode()
    assert 'rma_requests_total{route="direct",service="s",status="200",worker="w1"} 2.0' in again
    assert len(looks) == 2


async def test_who_goes_away_has_no_second_thread_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "SHARE", 1e-9)  # what was told is good for long
    go_on = threading.Event()
    looks: list[Reading] = []

    def look(reading: Reading) -> Reading:
        looks.append(reading)
        assert go_on.wait(30)
        return reading

    metrics = Metrics(lambda: Reading(registered=MANY), coordinator="c", version="1", look=look)
    tasks = TaskSet("visitors")
    try:
        for _ in range(5):
            visitor = tasks.start(metrics.told(), "visitor")
            await asyncio.sleep(0)
            visitor.cancel()
            await asyncio.wait([visitor])
        last = tasks.start(metrics.told(), "last")
        await asyncio.sleep(0)
        go_on.set()
        assert f"rma_registered_workers {MANY}.0" in (await last).decode()
    finally:
        go_on.set()
        await tasks.stop()
    assert len(looks) == 1


def test_names_of_workers_are_written_as_prometheus_reads_them() -> None:
    ages = {'a"b': 0.0, "a\\b": 12.25, "a\nb": 1e-07, "w9": 3.0}
    metrics, _ = make(Reading(heartbeat_ages=ages))
    families = {one.name: one for one in text_string_to_metric_families(metrics.exposition().decode())}
    samples = families["rma_worker_heartbeat_age_seconds"].samples
    assert {one.labels["worker"]: one.value for one in samples} == ages
    assert families["rma_worker_heartbeat_age_seconds"].type == "gauge"
