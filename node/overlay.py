"""This machine's place in the overlay: key, grant and blocklist, what is asked for anew, and the program behind it.

The place is the coordinator's to give, its certificate for our own key; `Vpn` makes a network of it. Without one,
or with `--vpn off`, everything here is quiet and the node is reached by other routes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node import events as e
from node.config import NodeConfig
from node.forwarding.interface import Target
from node.identity.nebula_key import delete_nebula_key, load_or_create_nebula_key
from node.kept_files import KeptFiles, KeptPlace
from node.renewal import Renewal, is_wanted
from node.state import VpnStatus
from node.vpn.computer import ThisComputer
from node.vpn.engine import KEY_FILE
from node.vpn.events import OverlayDown, OverlayUp, PathsChanged, Signal
from node.vpn.grants import check_place, settings_of
from node.vpn.manager import Vpn
from node.vpn.settings import MAX_BLOCKED, SettingsError, VpnSettings, facts_of
from node.vpn.state import SENTENCES, VpnPeer, VpnView
from node.wire.messages import Lighthouse, VpnGrant, VpnReport
from node.wire.nebula_pem import PRIVATE_KEY, key_pem

FOLDER = "vpn"  # Nebula's files, in the data directory
NO_LIGHTHOUSE = "No coordinator of this mesh is in the private network yet."
log = logging.getLogger(__name__)


class Keeper(Protocol):
    """What keeps the network up (`Vpn`); tests have their own."""

    def start(self) -> None: ...
    async def stop(self) -> None: ...
    def apply(self, settings: VpnSettings | None) -> None: ...
    def revoke(self) -> None: ...
    def see_outside(self, reached: bool) -> None: ...
    def doubt(self) -> None: ...
    @property
    def view(self) -> VpnView: ...
    @property
    def in_use(self) -> VpnSettings | None: ...
    def peers(self) -> tuple[VpnPeer, ...]: ...
    async def measure(self) -> tuple[VpnPeer, ...]: ...


Ports = Callable[[], Mapping[str, int]]  # of others' services, by their addresses in the overlay
MakeKeeper = Callable[[Path, Callable[[VpnView], None], Callable[[Signal], None], Ports], Keeper]


def keeper_of_this_computer(
    folder: Path, on_change: Callable[[VpnView], None], on_signal: Callable[[Signal], None], ports: Ports
) -> Keeper:
    return Vpn(ThisComputer(folder), on_change=on_change, on_signal=on_signal, ports=ports)


class Overlay:
    """Holds the key from `load` on, and wants the network between `enter` and `leave`."""

    def __init__(
        self,
        config: NodeConfig,
        data_dir: Path,
        dispatch: Callable[[e.Event], None],
        make_keeper: MakeKeeper = keeper_of_this_computer,
    ) -> None:
        self._config = config
        self._data_dir = data_dir
        self._dispatch = dispatch
        self._files = KeptFiles(data_dir)
        self._key: X25519PrivateKey | None = None
        self._grant: VpnGrant | None = None
        self._blocklist: tuple[str, ...] = ()
        self._renewal = Renewal()
        self._ports: tuple[int, int] | None = None  # of HTTP server and DHT, while we want to be in the overlay
        self._keeper: Keeper | None = None
        self.know_ports: Ports = dict  # whoever knows other workers sets it
        if config.vpn != "off":
            self._keeper = make_keeper(data_dir / FOLDER, self._changed, self._signalled, self._ports_of_others)

    # --- life -----------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read key and place, as far as they are there and fit one another."""
        if self._keeper is None:
            return
        self._key = await load_or_create_nebula_key(self._data_dir, use_keyring=self._config.keyring)
        kept = await asyncio.to_thread(self._files.place)
        trouble = self._trouble(kept.grant) if kept is not None else ""
        if trouble:
            log.warning("the kept place in the private network is not used: %s", trouble)
        elif kept is not None:
            self._grant = kept.grant

    def start(self) -> None:
        if self._keeper is not None:
            self._keeper.start()
        self._changed(self._keeper.view if self._keeper is not None else VpnView())

    async def stop(self) -> None:
        """End the network; may be called again."""
        if self._keeper is not None:
            await self._keeper.stop()

    # --- being in the mesh ----------------------------------------------------------------------------------------

    def enter(self, port: int, dht_port: int) -> None:
        """Take our place from now on; these ports are open to other members there."""
        self._ports = port, dht_port
        self._apply()

    async def take(self, grant: VpnGrant) -> None:
        """Keep a place that the mesh has granted, and take it; one that makes no sense is told and not used."""
        if self._key is None:
            return
        trouble = self._trouble(grant)
        if trouble:
            log.error("the place in the private network that was granted cannot be used: %s", trouble)
            self._dispatch(e.PlaceRefused(f"What the coordinator granted cannot be used: {trouble}."))
            return
        self._grant = grant
        try:
            await asyncio.to_thread(self._files.save_place, KeptPlace(grant))
        except OSError as error:  # as on a full disk: it is good until the program ends, and asked for again then
            log.error("the place in the private network cannot be kept: %s", error)
        if not is_reachable(grant):
            self._dispatch(e.PlaceRefused(NO_LIGHTHOUSE))
        self._apply()

    def block(self, fingerprints: Sequence[str]) -> None:
        """Talk to nobody who shows one of these certificates; those that are good for longest come first."""
        if len(fingerprints) > MAX_BLOCKED:
            text = "%d certificates are blocked: only the %d that are good for longest can be"
            log.error(text, len(fingerprints), MAX_BLOCKED)
        wanted = tuple(sorted(fingerprints[:MAX_BLOCKED]))
        if self._blocklist != wanted:
            self._blocklist = wanted
            self._apply()

    def expel(self) -> None:
        """End the network, because the mesh does not want us."""
        if self._keeper is not None:
            self._keeper.revoke()

    def readmit(self) -> None:
        """Be in the overlay again after all."""
        if self._keeper is not None:
            self._keeper.apply(None)
        self._apply()

    def leave(self) -> None:
        """Want no network any more."""
        self._ports = None
        if self._keeper is not None:
            self._keeper.apply(None)

    async def forget(self) -> None:
        """Leave for good, and make a new key for another mesh."""
        self.leave()
        self._grant, self._blocklist, self._renewal = None, (), Renewal()
        if self._keeper is not None:
            await delete_nebula_key(self._data_dir, use_keyring=self._config.keyring)
            await asyncio.to_thread((self._data_dir / FOLDER / KEY_FILE).unlink, missing_ok=True)
            self._key = await load_or_create_nebula_key(self._data_dir, use_keyring=self._config.keyring)

    # --- with the coordinator -------------------------------------------------------------------------------------

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 bytes; nothing where no place in the overlay is wanted."""
        return b"" if self._key is None else self._key.public_key().public_bytes_raw()

    def may_renew(self, told_version: str) -> bool:
        """Say whether `key_to_renew` would return a key now."""
        now = time.time()
        return self._key is not None and is_wanted(self._grant, told_version, now) and self._renewal.may_ask(now)

    def key_to_renew(self, told_version: str) -> bytes:
        """Return the public key where it is time to ask for another place, and count that; else nothing."""
        now = time.time()
        if self._key is None or not is_wanted(self._grant, told_version, now):
            self._renewal = Renewal()
            return b""
        if not self._renewal.may_ask(now):
            return b""
        self._renewal = self._renewal.after_asking(now)
        return self.public_key

    def report(self) -> VpnReport | None:
        """Say what Nebula uses, as it has said itself; or, while it does not run, what it would start with."""
        if self._keeper is None:
            return None
        phase, used, grant = self._keeper.view.phase, self._keeper.in_use, self._grant
        if used is None and grant is not None and is_reachable(grant):
            used = self._settings(grant)  # else a rotation would wait for ever for those that may not run it
        if used is None:
            return VpnReport(state=phase)
        bundle = grant.bundle if grant is not None and grant.ca == used.ca else ""
        return VpnReport(state=phase, certificate=facts_of(used).fingerprint, bundle=bundle)

    def see_outside(self, reached: bool) -> None:
        """Note whether a coordinator answers outside of the overlay."""
        if self._keeper is not None:
            self._keeper.see_outside(reached)

    def doubt(self) -> None:
        """Look soon whether the network still leads somewhere."""
        if self._keeper is not None:
            self._keeper.doubt()

    # --- what it knows --------------------------------------------------------------------------------------------

    @property
    def network(self) -> IPv4Network | None:
        """The overlay's network, where we have a place in it."""
        try:
            return None if self._grant is None else IPv4Network(self._grant.network)
        except ValueError:
            return None

    @property
    def lighthouses(self) -> tuple[Lighthouse, ...]:
        """The coordinators in the overlay."""
        return () if self._grant is None else self._grant.lighthouses

    def peers(self) -> tuple[VpnPeer, ...]:
        return () if self._keeper is None else self._keeper.peers()

    async def measure(self) -> None:
        """Measure the round trips to the peers."""
        if self._keeper is not None:
            await self._keeper.measure()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _settings(self, grant: VpnGrant) -> VpnSettings:
        assert self._key is not None
        private_key = key_pem(PRIVATE_KEY, self._key.private_bytes_raw())
        settings = settings_of(grant, private_key, blocklist=self._blocklist)
        if self._ports is None:
            return settings
        port, dht_port = self._ports
        return msgspec.structs.replace(settings, service_port=port, dht_port=dht_port)

    def _trouble(self, grant: VpnGrant) -> str:
        """Return why a grant can never be used, or nothing."""
        try:
            check_place(grant)
            if is_reachable(grant):
                facts_of(self._settings(grant))
        except SettingsError as error:
            return str(error)
        return ""

    def _apply(self) -> None:
        if self._keeper is None or self._grant is None or self._ports is None or not is_reachable(self._grant):
            return
        self._keeper.apply(self._settings(self._grant))

    def _ports_of_others(self) -> Mapping[str, int]:
        return self.know_ports()

    def _changed(self, view: VpnView) -> None:
        ip = None if view.ip is None else str(view.ip)
        text = view.text if self._keeper is not None else SENTENCES["off"]
        self._dispatch(e.VpnChanged(VpnStatus(view.phase, ip, text)))

    def _signalled(self, signal: Signal) -> None:
        match signal:
            case OverlayUp(ip):
                self._dispatch(e.OverlayCameUp(str(ip)))
            case OverlayDown():
                self._dispatch(e.OverlayWentDown())
            case PathsChanged():
                self._dispatch(e.OverlayPathsChanged())


class OverlayWitness:
    """Has the overlay looked at when a request found nobody at an address there."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay

    def answered(self, worker_id: str, load: float | None) -> None:
        """Do nothing: a way that leads somewhere is no news."""

    def unreachable(self, _worker_id: str, target: Target) -> None:
        if target.route == "vpn":
            self._overlay.doubt()

    def failed(self, worker_id: str) -> None:
        """Do nothing: a worker that does not answer was reached."""


def is_reachable(grant: VpnGrant) -> bool:
    """Say whether there is a coordinator by which others are found: without one there is nothing to start."""
    return any(lighthouse.endpoints for lighthouse in grant.lighthouses)
