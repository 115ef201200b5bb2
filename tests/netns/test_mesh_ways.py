"""Four homes behind routers of two kinds: whoever runs a service is called by all others, by the way that is right.

Direct is right where both routers keep a port for all peers. A symmetric router takes another port for each peer,
which nobody else can know, and neither kind lets in who was not written to: so whatever such a router takes part in
goes through the coordinator. With `pytest -s` the times are shown; nothing here fails over a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from tests.support.netlab import Kind
from tests.support.overlay_mesh import NOTE, PROGRAMS, Coordinator, OverlayMesh, Worker, measured

pytestmark = [pytest.mark.needs(*PROGRAMS, "kill"), pytest.mark.timeout(900)]
HOMES: dict[str, tuple[Kind, str]] = {
    "w1": ("cone", "ner-extraction"),
    "w2": ("cone", "document-processing"),
    "w3": ("symmetric", "rag-embeddings"),
    "w4": ("symmetric", "notes-coa"),
}
RIGHT: dict[str, Callable[[Any], bool]] = {
    "ner-extraction": lambda told: {"John Smith", "SW1A 1AA"} <= {one.get("value") for one in told["entities"]},
    "document-processing": lambda told: told["text"].strip() == NOTE and told["page_count"] == 1,
    "rag-embeddings": lambda told: told["query"] == "debt" and told["results"] == [],
    "notes-coa": lambda told: told["case"]["client_name"] == "John Smith",
}
LARGE = {"text": NOTE * 12_000}  # 1 MB
ALONE = 20.0  # seconds that two homes work while there is no coordinator


def way_between(one: str, other: str) -> str:
    return "direct" if HOMES[one][0] == HOMES[other][0] == "cone" else "relayed"


def way_of(name: str) -> str:
    """Return what a home says of all of its ways together."""
    return "direct" if HOMES[name][0] == "cone" else "relayed"


def is_right(answer: dict[str, Any], worker: str) -> bool:
    """Tell whether this worker has answered over the overlay, and rightly."""
    told = answer["headers"]
    return (
        answer["status"] == 200
        and (told["X-RMA-Worker"], told["X-RMA-Route"]) == (worker, "vpn")
        and RIGHT[HOMES[worker][1]](json.loads(answer["body"]))
    )


def until_a_way_is_right(caller: Worker, called: str) -> None:
    """Wait until calls lead to another home, and the caller shows the right way to it."""

    def shown() -> bool | None:
        found = caller.peers().get(called, {})
        return True if (found.get("route"), found.get("tunnel")) == ("vpn", way) else None

    way = way_between(caller.name, called)
    caller.until_calls(HOMES[called][1], lambda answer: is_right(answer, called), f"by {called}, and rightly")
    caller.until(shown, f"shows a {way} way to {called}")


def until_all_ways_are_right(mesh: OverlayMesh) -> None:
    for caller, called in permutations(HOMES, 2):
        until_a_way_is_right(mesh.workers[caller], called)
    for name, worker in mesh.workers.items():
        worker.until_vpn(way_of(name))


def bytes_through(coordinator: Coordinator, caller: Worker) -> int:
    """Return what goes over the coordinator's cable while a large document is sent to w2 and back."""
    before = coordinator.sent_and_received()
    assert caller.control("/call/document-processing", LARGE)["status"] == 200
    return coordinator.sent_and_received() - before


def until_told_that_nobody_coordinates(mesh: OverlayMesh) -> None:
    """Wait until every home says so, and says of its overlay what is true there."""
    for name, worker in mesh.workers.items():
        worker.until_phase("degraded", "coordinator-unreachable")
        direct = way_of(name) == "direct"
        worker.until_vpn(*(("direct",) if direct else ("starting", "no-udp")))
        words = "existing connections go on" if direct else "none can be reached"
        worker.until(lambda worker=worker, words=words: words in worker.overlay_detail() or None, f"says {words}")  # type: ignore[misc]
    status = mesh.workers["w1"].status()
    assert (status["phase"], status["vpn"]["state"]) == ("degraded", "direct")


def test_every_home_calls_every_other_and_direct_ones_go_on_without_a_coordinator(mesh: OverlayMesh) -> None:
    coordinator = mesh.coordinator()
    link = coordinator.invite(len(HOMES), "--trust", "vetted")
    begin = time.monotonic()
    for name, (kind, service) in HOMES.items():
        mesh.worker(mesh.home(name, kind), link, "--allow", service)
    for worker in mesh.workers.values():
        worker.until_vpn("direct", "relayed")
    measured("four homes are enrolled and in the overlay", time.monotonic() - begin)
    until_all_ways_are_right(mesh)
    measured("all twelve ways are right and lead to right answers", time.monotonic() - begin)

    one, two, three, four = mesh.workers.values()
    size = len(LARGE["text"])
    assert bytes_through(coordinator, one) < size / 2, "a direct pair's packets pass the coordinator"
    assert bytes_through(coordinator, three) > 2 * size, "a relayed pair's packets do not pass the coordinator"

    coordinator.kill()
    loops = (
        (two, one.call_meanwhile("document-processing", seconds=ALONE)),
        (one, two.call_meanwhile("ner-extraction", seconds=ALONE)),
    )
    on_a_dead_connection = three.call_meanwhile("ner-extraction", limit=200)
    until_told_that_nobody_coordinates(mesh)
    for worker, loop in loops:
        answers = loop()
        assert len(answers) > 10
        assert [answer for answer in answers if not is_right(answer, worker.name)] == []
        longest = max(answer["seconds"] for answer in answers)
        measured(f"no coordinator: the longest of {len(answers)} calls of a direct pair", longest)
    on_a_dead_one = on_a_dead_connection()
    for what, answer in (("dead", on_a_dead_one), ("new", three.call("ner-extraction", limit=200))):
        problem = json.loads(answer["body"])["type"].rpartition("/")[2]
        assert (answer["status"], problem) in ((502, "upstream-failed"), (503, "no-worker"))
        measured(f"no coordinator: a relayed call on a {what} connection is refused", answer["seconds"])

    begin = time.monotonic()
    coordinator.serve()
    until_a_way_is_right(four, "w1")
    measured("the coordinator is back: relayed calls are answered", time.monotonic() - begin)
    until_all_ways_are_right(mesh)
    for worker in mesh.workers.values():
        worker.until_phase("online")
    measured("the coordinator is back: all is as it was", time.monotonic() - begin)
