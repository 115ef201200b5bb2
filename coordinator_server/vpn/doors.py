"""What members reach at our overlay address: API and gateway, and the DHT; opened and shut as the address comes."""

from __future__ import annotations

import errno
import logging
import socket
from ipaddress import IPv4Address, IPv4Network

from node.dht.node import DhtNode
from node.forwarding.http1.app_bridge import AppBridge, Borrowed
from node.forwarding.http1.interface import Handler
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.server import BACKLOG, Http1Server
from node.forwarding.http1.sweep import Sweep
from node.forwarding.members_only import MembersOnly
from node.program.errors import UserFacingError
from node.vpn.settings import SERVICE_PORT
from node.wire.messages import DhtContact

log = logging.getLogger(__name__)


class Doors:
    """Both doors; `be_at` may be called again and again. What they are of, their owner starts and stops.

    Inside of the overlay everything is encrypted and authenticated already, so this door has no TLS.
    """

    def __init__(
        self,
        handler: Handler,
        bridge: AppBridge,
        dht: DhtNode,
        network: IPv4Network,
        *,
        limits: ServerLimits | None = None,
        port: int = SERVICE_PORT,
        served_everywhere: bool = False,
    ) -> None:
        """`served_everywhere`: the coordinator's first listener is on this port of all addresses anyway."""
        self._handler = MembersOnly(handler, network)
        self._bridge = bridge
        self._dht = dht
        self._network = network
        self._limits = limits
        self._port = port
        self._served_everywhere = served_everywhere
        self._server: Http1Server | None = None
        self._at: IPv4Address | None = None
        self._http_open = False
        self.contact: DhtContact | None = None  # where the DHT is in the overlay
        self.trouble = ""  # what could not be opened, and why

    async def be_at(self, ip: IPv4Address | None) -> bool:
        """Open at this address, or shut for None; say whether all is as it should be now."""
        if ip != self._at:
            await self.shut()
            self._at = ip
        if ip is None:
            return True
        trouble = " ".join(filter(None, [await self._open_http(ip), await self._open_dht(ip)]))
        if trouble and trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble
        return not trouble

    async def drain(self, deadline: float) -> None:
        """Take no new connections, and let requests end within so many seconds."""
        if self._server is not None:
            await self._server.drain(deadline)

    async def shut(self) -> None:
        server, self._server = self._server, None
        self._http_open, self._at, self.contact, self.trouble = False, None, None, ""
        try:
            await self._dht.leave_overlay()
        finally:
            if server is not None:
                await server.stop()

    async def _open_http(self, ip: IPv4Address) -> str:
        """Return why it could not be, or nothing."""
        if self._http_open or self._served_everywhere:
            return ""
        try:
            listener = _listen(str(ip), self._port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another program has it" if taken else error.strerror or str(error)
            return f"Workers cannot reach this coordinator at {ip} TCP port {self._port}: {why}."
        server = Http1Server(
            self._handler, [listener], sweep=Sweep(), limits=self._limits, app=Borrowed(self._bridge)
        )
        try:
            await server.start()
        except BaseException:
            listener.close()
            raise
        self._server, self._http_open = server, True
        log.info("members reach this coordinator at http://%s:%d in the overlay", ip, self._port)
        return ""

    async def _open_dht(self, ip: IPv4Address) -> str:
        if self.contact is not None or not self._dht.speaks_ipv4:
            return ""
        try:
            await self._dht.enter_overlay(ip, self._network)
        except UserFacingError as error:
            return str(error)
        self.contact = DhtContact(host=str(ip), port=self._dht.port)
        return ""


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
