"""What is summed up over all workers is what counting them anew would give."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.api.shapes import TopologyWorker
from coordinator_server.api.tally import Tally

NAMES = st.sampled_from(["w1", "w2", "w3", "w4"])
SERVICES = ("ner", "notes", "ocr")
COORDINATORS = ("c1", "c2")
WORKERS = st.builds(
    TopologyWorker,
    id=NAMES,
    type=st.just("cpu"),
    coordinator=st.sampled_from(COORDINATORS),
    services=st.lists(st.sampled_from(SERVICES), max_size=3).map(tuple),  # who says one twice is one worker still
    status=st.sampled_from(["active", "active", "stale", "draining"]),
    load=st.integers(0, 1000).map(lambda thousandths: thousandths / 1000),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NAMES, st.none() | WORKERS), max_size=20))
def test_it_is_what_counting_anew_gives(changes: list[tuple[str, TopologyWorker | None]]) -> None:
    tally, workers = Tally(), dict[str, TopologyWorker]()
    for gone, worker in changes:
        name = worker.id if worker is not None else gone
        tally.change(workers.pop(name, None), worker)
        if worker is not None:
            workers[name] = worker
        active = [one for one in workers.values() if one.status == "active"]
        for service in SERVICES:
            assert tally.running(service) == tuple(sorted(one.id for one in active if service in one.services))
        for coordinator in COORDINATORS:
            loads = [round(one.load * 1000) for one in active if one.coordinator == coordinator]
            count = sum(one.coordinator == coordinator for one in workers.values())
            assert tally.share(coordinator) == (
                count,
                round(sum(loads) / 1000 / len(loads), 3) if loads else 0.0,
            )
    for worker in workers.values():
        tally.change(worker, None)
    assert not tally._shares, "nothing is kept of coordinators that have gone"
    assert not tally._running


def test_the_names_are_listed_once_until_somebody_comes_or_goes() -> None:
    tally, worker = Tally(), TopologyWorker(id="w", type="cpu", coordinator="c", services=("ner",))
    tally.change(None, worker)
    listed = tally.running("ner")
    tally.change(worker, TopologyWorker(id="w", type="cpu", coordinator="c", services=("ner",), load=0.5))
    assert tally.running("ner") is listed
    assert tally.share("c") == (1, 0.5)
