"""A worker's overlay in tests: grants as a mesh signs them, and a keeper that starts no Nebula."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.state import VpnPhase
from node.vpn.events import OverlayDown, OverlayUp, PathsChanged, Signal
from node.vpn.settings import VpnSettings
from node.vpn.state import VpnPeer, VpnView
from node.wire.messages import Lighthouse, VpnGrant
from node.wire.nebula_certificates import NebulaCertificate, sign
from node.wire.nebula_pem import certificate_pem

DAY = 86400


class Authority:
    """Signs places in the overlay for anybody's key."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        now = int(time.time())
        own = NebulaCertificate(
            name="mesh",
            public_key=self._key.public_key().public_bytes_raw(),
            not_before=now - DAY,
            not_after=now + 365 * DAY,
            ips=(IPv4Interface("10.42.0.0/16"),),
            groups=("worker",),
            is_ca=True,
        )
        self.certificate = sign(own, self._key)

    def grant(
        self,
        public_key: bytes,
        *,
        version: str = "aa",
        renew_at: float = 0.0,
        lighthouses: tuple[Lighthouse, ...] = (Lighthouse(vpn_ip="10.42.0.1", endpoints=("198.51.100.7:4242",)),),
    ) -> VpnGrant:
        now = int(time.time())
        member = NebulaCertificate(
            name="w1",
            public_key=public_key,
            not_before=now - 60,
            not_after=now + DAY,
            ips=(IPv4Interface("10.42.0.11/16"),),
            groups=("worker",),
            issuer=self.certificate.fingerprint,
        )
        return VpnGrant(
            ip="10.42.0.11",
            network="10.42.0.0/16",
            ca=certificate_pem(self.certificate),
            bundle="cc",
            certificate=certificate_pem(sign(member, self._key)),
            renew_at=renew_at or now + DAY / 2,
            lighthouses=lighthouses,
            version=version,
        )


class FakeKeeper:
    """What `Vpn` is to a node; `becomes` and `signal` are what happens to it."""

    def __init__(
        self,
        folder: Path,
        on_change: Callable[[VpnView], None],
        on_signal: Callable[[Signal], None],
        ports: Callable[[], Mapping[str, int]],
    ) -> None:
        self.ports = ports
        self.folder = folder
        self._on_change = on_change
        self._on_signal = on_signal
        self.view = VpnView()
        self.in_use: VpnSettings | None = None
        self.applied: list[VpnSettings | None] = []
        self.running = False
        self.seen_outside: list[bool] = []
        self.doubted = 0
        self.tunnels: tuple[VpnPeer, ...] = ()

    def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def apply(self, settings: VpnSettings | None) -> None:
        self.applied.append(settings)
        if settings is None:
            self.goes_down("off", "It is off.")

    def revoke(self) -> None:
        self.goes_down("revoked", "The mesh does not accept this machine any more.")

    def see_outside(self, reached: bool) -> None:
        self.seen_outside.append(reached)

    def doubt(self) -> None:
        self.doubted += 1

    def peers(self) -> tuple[VpnPeer, ...]:
        return self.tunnels

    async def measure(self) -> tuple[VpnPeer, ...]:
        return self.tunnels

    # --- what happens ---------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> VpnSettings | None:
        return self.applied[-1] if self.applied else None

    def comes_up(self, ip: str) -> None:
        """Have Nebula run with what is wanted, at an address that this machine has."""
        self.in_use = self.wanted
        self.becomes("direct", ip, "Other workers are reached directly.")
        self._on_signal(OverlayUp(IPv4Address(ip)))

    def goes_down(self, phase: VpnPhase, text: str = "It is down.") -> None:
        was_up, self.in_use = self.view.ip is not None, None
        self.becomes(phase, text=text)
        if was_up:
            self._on_signal(OverlayDown())

    def paths_change(self) -> None:
        self._on_signal(PathsChanged())

    def becomes(self, phase: VpnPhase, ip: str | None = None, text: str = "So it is.") -> None:
        self.view = VpnView(phase, text, None if ip is None else IPv4Address(ip))
        self._on_change(self.view)
