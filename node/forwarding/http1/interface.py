"""Who speaks with an exchange: the handler, its attempts, where connections come from; and what they speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from node.forwarding.http1.sweep import NEVER
from node.wire.problems import Problem

if TYPE_CHECKING:
    from node.forwarding.http1.exchange import Exchange
    from node.forwarding.http1.head import ResponseHead
    from node.forwarding.http1.upstream import UpstreamConnection

SOON = {"Retry-After": "2"}


class Patience(msgspec.Struct, frozen=True):
    """How long one request waits for its worker, in seconds; `deadline` is a time of the loop, for all of it."""

    connect: float = 2.0
    first_byte: float = 30.0
    idle: float = 60.0
    deadline: float = NEVER


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a try brought no answer.

    With "client" the client is at fault, and `status` is what to tell it; with "full" it is we who may open no
    further connection, and nothing is said about the worker.
    """

    kind: Literal["connect", "full", "reset", "timeout", "client"]
    reason: str
    executed: bool = True
    status: int = 502


class Handler(Protocol):
    """Decides what becomes of requests."""

    def begin(self, exchange: Exchange) -> None:
        """Take a request whose head is there. Of its body there may be some, all or nothing."""

    def finished(self, exchange: Exchange) -> None:
        """Hear that an exchange is over, however it went; called once for each that was begun."""


class Attempt(Protocol):
    """Hears what came of one `forward`."""

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        """Decide about an answer whose head has come; the rest waits until you do."""

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        """Decide what to do without an answer; nothing has gone to the client yet."""


class Source(Protocol):
    """Where connections to one worker come from."""

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection | None:
        """Return a connection, or None and later tell the exchange `connected` or `not_connected`."""

    def cancel(self, exchange: Exchange) -> None:
        """Forget an exchange that waits for a connection."""


def problem_of(trouble: Trouble) -> Problem:
    """Return what a client is told about a try that failed, where nobody has anything better to say."""
    if trouble.kind == "client":
        kind = "payload-too-large" if trouble.status == 413 else "invalid-request"
        return Problem(kind, f"The request cannot be served: {trouble.reason}.", status=trouble.status)
    if trouble.kind == "full":
        return Problem("overloaded", f"The request cannot be served now: {trouble.reason}.", headers=SOON)
    kind = "upstream-timeout" if trouble.kind == "timeout" else "upstream-failed"
    return Problem(kind, f"The worker did not answer: {trouble.reason}.")
