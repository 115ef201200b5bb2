"""Keeps the doors at an overlay address for those who come through the overlay."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.interface import Handler
from node.wire.problems import Problem


class MembersOnly:
    """A handler for those who come through the overlay.

    A packet from a network beside it that names our overlay address is delivered, too: systems do not mind by which
    interface it came. Who speaks from an overlay address has an overlay; to others this door, which has no TLS, is
    closed.
    """

    def __init__(self, handler: Handler, network: IPv4Network) -> None:
        self._handler = handler
        self._network = network

    def begin(self, exchange: Exchange) -> None:
        """Let members' requests in."""
        if self._is_member(exchange):
            self._handler.begin(exchange)
        else:
            exchange.refuse(Problem("forbidden", "This address is for members of the overlay network only."))

    def finished(self, exchange: Exchange) -> None:
        if self._is_member(exchange):
            self._handler.finished(exchange)

    def _is_member(self, exchange: Exchange) -> bool:
        try:
            return IPv4Address(exchange.client.peer) in self._network
        except AddressValueError:
            return False
