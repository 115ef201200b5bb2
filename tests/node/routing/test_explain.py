from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.forwarding.interface import Target
from node.routing.admission import Places
from node.routing.breaker import Tripped
from node.routing.cache import Knowledge, Shunned
from node.routing.candidates import Candidate
from node.routing.explain import Situation, eligible_in, explain
from node.routing.ranking import Ranking, Wanted
from node.routing.selection import Selector
from node.routing.targets import Way
from node.state import AskedSource, CandidateReport, Explanation

NOW, WALL = 1000.0, 1_767_225_600.0  # 2026-01-01T00:00:00Z
VPN, LAN = Target("vpn", "http://10.42.0.7:8000"), Target("direct", "http://192.168.1.7:8000")


def worker(worker_id: str, load: float = 0.0, **more: Any) -> Candidate:
    return Candidate(
        worker_id, (VPN, LAN), load, **{"vetted": True, "known_at": NOW - 12.0, "source": "dht", **more}
    )


def situation(*candidates: Candidate, shunned: tuple[Shunned, ...] = (), **changes: Any) -> Situation:
    asked = (AskedSource(name="dht", found=len(candidates)),)
    knowledge = Knowledge(candidates, shunned, asked, age=12.0, fresh_for=48.0, stale_for=30.0)
    plain = Situation(
        service="vision-ocr",
        data_class="public",
        vetted_only=False,
        concurrency=4,
        policy="weighted",
        now=NOW,
        wall=WALL,
        here=None,
        elsewhere=Places(max(1, len(candidates)) * 4),
        most_waiting=100,
        looked_up=False,
        knowledge=knowledge,
        ways={item.worker_id: Way(item.targets[0]) for item in candidates},
        tripped={},
        busy={},
        last_turn="",
    )
    return replace(plain, **changes)


def tripped(worker_id: str, state: Any = "open", until: float = NOW + 7.5, *, probing: bool = False) -> Tripped:
    return Tripped(worker_id, state, until, probing, 5, "no answer within 30 s")


def reports(found: Explanation) -> dict[str, CandidateReport]:
    return {item.worker_id: item for item in found.candidates}


def chances(found: Explanation) -> dict[str, float]:
    return {item.worker_id: item.chance for item in found.candidates}


def test_the_three_least_loaded_have_chances_of_50_30_and_20_percent() -> None:
    found = explain(situation(worker("a", 0.8), worker("b", 0.2), worker("c", 0.5), worker("d", 0.9)))
    assert chances(found) == {"b": 50.0, "c": 30.0, "a": 20.0, "d": 0.0}
    assert [item.worker_id for item in found.candidates] == ["b", "c", "a", "d"]
    assert found.picked == "b"
    assert found.verdict == "b is the likeliest to be picked (50%), because it is the least loaded."
    assert reports(found)["d"].reason == "3 others are less loaded."


def test_a_candidate_is_told_with_all_that_counts() -> None:
    found = reports(explain(situation(worker("a", 0.25), worker("b"), busy={"a": 3})))["a"]
    assert (found.state, found.route, found.address, found.source) == ("ready", "vpn", VPN.base_url, "dht")
    assert (found.load, found.load_age, found.outstanding, found.score) == (0.25, 12.0, 3, 0.75)
    assert "what we gave it ourselves counts" in found.reason


def test_where_it_comes_from_is_told() -> None:
    found = explain(situation(worker("a"))).lookup
    assert (found.cached, found.age, found.fresh_for, found.stale_for) == (True, 12.0, 48.0, 30.0)
    assert found.asked == (AskedSource(name="dht", found=1),)
    assert not explain(situation(worker("a"), looked_up=True)).lookup.cached


def test_nobody_is_said() -> None:
    found = explain(situation())
    assert (found.picked, found.candidates, found.verdict) == (None, (), "Nobody: no worker offers it now.")


def test_personal_data_goes_to_vetted_workers_only() -> None:
    candidates = (worker("a", 0.0, vetted=False), worker("b", 0.9))
    found = explain(situation(*candidates, vetted_only=True, data_class="personal"))
    assert (found.picked, reports(found)["a"].state, reports(found)["a"].chance) == ("b", "not-vetted", 0.0)
    assert found.verdict == "b is picked, because nobody else can be."
    alone = explain(situation(candidates[0], vetted_only=True))
    assert reports(found)["b"].reason == "Nobody else can be asked now."
    assert alone.picked is None
    assert "not vetted" in alone.verdict


