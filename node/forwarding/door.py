"""What the doors of gateway and node have in common: which requests are theirs, and how one is refused or ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from node.forwarding.access_log import AccessLog, Line, line_of
from node.forwarding.headers import request_id_of
from node.forwarding.http1.exchange import Exchange
from node.forwarding.paths import has_dots, resolved
from node.wire.headers import REQUEST_ID
from node.wire.problems import Problem


class Door(ABC):
    """A handler that takes the requests below its prefixes and leaves all others to the application."""

    access_log: AccessLog | None = None

    def __init__(self, *prefixes: str) -> None:
        self._prefixes = prefixes
        self.in_flight = 0

    @abstractmethod
    def enter(self, exchange: Exchange) -> None:
        """Serve a request below one of the prefixes; raise Problem to refuse it."""

    def begin(self, exchange: Exchange) -> None:
        """Take a request, or leave it to the application."""
        if not exchange.head.target.startswith(self._prefixes):
            self._leave(exchange)
            return
        request_id = exchange.request_id = request_id_of(exchange.head)
        exchange.lines = f"{REQUEST_ID}: {request_id}\r\n".encode("latin-1")
        self.in_flight += 1
        try:
            self.enter(exchange)
        except Problem as problem:
            exchange.refuse(problem)

    def _leave(self, exchange: Exchange) -> None:
        """Leave a request to the application, unless others may read its address as one of ours."""
        path = exchange.head.target.partition("?")[0]
        if has_dots(path) and resolved(path).startswith(self._prefixes):
            text = "The path may not lead to a service by '.' or '..' segments: say directly where it leads to."
            exchange.refuse(Problem("invalid-request", text))
        else:
            exchange.to_app()

    def finished(self, exchange: Exchange) -> None:
        """Tell whoever carried the request that it is over."""
        if exchange.lines:  # else it was the application's
            self.in_flight -= 1
        context, exchange.context = exchange.context, None  # neither holds the other any longer
        if context is not None:
            context.ended()
        access_log = self.access_log
        if access_log is not None and access_log.wants(exchange):
            access_log.add(self.line_of(exchange, context))

    def line_of(self, exchange: Exchange, carried: Any) -> Line:
        """Tell the access log of a request that is over; `carried` is what carried it, if anything did."""
        return line_of(exchange, carried, exchange.peer)
