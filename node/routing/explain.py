"""Says who would get the next request for a service and why: a pure function over what a router knows now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from node.forwarding.interface import Target
from node.routing.admission import Places
from node.routing.breaker import Tripped
from node.routing.cache import Knowledge
from node.routing.candidates import Candidate
from node.routing.ranking import Wanted
from node.routing.selection import WEIGHTS, chances
from node.routing.settings import Policy
from node.routing.targets import Way
from node.state import (
    BreakerReport,
    CandidateReport,
    CandidateState,
    Explanation,
    HereReport,
    LookupReport,
    QueueReport,
    Until,
)
from node.wire.manifests import DataClass

HALF_OPEN = "It failed too often in a row; the next request to it is a probe."
PROBING = "It failed too often in a row; one request is probing now whether it is well again."
NOT_VETTED = "It is not enrolled as vetted, and this goes to vetted workers only."
UNTIL_THEN = "For a while it comes back only where a lookup finds nobody else."
LAST_RESORT = " It is asked all the same, because nobody else is left."
ONLY_BROKEN = " All that offer it failed too often in a row and are asked all the same."


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that decides where a request goes; times are seconds of the router's clock, `wall` is Unix seconds."""

    service: str
    data_class: DataClass
    vetted_only: bool
    concurrency: int
    policy: Policy
    now: float
    wall: float
    here: Places | None  # of the service on this machine, where it runs
    elsewhere: Places
    most_waiting: int
    looked_up: bool  # for this very explanation
    knowledge: Knowledge
    ways: Mapping[str, Way]  # by worker, like all that follows
    tripped: Mapping[str, Tripped]
    busy: Mapping[str, int]
    last_turn: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(frozenset(), self.busy, self.concurrency, self.vetted_only)

    def until(self, then: float) -> Until:
        left = max(0.0, then - self.now)
        at = datetime.fromtimestamp(self.wall + left, UTC)
        return Until(seconds=round(left, 3), at=at.isoformat(timespec="seconds"))


@dataclass(frozen=True, slots=True)
class Standing:
    """The state that a candidate is in, why, and when that ends, if that is known."""

    state: CandidateState
    reason: str
    until: float | None = None


def explain(now: Situation) -> Explanation:
    """Return what a request that came in now would meet."""
    eligible = eligible_in(now)
    shares = chances(now.policy, eligible, now.wanted, now.last_turn)
    likeliest = min(shares, key=lambda worker_id: (-shares[worker_id], worker_id), default=None)
    serves_here = now.here is not None and (now.here.has_room or likeliest is None or not now.elsewhere.has_room)
    candidates = sorted(
        _candidates(now, shares, eligible), key=lambda item: (-item.chance, item.score, item.worker_id)
    )
    return Explanation(
        service=now.service,
        data_class=now.data_class,
        vetted_only=now.vetted_only,
        policy=now.policy,
        here=_here(now, serves=serves_here),
        lookup=_lookup(now),
        candidates=tuple(candidates),
        picked=None if serves_here else likeliest,
        verdict=_verdict(now, shares, likeliest, serves_here=serves_here),
        breakers=tuple(_breakers(now)),
        queue=QueueReport(
            limit=now.elsewhere.limit,
            in_flight=now.elsewhere.in_flight,
            waiting=now.elsewhere.waiting,
            most_waiting=now.most_waiting,
        ),
    )


def eligible_in(now: Situation) -> Sequence[Candidate]:
    """Return among whom the policy picks: those with room first, and broken ones only where there are no others."""
    allowed = [item for item in now.knowledge.candidates if now.wanted.allows(item)]
    well = [item for item in allowed if not _is_blocked(now, item)] or allowed
    return [item for item in well if now.wanted.has_room(item)] or well


def _is_blocked(now: Situation, candidate: Candidate) -> bool:
    tripped = now.tripped.get(candidate.worker_id)
    return tripped is not None and tripped.blocks


# --- the candidates -----------------------------------------------------------------------------------------------


def _candidates(
    now: Situation, shares: Mapping[str, float], eligible: Sequence[Candidate]
) -> Iterator[CandidateReport]:
    for candidate in now.knowledge.candidates:
        share = shares.get(candidate.worker_id, 0.0)
        standing = _standing(now, candidate, share)
        if candidate in eligible and _is_blocked(now, candidate):
            standing = replace(standing, reason=standing.reason + LAST_RESORT)
        yield _report(now, candidate, now.ways[candidate.worker_id].target, standing, share)
    yield from _shunned(now)


def _report(
    now: Situation, candidate: Candidate, target: Target, standing: Standing, share: float = 0.0
) -> CandidateReport:
    return CandidateReport(
        worker_id=candidate.worker_id,
        state=standing.state,
        reason=standing.reason,
        chance=round(100.0 * share, 1),
        until=None if standing.until is None else now.until(standing.until),
        route=target.route,
        address=target.base_url,
        source=candidate.source,
        load=candidate.load,
        load_age=round(now.now - candidate.known_at, 1),
        outstanding=now.wanted.ours(candidate),
        score=round(now.wanted.load(candidate), 4),
    )


