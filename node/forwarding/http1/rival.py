"""A second try for a request whose first one is under way, on a connection of its own."""

from __future__ import annotations

import asyncio
from typing import cast

from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.outbox import Outbox


class Nobody:
    """Stands for the client of a rival: there is nobody to be told anything before the rival has won."""

    write_paused = False

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.outbox = Outbox()

    def pause(self) -> None:
        """Read no less: the whole body is there."""

    def resume(self) -> None:
        """Read no more either."""


class Rival(Exchange):
    """Forwards the same request, whose body must be there and kept whole; a winner hands its answer over."""

    __slots__ = ("_first",)

    def __init__(self, first: Exchange) -> None:
        super().__init__(cast("ClientConnection", Nobody()), first.head, first.began_at)
        self._first = first
        self._kept = None if first._kept is None else list(first._kept)
        self._kept_size = first._kept_size
        self._continued = True
        self.bytes_in = first.bytes_in
        self.request_id = first.request_id

    def hand_over(self, first: Exchange) -> None:
        """Give the answer that has come to the client's exchange, which lets go of its own worker and goes on."""
        first._let_go()
        first.response, first.patience = self.response, self.patience
        first.upstream, first._source, first._attempt = self.upstream, self._source, self._attempt
        first._peeked, first._answer_ended = self._peeked, self._answer_ended
        if first.upstream is not None:
            first.upstream.exchange = first
        self.upstream = self._source = self._attempt = self._peeked = None

    def crashed(self) -> None:
        """End the request: a handler that raises cannot be trusted to go on with the first try."""
        self._let_go()
        self._first.crashed()