def test_a_full_worker_is_left_out_while_others_have_room() -> None:
    found = explain(situation(worker("a"), worker("b", 0.9), busy={"a": 4}))
    assert (found.picked, reports(found)["a"].state, reports(found)["a"].chance) == ("b", "full", 0.0)
    assert reports(found)["a"].reason == "It works on 4 requests of ours and takes 4 at a time."
    everybody = explain(situation(worker("a"), busy={"a": 4}, elsewhere=Places(4, 4, 2)))
    assert everybody.picked == "a"
    assert everybody.verdict.startswith("All places are taken, so a request waits first; then a ")
    assert (everybody.queue.waiting, everybody.queue.in_flight, everybody.queue.limit) == (2, 4, 4)


def test_a_broken_worker_is_left_out_until_its_time_while_others_are_well() -> None:
    found = explain(situation(worker("a"), worker("b", 0.9), tripped={"a": tripped("a")}))
    broken = reports(found)["a"]
    assert (found.picked, broken.state, broken.chance) == ("b", "broken", 0.0)
    assert broken.until is not None
    assert (broken.until.seconds, broken.until.at) == (7.5, "2026-01-01T00:00:07+00:00")
    assert broken.reason == "It failed 5 times in a row (no answer within 30 s)."
    (breaker,) = found.breakers
    assert (breaker.worker_id, breaker.state, breaker.until) == ("a", "open", broken.until)
    assert (breaker.failures, breaker.last_failure) == (5, "no answer within 30 s")


def test_where_all_are_broken_they_are_asked_all_the_same() -> None:
    found = explain(situation(worker("a"), tripped={"a": tripped("a")}))
    assert (found.picked, reports(found)["a"].state, reports(found)["a"].chance) == ("a", "broken", 100.0)
    assert reports(found)["a"].reason.endswith("because nobody else is left.")
    assert found.verdict.endswith("All that offer it failed too often in a row and are asked all the same.")


def test_a_half_open_breaker_lets_one_probe_through() -> None:
    found = explain(situation(worker("a"), worker("b"), tripped={"a": tripped("a", "half-open", NOW - 1)}))
    assert (reports(found)["a"].state, reports(found)["a"].chance) == ("half-open", 50.0)
    assert found.breakers[0].state == "half-open"
    assert found.breakers[0].until.seconds == 0.0
    probing = tripped("a", "half-open", NOW - 1, probing=True)
    found = explain(situation(worker("a"), worker("b"), tripped={"a": probing}))
    assert (reports(found)["a"].chance, found.picked) == (0.0, "b")
    assert "is probing now" in reports(found)["a"].reason


def test_who_was_just_taken_out_is_told_until_when() -> None:
    shunned = Shunned("b", NOW + 3.0, "no connection: Connection refused", worker("b", 0.1))
    found = reports(explain(situation(worker("a"), shunned=(shunned,))))["b"]
    assert (found.state, found.chance, found.until and found.until.seconds) == ("shunned", 0.0, 3.0)
    assert "(no connection: Connection refused)" in found.reason
    back = replace(shunned, worker_id="a", candidate=worker("a"))
    unknown = Shunned("c", NOW + 3.0, "", None)
    again = explain(situation(worker("a"), shunned=(back, unknown))).candidates
    assert [item.state for item in again] == ["ready"], "nobody else was found, and of c nothing is known"


def test_an_address_that_does_not_answer_is_told() -> None:
    found = explain(situation(worker("a"), ways={"a": Way(LAN, VPN, NOW + 20.0)}))
    told = reports(found)["a"]
    assert (told.state, told.route, told.address, told.chance) == ("address-avoided", "direct", LAN.base_url, 100.0)
    assert told.until is not None
    assert told.until.seconds == 20.0
    assert told.reason == "Its vpn address did not answer, so the direct one comes first."


@pytest.mark.parametrize(
    ("here", "serves", "said"),
    [
        (None, False, "This machine does not run it, or takes no requests now."),
        (Places(4, 1), True, "It runs here and 1 of 4 places are taken, so no other worker is asked."),
        (Places(4, 4), False, "It runs here, but 4 of 4 places are taken, so another worker is asked."),
    ],
)
def test_this_machine_comes_first_where_it_runs_and_has_room(here: Places | None, serves: bool, said: str) -> None:
    found = explain(situation(worker("a"), here=here))
    assert (found.here.runs, found.here.serves, found.here.reason) == (here is not None, serves, said)
    assert found.picked == (None if serves else "a")
    if serves:
        assert found.verdict == "This machine serves it itself."


