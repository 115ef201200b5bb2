from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from node.cli_explain import HEADINGS, IF_NOT_HERE, lines_of, printable
from node.state import (
    AskedSource,
    BreakerReport,
    CandidateReport,
    Explanation,
    HereReport,
    LookupReport,
    QueueReport,
    Until,
)

LOCAL = (
    datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC).astimezone().strftime("%H:%M:%S")
)  # as a volunteer's clock shows it
SOON = Until(seconds=7.5, at="2026-01-01T00:00:07+00:00")
READY = CandidateReport(
    worker_id="w1",
    state="ready",
    reason="Among the least loaded.",
    chance=62.5,
    route="direct",
    address="http://192.168.1.7:8000",
    load=0.2,
    load_age=12.0,
    outstanding=1,
    score=0.25,
)
BROKEN = CandidateReport(
    worker_id="a-worker-with-a-name-that-is-as-long-as-a-name-may-be-64-letters",
    state="broken",
    reason="It failed 5 times in a row.",
    until=SOON,
    route="vpn",
    address="http://10.42.0.9:8000",
    load=1.0,
    load_age=86_400.0,
)
FOUND = Explanation(
    service="vision-ocr",
    data_class="public",
    vetted_only=False,
    policy="weighted",
    here=HereReport(runs=False, serves=False, reason="This machine does not run it."),
    lookup=LookupReport(
        cached=True, age=12.0, fresh_for=48.0, stale_for=30.0, asked=(AskedSource(name="dht", found=2),)
    ),
    candidates=(READY, BROKEN),
    picked="w1",
    verdict="w1 is picked, because nobody else can be.",
    breakers=(
        BreakerReport(worker_id="w2", state="open", until=SOON, failures=5, last_failure="no answer within 30 s"),
    ),
    queue=QueueReport(limit=12, in_flight=3, waiting=0, most_waiting=100),
)
NOBODY = msgspec.structs.replace(
    FOUND,
    candidates=(),
    picked=None,
    verdict="Nobody: no worker offers it now.",
    breakers=(),
    lookup=LookupReport(
        cached=False,
        age=0.0,
        fresh_for=1.0,
        asked=(AskedSource(name="dht"), AskedSource(name="registry", error="TimeoutError")),
    ),
)


def test_the_answer_comes_first_and_the_facts_follow() -> None:
    lines = lines_of(FOUND)
    assert lines[0] == "vision-ocr: w1 is picked, because nobody else can be."
    assert lines[2:9] == [
        "data        public, goes to any worker",
        "here        This machine does not run it.",
        "known from  the cache, looked up 12 s ago; it holds for 48 s more",
        "            the DHT was asked and found 2",
        "policy      weighted",
        "places      3 of 12 at other workers are taken, nobody waits",
        f"breaker     of w2 is open for 8 s more, until {LOCAL};"
        " it failed 5 times in a row, at last: no answer within 30 s",
    ]
    assert IF_NOT_HERE not in lines


def test_where_this_machine_serves_it_the_table_is_for_when_it_cannot() -> None:
    here = HereReport(runs=True, serves=True, reason="It runs here.")
    lines = lines_of(msgspec.structs.replace(FOUND, here=here, picked=None))
    assert tuple(lines[lines.index(IF_NOT_HERE) + 1].split()) == HEADINGS


def test_the_table_stays_in_line_with_long_names() -> None:
    head, first, why, second, why_not = lines_of(FOUND)[-5:]
    assert tuple(head.split()) == HEADINGS
    assert first.split() == [
        "w1", "62%", "ready", "20%", "12", "s", "1", "25%", "direct", "dht", "http://192.168.1.7:8000",
    ]  # fmt: skip
    for column in ("STATE", "ROUTE", "ADDRESS"):
        at = head.index(column)
        assert first[at - 1] == second[at - 1] == " "
        assert first[at] != " " != second[at]
    assert second.startswith(BROKEN.worker_id + "  ")
    assert why == "    Among the least loaded."
    assert why_not == f"    It failed 5 times in a row. (for 8 s more, until {LOCAL})"


def test_where_nobody_offers_it_the_lines_say_who_was_asked_and_what_to_do() -> None:
    text = "\n".join(lines_of(NOBODY))
    assert text.startswith("vision-ocr: Nobody: no worker offers it now.")
    assert "known from  a lookup now; it holds for 1 s" in text
    assert "the DHT was asked and found nobody" in text
    assert "the coordinator's registry could not be asked: TimeoutError" in text
    assert "rma-mesh-coordinator doctor" in text
    assert "WORKER" not in text


def test_where_nobody_is_vetted_the_lines_say_who_can_vet() -> None:
    found = msgspec.structs.replace(FOUND, picked=None, vetted_only=True, data_class="personal")
    text = "\n".join(lines_of(found))
    assert "data        personal, goes to vetted workers only" in text
    assert "what to do  Only an operator can vet a worker" in text
    here = msgspec.structs.replace(NOBODY, here=HereReport(runs=True, serves=True, reason="It runs here."))
    assert "what to do" not in "\n".join(lines_of(here))


def test_an_entry_that_is_being_renewed_or_over_is_told() -> None:
    def origin(**changes: float | None) -> str:
        lookup = msgspec.structs.replace(FOUND.lookup, **changes)
        return lines_of(msgspec.structs.replace(FOUND, lookup=lookup))[4]

    assert origin(fresh_for=0.0, age=70.0).endswith("70 s ago; used for 30 s more while it is looked up again")
    assert origin(fresh_for=0.0, stale_for=0.0, age=200.0).endswith("the cache, looked up 3 min ago")
    assert origin(age=None).endswith("nowhere: nothing was looked up")


def test_what_others_wrote_cannot_steer_a_terminal() -> None:
    reason = "It failed (the connection broke: \x1b]0;owned\x07\x1b[2J)."
    found = msgspec.structs.replace(FOUND, candidates=(msgspec.structs.replace(READY, reason=reason),))
    assert all(line.isprintable() for line in lines_of(found))
    assert printable("a\x1b[31mb\r\n") == "a?[31mb??"
