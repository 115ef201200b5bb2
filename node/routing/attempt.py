"""One try at one worker: from the first of its addresses to an answer that has begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from node.forwarding.forwarder import Way
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import ResponseHead
from node.forwarding.http1.interface import Patience, Trouble
from node.forwarding.http1.sweep import NEVER
from node.forwarding.interface import Target
from node.forwarding.outbound import Outbound
from node.routing.candidates import Candidate
from node.routing.failures import REFUSAL_STATUSES, Failure, Vain, may_be_refusal, refusal_of
from node.routing.loads import possible
from node.routing.parts import Parts
from node.wire import headers
from node.wire.messages import UNREADABLE, Route
from node.wire.problems import CONTENT_TYPE

LOAD = headers.LOAD.lower()
NOT_PASSED_ON = {  # why a request has not come through by a relay
    "relay-lost": "the coordinator has no connection to it",
    "unauthorized": "who we are is not believed on the way to it",  # as where that coordinator's clock is wrong
}
AT_ONCE = 0.0  # most answers are there before anybody looks: the clock is read for the others only


class Listener(Protocol):
    """Hears how a try went; exactly one of the first three is called, and once."""

    def has_answer(self, attempt: Attempt, head: ResponseHead) -> None:
        """Decide about an answer that is no refusal; it waits until then."""

    def has_failed(self, attempt: Attempt, failure: Failure) -> None:
        """Hear that there is no answer, or one with which the worker sent the request back unexecuted."""

    def client_failed(self, trouble: Trouble) -> None:
        """Hear that it is the client who keeps the request from being served."""

    def way_lost(self, attempt: Attempt) -> None:
        """Hear that the worker cannot be reached now where it was asked; an answer may come later, or never."""

    def way_back(self, attempt: Attempt) -> None:
        """Hear that the worker can be reached again; by the old connection an answer may take long."""


class Attempt:
    """Counts as a request in flight from `begin` to `end`, which may be called again.

    `line` is the exchange that carries it: the client's own, or a rival's. A worker that is this machine gets the
    `service_token` by which its services know us.
    """

    __slots__ = (
        "_listener", "_lost_at", "_parts", "_probes", "_service", "_target", "_targets", "_under_way",
        "_what", "answered_at", "began_at", "candidate", "deadline", "line", "service_token", "told", "way",
        "worker_id",
    )  # fmt: skip

    def __init__(
        self,
        parts: Parts,
        service: str,
        candidate: Candidate,
        listener: Listener,
        line: Exchange,
    ) -> None:
        self._parts = parts
        self._service = service
        self.service_token: str | None = None
        self._listener = listener
        self._probes = False
        self._under_way = False
        self._lost_at = NEVER
        self.line = line
        self.candidate = candidate
        self.worker_id = candidate.worker_id
        self.began_at = parts.clock()
        self.answered_at = 0.0
        self.told = b""  # the line by which the answer told a load

    @property
    def route(self) -> Route:
        return self.way.route

    @property
    def is_local(self) -> bool:
        return self.service_token is not None

    def begin(self) -> None:
        self._under_way = True
        parts = self._parts
        parts.outstanding.begin(self._service, self.worker_id)
        self._probes = parts.breakers.begin(self._service, self.worker_id, self.began_at)

    def end(self) -> None:
        if not self._under_way:
            return
        self._under_way = False
        self._parts.forwarder.watched.discard(self)
        self._parts.outstanding.end(self._service, self.worker_id)
        if self._probes:
            self._parts.breakers.gave_up(self._service, self.worker_id)

    def send(self, outbound: Outbound, lines: bytes, patience: Patience) -> None:
        """Ask at the worker's addresses in turn until one takes the connection."""
        self._what = (outbound, lines, patience)
        for due in self._parts.addresses.due(self.candidate, self.began_at):
            self._knock(due)
        self._targets: Iterator[Target] = iter(self._parts.addresses.ordered(self.candidate, self.began_at))
        self._next("it has no address")

    def watch(self) -> None:
        """Find out from time to time whether the worker can still be reached while it does not answer."""
        if self._under_way:
            self._parts.forwarder.watched.add(self)

    def overdue(self, now: float) -> None:
        line, way, settings = self.line, self.way, self._parts.settings
        if line.response is not None:
            self.deadline = NEVER
        elif self.deadline == AT_ONCE:
            self.deadline = now + settings.doubt_after
        else:
            self.deadline = now + settings.doubt_again
            if line.upstream is not None and line.body_complete:
                self._parts.forwarder.doubt(way, lambda there: self._knocked(way, there=there))

    def in_vain(self, failure: Failure, since: float) -> Vain:
        """Tell of this try, which has failed, for a request that began at `since`."""
        asked = hasattr(self, "way")  # else there was no address at all
        return Vain(
            failure, self.route if asked else None, self.began_at - since, self._parts.clock() - self.began_at
        )

    def elsewhere(self) -> Candidate | None:
        """Return the same worker with those of its addresses that have not failed, if there are any."""
        targets = self._parts.addresses.others(self.candidate, self._parts.clock())
        return replace(self.candidate, targets=targets) if targets else None

    # What the exchange tells

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        parts = self._parts
        now = self.answered_at = parts.clock()
        parts.addresses.worked(self.worker_id, self._target)
        if self.service_token is None:
            said = head.cache.get(LOAD)
            if said is None:
                load = parse_load(head.values.get(LOAD))
                said = head.cache[LOAD] = (load, load_line(load))
            load, self.told = said
            if self.way.is_news(load, now):
                self._tell_load(load)
            if head.status in REFUSAL_STATUSES and self._may_refuse(head):
                exchange.peek(lambda body: self._peeked(head, body))
                return
        self._listener.has_answer(self, head)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:  # noqa: ARG002 - it is ours
        parts, worker_id = self._parts, self.worker_id
        if trouble.kind == "client":
            self._listener.client_failed(trouble)
        elif trouble.kind == "full":  # it is we who may open no further connection
            self._listener.has_failed(self, Failure(worker_id, "refused", trouble.reason, "overloaded"))
        elif trouble.kind == "connect":
            self._avoid()
            self._next(trouble.reason)
        else:
            if parts.witness is not None and not self.is_local:
                parts.witness.failed(worker_id)
            self._listener.has_failed(self, Failure(worker_id, trouble.kind, trouble.reason))

    def _next(self, reason: str) -> None:
        """Ask at the next address; without one the worker has failed for this reason."""
        target = next(self._targets, None)
        if target is None:
            self._listener.has_failed(self, Failure(self.worker_id, "connect", reason))
            return
        self._target = target
        self.way = self._parts.forwarder.way(self.worker_id, target, self.service_token)
        self.again()

    def again(self) -> None:
        """Send the request where it was sent before, on another connection."""
        outbound, lines, patience = self._what
        self.deadline = AT_ONCE
        self.line.forward(self.way.pool, self.way.head(outbound, lines), self, patience)

    def _avoid(self) -> None:
        """Have others try the worker's other addresses first."""
        parts = self._parts
        parts.addresses.failed(self.worker_id, self._target, parts.clock())
        if parts.witness is not None and not self.is_local:
            parts.witness.unreachable(self.worker_id, self._target)

    def _knocked(self, way: Way, *, there: bool) -> None:
        """Take in what a knock has found, unless the worker has answered meanwhile, or was given up."""
        if not self._under_way or self.way is not way or self.line.response is not None:
            return
        try:
            self._go_on(there=there)
        except Exception:
            self.line.crashed()

    def _go_on(self, *, there: bool) -> None:
        """Go on waiting for a worker that is there; else have the request go elsewhere, and at last give up."""
        lost_at, now = self._lost_at, self._parts.clock()
        self._lost_at = NEVER if there else min(lost_at, now)
        if there:
            if lost_at != NEVER:
                self._parts.addresses.worked(self.worker_id, self._target)
                self._listener.way_back(self)
        elif now - self._lost_at >= self._parts.settings.lost_patience:
            self._listener.has_failed(self, Failure(self.worker_id, "reset", "it could not be reached any more"))
        else:
            while self.way.pool.drop_idle():  # dead like ours: nobody shall wait for them
                pass
            self._avoid()
            self._listener.way_lost(self)

    def _knock(self, target: Target) -> None:
        """Have an address that failed be tried again as soon as something answers there."""
        parts, worker_id = self._parts, self.worker_id
        way = parts.forwarder.way(worker_id, target)

        def heard(there: bool) -> None:
            if there:
                parts.addresses.worked(worker_id, target)

        if way.place is None:  # nobody can knock at a name
            heard(True)
        else:
            parts.forwarder.doubt(way, heard)

    def _tell_load(self, load: float | None) -> None:
        parts = self._parts
        if parts.witness is not None:
            parts.witness.answered(self.worker_id, load)
        if load is not None:
            parts.cache.update_load(self.worker_id, load)

    def _may_refuse(self, head: ResponseHead) -> bool:
        return may_be_refusal(head.status, head.values) and head.get("content-type").startswith(CONTENT_TYPE)

    def _peeked(self, head: ResponseHead, body: bytes | None) -> None:
        refusal = refusal_of(document_of(body))
        strangers = refusal == "unauthorized" and self.way.route == "direct"
        if strangers:
            self._avoid()  # in another network this is another one's address, who cannot read what proves us
        if strangers and self.line.replayable:
            self._next("somebody else is at its address")
        elif refusal in NOT_PASSED_ON and self.way.route == "relay" and self.line.replayable:
            self._avoid()  # nobody but a coordinator has seen it, or a worker that did nothing with it
            self._next(NOT_PASSED_ON[refusal])
        elif refusal:
            reason = f"{self.worker_id} sent it back: {refusal}"
            self._listener.has_failed(self, Failure(self.worker_id, "refused", reason, refusal))
        else:
            self._listener.has_answer(self, head)


def document_of(body: bytes | None) -> Mapping[str, Any] | None:
    """Return the JSON object that this is, if it is one."""
    try:
        document = msgspec.json.decode(body or b"")
    except UNREADABLE:
        return None
    return document if isinstance(document, dict) else None


def load_line(load: float | None) -> bytes:
    return b"" if load is None else b"%b: %.3f\r\n" % (headers.LOAD.encode(), load)


def parse_load(text: str | None) -> float | None:
    """Return the load that an answer tells, or None when it tells none that can be."""
    if text is None:
        return None
    try:
        load = float(text)
    except ValueError:
        return None
    return load if possible(load) else None
