"""Draws an explanation as text: who would get the next request for a service, and what is known of all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from node.state import AskedSource, BreakerReport, CandidateReport, Explanation, LookupReport, QueueReport, Until

HEADINGS = ("WORKER", "CHANCE", "STATE", "LOAD", "TOLD", "OURS", "COUNTS", "ROUTE", "FROM", "ADDRESS")
NUMBERS = frozenset({"CHANCE", "LOAD", "TOLD", "OURS", "COUNTS"})  # these end at one line, the rest begins at one
SOURCES = {"dht": "the DHT", "registry": "the coordinator's registry"}
LABEL = 12
IF_NOT_HERE = "Where this machine cannot serve it, these are asked:"
IF_NOBODY = (
    "See whether a worker that runs it is on: rma-mesh-node services, on that worker. An operator sees all",
    "workers with: rma-mesh-coordinator worker list, and what is missing with: rma-mesh-coordinator doctor",
)
IF_NOT_VETTED = (
    "Only an operator can vet a worker: with an invite made by rma-mesh-coordinator invite create --trust vetted",
)


def lines_of(found: Explanation) -> list[str]:
    """Return the lines to print; whatever others wrote in it can do nothing to a terminal."""
    lines = [f"{found.service}: {found.verdict}", "", *_facts(found)]
    if found.candidates:
        lines += ["", *([IF_NOT_HERE] if found.here.serves else []), *_table(found.candidates)]
    return [printable(line) for line in lines]


def printable(text: str) -> str:
    """Return the text without characters that steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _facts(found: Explanation) -> Iterator[str]:
    where = "goes to vetted workers only" if found.vetted_only else "goes to any worker"
    yield _fact("data", f"{found.data_class}, {where}")
    yield _fact("here", found.here.reason)
    yield _fact("known from", _origin(found.lookup))
    yield from (_fact("", _asked(source)) for source in found.lookup.asked)
    yield _fact("policy", found.policy)
    if found.candidates:
        yield _fact("places", _places(found.queue))
    yield from (_fact("breaker", _breaker(breaker)) for breaker in found.breakers)
    if found.picked is None and not found.here.serves:
        advice = IF_NOT_VETTED if found.candidates else IF_NOBODY
        yield from (_fact("" if number else "what to do", text) for number, text in enumerate(advice))


def _fact(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{text}"


def _origin(lookup: LookupReport) -> str:
    if lookup.age is None:
        return "nowhere: nothing was looked up"
    looked = f"looked up {_seconds(lookup.age)} ago"
    if not lookup.cached:
        return f"a lookup now; it holds for {_seconds(lookup.fresh_for)}"
    if lookup.fresh_for:
        return f"the cache, {looked}; it holds for {_seconds(lookup.fresh_for)} more"
    if lookup.stale_for:
        return f"the cache, {looked}; used for {_seconds(lookup.stale_for)} more while it is looked up again"
    return f"the cache, {looked}"


def _asked(source: AskedSource) -> str:
    name = SOURCES[source.name]
    if source.error:
        return f"{name} could not be asked: {source.error}"
    return f"{name} was asked and found {source.found or 'nobody'}"


def _places(queue: QueueReport) -> str:
    waiting = f"{queue.waiting} of at most {queue.most_waiting} wait" if queue.waiting else "nobody waits"
    return f"{queue.in_flight} of {queue.limit} at other workers are taken, {waiting}"


def _breaker(breaker: BreakerReport) -> str:
    state = f"is open {_until(breaker.until)}" if breaker.state == "open" else "is half-open"
    last = f", at last: {breaker.last_failure}" if breaker.last_failure else ""
    return f"of {breaker.worker_id} {state}; it failed {breaker.failures} times in a row{last}"


def _until(until: Until) -> str:
    local = datetime.fromisoformat(until.at).astimezone()
    return f"for {_seconds(until.seconds)} more, until {local:%H:%M:%S}"


def _table(candidates: Sequence[CandidateReport]) -> Iterator[str]:
    rows = [HEADINGS, *(_row(candidate) for candidate in candidates)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    yield _aligned(HEADINGS, widths)
    for row, candidate in zip(rows[1:], candidates, strict=True):
        yield _aligned(row, widths)
        yield f"    {candidate.reason}" + (f" ({_until(candidate.until)})" if candidate.until is not None else "")


def _row(candidate: CandidateReport) -> tuple[str, ...]:
    return (
        candidate.worker_id,
        f"{candidate.chance:.0f}%",
        candidate.state,
        f"{candidate.load:.0%}",
        _seconds(candidate.load_age),
        str(candidate.outstanding),
        f"{candidate.score:.0%}",
        candidate.route or "-",
        candidate.source,
        candidate.address or "-",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
        for heading, cell, width in zip(HEADINGS, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
