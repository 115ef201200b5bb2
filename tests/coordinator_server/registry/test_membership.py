"""How silence, rest and failures of a worker count."""

from __future__ import annotations

import msgspec
import pytest

from coordinator_server.registry.membership import Patience, failed, heard, liveness, loaded, registered
from node.wire.messages import Capabilities, Endpoints, HeartbeatRequest, RegisterRequest, ServiceReport

ENDS = Endpoints(port=8000, direct_hosts=("127.0.0.1",))
NEW = registered(RegisterRequest(worker_id="w-1", capabilities=Capabilities(), endpoints=ENDS), ENDS, 100.0)
RUNNING = (ServiceReport(name="ner", state="running"), ServiceReport(name="ocr", state="starting"))
BEAT = HeartbeatRequest(worker_id="w-1", load=0.5, in_flight=3, services=RUNNING)


def test_only_what_runs_is_offered() -> None:
    assert NEW.running == ()
    member = heard(NEW, BEAT, 101.0)
    assert member.running == ("ner",)
    assert (member.last_seen, member.load, member.in_flight) == (101.0, 0.5, 3)
    record = member.record()
    assert (record.services, record.load, record.last_seen, record.endpoints) == (("ner",), 0.5, 101.0, ENDS)


def test_free_memory_is_taken_over_and_all_of_it_free_where_nothing_is_said() -> None:
    told = msgspec.structs.replace(BEAT, memory_free=0.03)
    assert heard(NEW, told, 101.0).memory_free == 0.03
    assert heard(heard(NEW, told, 101.0), BEAT, 102.0).memory_free == 1.0
    older = msgspec.json.decode(b'{"worker_id": "w-1"}', type=HeartbeatRequest)
    assert older.memory_free == 1.0


def test_who_rests_offers_nothing() -> None:
    resting = HeartbeatRequest(worker_id="w-1", services=RUNNING, paused=True)
    assert heard(NEW, resting, 101.0).running == ()


def test_a_failure_lasts_until_the_next_heartbeat() -> None:
    member = failed(heard(NEW, BEAT, 101.0))
    assert member.failed
    assert not heard(member, BEAT, 102.0).failed


def test_the_load_of_an_answer_stays_within_bounds() -> None:
    assert [loaded(NEW, load).load for load in (-1.0, 0.3, 7.0)] == [0.0, 0.3, 1.0]


@pytest.mark.parametrize(
    ("silence", "state"),
    [(-3600, "active"), (0, "active"), (89.9, "active"), (90, "stale"), (299.9, "stale"), (300, "forgotten")],
)
def test_silence(silence: float, state: str) -> None:
    assert liveness(NEW, 100.0 + silence, Patience(90.0, 300.0)) == state
