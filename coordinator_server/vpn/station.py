"""This coordinator as a member of the overlay: joins it, keeps its certificate, and has Nebula run as it should.

One task keeps the place (join, renew, blocklist, rotation), woken by whatever changes; another keeps the doors
where the address is. What is missing is said once in the log, and in status and doctor as long as it is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.config import CoordinatorConfig
from coordinator_server.enrolment.blocklist import Blocklist
from coordinator_server.enrolment.overlay import Overlay
from coordinator_server.vpn.doors import Doors
from coordinator_server.vpn.endpoints import advertised, own_addresses
from node.program.tasks import TaskSet
from node.vpn.computer import Computer
from node.vpn.events import OverlayDown, OverlayUp, Signal
from node.vpn.grants import settings_of
from node.vpn.manager import Vpn
from node.vpn.settings import MAX_BLOCKED, SettingsError, VpnSettings
from node.vpn.state import VpnView
from node.wire.messages import DhtContact, VpnGrant, VpnReport
from node.wire.nebula_pem import PRIVATE_KEY, key_pem, read_certificate
from node.wire.problems import Problem

log = logging.getLogger(__name__)
LOOK = 30.0  # seconds between looks at our certificate and at what other coordinators changed
AGAIN = 5.0  # seconds until a door that could not be opened is tried again
HOPELESS: frozenset[str] = frozenset({"no-permission", "conflict", "failed"})  # until somebody acts
NOT_NEEDED = "Everything else works without it; --vpn off switches it off."
HINTS: Mapping[str, str] = {  # what an operator can do beyond what a volunteer is told
    "no-permission": "In a container: --cap-add NET_ADMIN --device /dev/net/tun. The helper lets a coordinator in"
    " with --allow-lighthouse (docs/vpn.md, Rights).",
    "conflict": "As long as no worker has joined, another --vpn-network can be chosen.",
}
NOWHERE = (
    "The overlay network is not opened: this coordinator listens on this machine alone, so workers could not find "
    "it. To open it, give --public-url, a --host that others can reach, or --vpn-endpoints, and let UDP port "
    "{port} in."
)
HERE = "This coordinator is a lighthouse and relay of the overlay."


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How this coordinator is in the overlay, for people: the sentence says what is missing and what to do."""

    phase: str  # of node.vpn.state
    text: str
    hint: str = ""
    address: str = ""
    port: int = 0
    endpoints: tuple[str, ...] = ()
    direct: int = 0  # peers with a tunnel to us
    relayed: int = 0
    up: bool = False  # members are reached through it


