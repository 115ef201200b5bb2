"""Reports of other processes: summed, and believed only where their names are ours."""

from __future__ import annotations

from coordinator_server.gateway_processes.messages import Ended, Report, Took
from coordinator_server.gateway_processes.reports import Elsewhere, counted_in, ended_of, took_of
from coordinator_server.metrics import SECONDS, Metrics, Reading
from node.routing.stats import Outcome

BOUNDS = len(SECONDS) + 1


def metrics() -> Metrics:
    return Metrics(lambda: Reading(heartbeat_ages={"w1": 1.0}), coordinator="c", version="0")


def test_what_a_process_counted_is_in_the_firsts_metrics() -> None:
    there, here = metrics(), metrics()
    for source in (there, here):
        source.ended(Outcome("ocr", "w1", "direct", 200, 0.02, 1))
        source.rejected("rate-limited")
    there.ended(Outcome("ocr", None, None, 503, 2.0, 0))
    counted = there.drain()
    report = Report(ended=ended_of(counted), took=took_of(counted), rejected=counted.rejected)
    here.absorb(counted_in(report, {"ocr"}, lambda worker_id: worker_id == "w1"))
    text = here.exposition().decode()
    assert 'rma_requests_total{route="direct",service="ocr",status="200",worker="w1"} 2.0' in text
    assert 'rma_requests_total{route="",service="ocr",status="503",worker=""} 1.0' in text
    assert 'rma_request_duration_seconds_count{service="ocr"} 3.0' in text
    assert 'rma_rejected_requests_total{reason="rate-limited"} 2.0' in text
    assert there.drain().counts == {}
    assert there.drain().rejected == {}


def test_names_that_are_not_ours_make_no_series() -> None:
    counts = (0,) * BOUNDS
    report = Report(
        ended=(
            Ended("ocr", "stranger", "direct", 200, 5),
            Ended("evil", "w1", "direct", 200, 1),
            Ended("ocr", "w1", "evil", 200, 1),
        ),
        took=(Took("evil", counts, 1.0), Took("ocr", (1, 2), 1.0)),
        rejected={"evil": 4, "forbidden": 2},
    )
    counted = counted_in(report, {"ocr"}, lambda worker_id: worker_id == "w1")
    assert counted.counts == {("ocr", "", "direct", 200): 5}
    assert counted.times == {}
    assert counted.rejected == {"forbidden": 2}


def test_sums_stay_when_a_process_ends_and_what_it_had_in_hand_goes() -> None:
    elsewhere = Elsewhere()
    elsewhere.told(1, Report(retries=3, queues={"ocr": 2}, in_flight=4))
    elsewhere.told(2, Report(retries=1, queues={"ocr": 1, "ner": 1}))
    assert elsewhere.queues({"ocr": 5}) == {"ocr": 8, "ner": 1}
    assert (elsewhere.total("retries"), elsewhere.total("in_flight")) == (4, 4)
    assert elsewhere.processes == 2
    elsewhere.ended(1)
    elsewhere.ended(1)
    assert elsewhere.processes == 1
    assert (elsewhere.total("retries"), elsewhere.total("in_flight")) == (4, 0)
    assert elsewhere.queues({}) == {"ocr": 1, "ner": 1}