def _standing(now: Situation, candidate: Candidate, share: float) -> Standing:
    tripped, way = now.tripped.get(candidate.worker_id), now.ways[candidate.worker_id]
    if not now.wanted.allows(candidate):
        return Standing("not-vetted", NOT_VETTED)
    if tripped is not None and tripped.state == "open":
        reason = f"It failed {tripped.failures} times in a row{_last(tripped.reason)}."
        return Standing("broken", reason, tripped.until)
    if tripped is not None:
        return Standing("half-open", PROBING if tripped.probing else HALF_OPEN)
    if not now.wanted.has_room(candidate):
        ours = now.wanted.ours(candidate)
        return Standing("full", f"It works on {ours} requests of ours and takes {now.concurrency} at a time.")
    if way.avoided is not None:
        reason = f"Its {way.avoided.route} address did not answer, so the {way.target.route} one comes first."
        return Standing("address-avoided", reason, way.avoided_until)
    return Standing("ready", _why_ready(now, candidate, share))


def _why_ready(now: Situation, candidate: Candidate, share: float) -> str:
    if now.policy == "round-robin":
        return "It is its turn." if share else "It is another one's turn."
    if now.policy == "least-outstanding":
        return "Nobody has fewer requests of ours." if share else "Others have fewer requests of ours."
    if not share:
        return f"{len(WEIGHTS)} others are less loaded."
    if share == 1.0:
        return "Nobody else can be asked now."
    if now.wanted.ours(candidate) and now.wanted.load(candidate) > candidate.load:
        return "Among the least loaded; what we gave it ourselves counts, for it is more than it has told."
    return "Among the least loaded."


def _shunned(now: Situation) -> Iterator[CandidateReport]:
    known = {candidate.worker_id for candidate in now.knowledge.candidates}
    for shunned in now.knowledge.shunned:
        if shunned.candidate is not None and shunned.worker_id not in known:
            reason = f"It was taken out a moment ago{_last(shunned.reason)}. {UNTIL_THEN}"
            standing = Standing("shunned", reason, shunned.until)
            yield _report(now, shunned.candidate, shunned.candidate.targets[0], standing)


def _breakers(now: Situation) -> Iterator[BreakerReport]:
    for tripped in sorted(now.tripped.values(), key=lambda item: item.worker_id):
        yield BreakerReport(
            worker_id=tripped.worker_id,
            state="open" if tripped.state == "open" else "half-open",
            until=now.until(tripped.until),
            failures=tripped.failures,
            last_failure=tripped.reason,
        )


def _last(reason: str) -> str:
    return f" ({reason})" if reason else ""


# --- the rest -----------------------------------------------------------------------------------------------------


def _here(now: Situation, *, serves: bool) -> HereReport:
    places = now.here
    if places is None:
        return HereReport(
            runs=False, serves=False, reason="This machine does not run it, or takes no requests now."
        )
    taken = f"{places.in_flight} of {places.limit} places are taken"
    if places.has_room:
        return HereReport(runs=True, serves=True, reason=f"It runs here and {taken}, so no other worker is asked.")
    if serves:
        reason = f"It runs here and {taken}; {places.waiting} wait. A request waits too, as nobody else has room."
        return HereReport(runs=True, serves=True, reason=reason)
    return HereReport(runs=True, serves=False, reason=f"It runs here, but {taken}, so another worker is asked.")


def _lookup(now: Situation) -> LookupReport:
    known = now.knowledge
    return LookupReport(
        cached=not now.looked_up,
        age=None if known.age is None else round(known.age, 1),
        fresh_for=round(known.fresh_for, 1),
        stale_for=round(known.stale_for, 1),
        asked=known.asked,
    )


def _verdict(now: Situation, shares: Mapping[str, float], likeliest: str | None, *, serves_here: bool) -> str:
    if serves_here:
        return "This machine serves it itself" + (
            "." if now.here is not None and now.here.has_room else ", after a wait: all places are taken."
        )
    if likeliest is None:
        return _nobody(now)
    wait = "" if now.elsewhere.has_room else "All places are taken, so a request waits first; then "
    blocked = now.tripped.get(likeliest)
    last_resort = ONLY_BROKEN if blocked is not None and blocked.blocks else ""
    return f"{wait}{likeliest} {_why(now, shares, likeliest)}{last_resort}"


def _nobody(now: Situation) -> str:
    if now.knowledge.candidates:
        return "Nobody: the workers that offer it are not vetted, and this goes to vetted workers only."
    return "Nobody: no worker offers it now."


def _why(now: Situation, shares: Mapping[str, float], likeliest: str) -> str:
    if now.policy == "round-robin":
        return "is picked, because it is its turn."
    if len(shares) == 1 and len(eligible_in(now)) == 1:
        return "is picked, because nobody else can be."
    least = "loaded" if now.policy == "weighted" else "busy with requests of ours"
    equals = sum(share == shares[likeliest] for share in shares.values())
    if equals == 1:
        return f"is the likeliest to be picked ({shares[likeliest]:.0%}), because it is the least {least}."
    return f"is one of {equals} that are equally likely to be picked ({shares[likeliest]:.0%} each)."