class Station:
    """Runs from `start` to `stop`; `on_change` hears whether workers can be reached through the overlay."""

    def __init__(
        self,
        overlay: Overlay,
        coordinator_id: str,
        key: X25519PrivateKey,
        config: CoordinatorConfig,
        computer: Computer,
        *,
        on_change: Callable[[bool], None] = lambda _up: None,
        ports: Callable[[], Mapping[str, int]] = dict,
        addresses: Callable[[], Iterable[IPv4Address]] = own_addresses,
    ) -> None:
        self._overlay = overlay
        self._id = coordinator_id
        self._key = key
        self._config = config
        self._on_change = on_change
        self._addresses = addresses
        self._vpn = Vpn(computer, on_change=self._seen, on_signal=self._signalled, ports=ports)
        self._tasks = TaskSet("station")
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._doors: Doors | None = None
        self._dht_port = 0
        self._ip: IPv4Address | None = None
        self._settings: VpnSettings | None = None
        self._blocklist: Blocklist | None = None  # that was looked at last
        self._nowhere = ""  # why it is not even tried
        self._trouble = ""  # why there is no certificate
        self._said = ("off", "", 0)

    # --- life -------------------------------------------------------------------------------------------------

    async def start(self, doors: Doors, dht_port: int) -> None:
        """Begin; nobody waits for the overlay to be there."""
        self._doors, self._dht_port = doors, dht_port
        if not advertised(self._config, self._config.vpn_port, self._addresses()):
            self._nowhere = NOWHERE.format(port=self._config.vpn_port)
            log.info("%s", self._nowhere)
            await self._overlay.withdraw(self._id)
            return
        self._vpn.start()
        self._tasks.start(self._keep_place(), "place")
        self._tasks.start(self._keep_doors(doors), "doors")

    async def drain(self, deadline: float) -> None:
        if self._doors is not None:
            await self._doors.drain(deadline)

    async def stop(self) -> None:
        """End Nebula and shut the doors; may be called again. We stay in what members are told: we come back."""
        await self._tasks.stop()
        await self._vpn.stop()
        if self._doors is not None:
            await self._doors.shut()

    # --- what others ask ----------------------------------------------------------------------------------------

    @property
    def view(self) -> VpnView:
        return self._vpn.view

    @property
    def up(self) -> bool:
        return self.view.carries

    @property
    def contact(self) -> DhtContact | None:
        """Where members join the DHT inside of the overlay, while they can."""
        return self._doors.contact if self._doors is not None and self.up else None

    def standing(self) -> Standing:
        view, station = self.view, self._overlay.lighthouses.get(self._id)
        lacking = self._nowhere or self._trouble
        relayed = sum(peer.route == "relayed" for peer in view.peers)
        door = self._doors.trouble if self._doors is not None else ""
        return Standing(
            phase=view.phase,
            text=lacking or (f"{HERE} {door}".strip() if self.up else view.text),
            hint=door if self.up else "" if self._nowhere else _hint(view),
            address=str(view.ip or ""),
            port=view.port,
            endpoints=station.endpoints if station is not None else (),
            direct=len(view.peers) - relayed,
            relayed=relayed,
            up=view.carries,
        )

    def blocklist_changed(self) -> None:
        """Cut off at once whoever was put out, on live tunnels too, if there is anybody new."""
        blocklist = self._overlay.workers.blocklist
        if self._settings is not None and blocklist is not self._blocklist:
            self._blocklist = blocklist
            self._apply(msgspec.structs.replace(self._settings, blocklist=_newest(blocklist)))

    def wake(self) -> None:
        """Look at our certificate now: somebody has changed what members are told."""
        self._wake.set()

    # --- our place ----------------------------------------------------------------------------------------------

    async def _keep_place(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look()
            except Problem as problem:  # no address is free, or we have asked too often
                self._complain(problem.detail)
            except SettingsError as error:
                self._complain(f"What members are told cannot be used: {error}.")
            except Exception:
                log.exception("this coordinator's place in the overlay could not be kept; it is tried again")
            try:
                async with asyncio.timeout(min(LOOK, self._config.worker_heartbeat)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        """Renew what is due, run with what members are told now, and report what Nebula uses."""
        public_key = self._key.public_key().public_bytes_raw()
        grant = await self._overlay.join(self._id, public_key, self._endpoints(), dht_port=self._dht_port or None)
        self._apply(self._wanted(grant))
        await self._overlay.applied(self._id, self._report(grant))
        self._trouble = ""

    def _endpoints(self) -> tuple[str, ...]:
        """Return what members shall be told: nothing of a lighthouse that does not shine; else as it was."""
        if self.up:
            return tuple(advertised(self._config, self.view.port, self._addresses()))
        station = self._overlay.lighthouses.get(self._id)
        return () if station is None or self.view.phase in HOPELESS else station.endpoints

    def _wanted(self, grant: VpnGrant) -> VpnSettings:
        others = tuple(one for one in grant.lighthouses if one.vpn_ip != grant.ip)
        return msgspec.structs.replace(
            settings_of(
                msgspec.structs.replace(grant, lighthouses=others),
                key_pem(PRIVATE_KEY, self._key.private_bytes_raw()),
                blocklist=_newest(self._overlay.workers.blocklist),
                listen_port=self._config.vpn_port,
            ),
            role="lighthouse",
            relays=(),
            dht_port=self._dht_port,
        )

    def _apply(self, settings: VpnSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            self._vpn.apply(settings)

    def _report(self, grant: VpnGrant) -> VpnReport:
        """Return what Nebula uses; where it does not run, it would start with what was granted."""
        used = self._vpn.in_use
        certificate = read_certificate(grant.certificate if used is None else used.certificate)
        bundle = grant.bundle if used is None or used.ca == grant.ca else ""
        return VpnReport(state=self.view.phase, certificate=certificate.fingerprint, bundle=bundle)

    def _complain(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            log.warning("this coordinator has no place in the overlay: %s", text)

    # --- what happens -------------------------------------------------------------------------------------------

    def _seen(self, view: VpnView) -> None:
        """Take in how the overlay is; tell workers' ways and members' lists of it."""
        said = (view.phase, view.text if view.phase in HOPELESS else "", view.port)
        if said != self._said:
            self._said = said
            if view.phase in HOPELESS:
                log.warning("%s %s", view.text, _hint(view))
            self._on_change(self.up)
            self._wake.set()

    def _signalled(self, signal: Signal) -> None:
        if isinstance(signal, OverlayUp | OverlayDown):
            self._ip = signal.ip if isinstance(signal, OverlayUp) else None
            self._moved.set()

    async def _keep_doors(self, doors: Doors) -> None:
        """Have the doors where our address is, for ever; what cannot be opened is tried again."""
        while True:
            self._moved.clear()
            done = False
            try:
                done = await doors.be_at(self._ip)
            except Exception:
                log.exception("the doors to the overlay could not be opened; that is tried again")
            try:
                async with asyncio.timeout(None if done else AGAIN):
                    await self._moved.wait()
            except TimeoutError:
                continue


def _hint(view: VpnView) -> str:
    return f"{HINTS.get(view.phase, '')} {NOT_NEEDED}".strip()


def _newest(blocklist: Blocklist) -> tuple[str, ...]:
    """Return the blocked certificates, where they are too many those that are good for longest, in order."""
    return tuple(sorted(blocklist.fingerprints[:MAX_BLOCKED]))