@pytest.mark.parametrize("elsewhere", [{}, {"elsewhere": Places(4, 4)}])
def test_where_nobody_else_has_room_a_request_waits_here(elsewhere: dict[str, Any]) -> None:
    known = (worker("a"),) if elsewhere else ()
    found = explain(situation(*known, here=Places(4, 4, 2), **elsewhere))
    assert (found.here.serves, found.picked) == (True, None)
    assert found.verdict == "This machine serves it itself, after a wait: all places are taken."
    assert "2 wait" in found.here.reason


def test_round_robin_names_whose_turn_it_is() -> None:
    found = explain(situation(worker("a"), worker("b"), worker("c"), policy="round-robin", last_turn="b"))
    assert (found.picked, found.verdict) == ("c", "c is picked, because it is its turn.")
    assert chances(found) == {"c": 100.0, "a": 0.0, "b": 0.0}
    assert reports(found)["a"].reason == "It is another one's turn."


def test_least_outstanding_names_who_has_fewest_of_our_requests() -> None:
    busy = {"a": 2, "b": 1}
    found = explain(situation(worker("a"), worker("b", 0.9), policy="least-outstanding", busy=busy))
    assert (found.picked, chances(found)) == ("b", {"b": 100.0, "a": 0.0})
    assert "the least busy with requests of ours" in found.verdict
    found = explain(situation(worker("a"), worker("b"), policy="least-outstanding"))
    assert found.verdict == "a is one of 2 that are equally likely to be picked (50% each)."


SITUATIONS = st.builds(
    situation,
    *[
        st.builds(worker, st.just(name), st.floats(0, 1), vetted=st.booleans(), known_at=st.floats(-1e6, NOW))
        for name in ("a", "b", "c", "d")
    ],
    busy=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 6)),
    tripped=st.dictionaries(
        st.sampled_from("abcd"), st.sampled_from(("open", "half-open", "probing")), max_size=4
    ).map(
        lambda found: {
            name: tripped(name, "open" if how == "open" else "half-open", probing=how == "probing")
            for name, how in found.items()
        }
    ),
    policy=st.sampled_from(("weighted", "round-robin", "least-outstanding")),
    vetted_only=st.booleans(),
    last_turn=st.sampled_from(("", "a", "b", "c", "d")),
    here=st.one_of(st.none(), st.builds(Places, st.just(2), st.integers(0, 2), st.integers(0, 2))),
)


@given(SITUATIONS)
def test_chances_are_a_whole_or_nobody_can_be_picked(now: Situation) -> None:
    found = explain(now)
    total = sum(item.chance for item in found.candidates)
    assert total == pytest.approx(100.0, abs=0.5) or (total == 0.0 and not eligible_in(now))
    if found.picked is not None:
        best = max(item.chance for item in found.candidates)
        assert reports(found)[found.picked].chance == best > 0.0
    assert len(found.candidates) == 4
    assert msgspec.json.decode(msgspec.json.encode(found), type=Explanation) == found


@given(SITUATIONS)
def test_who_is_named_is_who_the_policy_picks(now: Situation) -> None:
    """Do to the ranking what a request does, and look whether it gets somebody who was promised a chance."""
    blocked = {name for name, item in now.tripped.items() if item.blocks}
    selector, ranking = Selector(now.policy, random.Random(1)), Ranking(now.knowledge.candidates)
    if now.last_turn:
        selector._turns.take("s", [worker(now.last_turn)])
    wanted = Wanted(blocked, now.busy, now.concurrency, now.vetted_only)
    all_of_them = msgspec.structs.replace(wanted, skip=frozenset())
    picked = selector.pick("s", ranking, wanted) or selector.pick("s", ranking, all_of_them)
    promised = {name for name, chance in chances(explain(now)).items() if chance > 0.0}
    assert (picked is None and not promised) or (picked is not None and picked.worker_id in promised)


def test_the_chances_are_those_of_the_picks() -> None:
    now = situation(worker("a", 0.1), worker("b", 0.1), worker("c", 0.4), worker("d", 0.4), busy={"a": 2})
    selector, ranking = Selector("weighted", random.Random(3)), Ranking(now.knowledge.candidates)
    picked = Counter(item.worker_id for _ in range(20_000) if (item := selector.pick("s", ranking, now.wanted)))
    for worker_id, chance in chances(explain(now)).items():
        assert picked[worker_id] / 200 == pytest.approx(chance, abs=2.0)
