"""What Nebula did, what happened to the overlay (past tense) and what shall be done (imperative). Values only.

The first group is also what the privileged helper tells its client, so it is encoded as JSON with a tag.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Literal

import msgspec

from node.vpn.settings import Facts, VpnSettings

ExitKind = Literal["port-taken", "permission", "device-busy", "expired", "refused", "crashed"]


class _Told(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Something that Nebula, or who runs it, told."""


class InterfaceCameUp(_Told, frozen=True):
    """The overlay's address exists now; `port` is the UDP port that was asked for."""

    device: str
    port: int
    version: str = ""


class TunnelMade(_Told, frozen=True):
    """A handshake with a peer succeeded; without an address it goes through a relay."""

    peer: IPv4Address
    address: str | None


class PeerMoved(_Told, frozen=True):
    """A peer's packets come from another address now, directly."""

    peer: IPv4Address
    address: str


class TunnelLost(_Told, frozen=True):
    """A peer does not answer any more, or is not allowed to."""

    peer: IPv4Address


class FingerprintBlocked(_Told, frozen=True):
    """Nebula read one entry of the blocklist."""

    fingerprint: str


class CertificateLoaded(_Told, frozen=True):
    """Nebula read its own certificate anew: the end of a reload that worked."""

    fingerprint: str


class ReloadFailed(_Told, frozen=True):
    """Nebula read its configuration anew and kept the old one."""

    text: str


class StartFailed(_Told, frozen=True):
    """Nebula says why it is about to end."""

    kind: ExitKind
    text: str


class NebulaUpdated(_Told, frozen=True):
    """New settings are in use; `restarted` when a reload could not do it."""

    restarted: bool
    why: str = ""


class NebulaExited(_Told, frozen=True):
    """Nebula ended by itself, or could not be started."""

    kind: ExitKind
    text: str


Told = (
    InterfaceCameUp | TunnelMade | PeerMoved | TunnelLost | FingerprintBlocked | CertificateLoaded | ReloadFailed
    | StartFailed | NebulaUpdated | NebulaExited
)  # fmt: skip

# --- what else happened ---------------------------------------------------------------------------------------


class SettingsApplied(msgspec.Struct, frozen=True):
    """Somebody wants the overlay to be like this; None: not at all. `now` is Unix seconds."""

    settings: VpnSettings | None
    facts: Facts | None
    now: float


class SettingsRefused(msgspec.Struct, frozen=True):
    """The settings contradict themselves; the text is fit for an operator."""

    text: str


class MachineChecked(msgspec.Struct, frozen=True):
    """What this machine lets us do: `lacking` says what stands against starting, `overlaps` who has our network.

    `network` changes when the machine's own address or gateway does; `jitter` (0 to 1) keeps two nodes of one
    computer from trying again at the same moment.
    """

    permitted: bool
    text: str = ""
    lacking: str = ""
    overlaps: tuple[str, ...] = ()
    network: str = ""
    jitter: float = 0.5


class HealthMeasured(msgspec.Struct, frozen=True):
    """Whether a coordinator answered over the overlay (round trip in seconds), and which peers did.

    `silent` are lighthouses that did not answer although another one did.
    """

    now: float
    round_trip: float | None
    peers: frozenset[IPv4Address] = frozenset()
    silent: frozenset[IPv4Address] = frozenset()


class RetryDue(msgspec.Struct, frozen=True):
    """The pause after a failure is over."""

    now: float


class NetworkChanged(msgspec.Struct, frozen=True):
    """The machine has other addresses now: another network, or none."""


class LighthousesMoved(msgspec.Struct, frozen=True):
    """A lighthouse's name stands for other addresses now than those that Nebula was given."""

    now: float


class Resumed(msgspec.Struct, frozen=True):
    """The program did not run for a while (seconds), as when a laptop sleeps."""

    gap: float


class WayDoubted(msgspec.Struct, frozen=True):
    """A request found nobody at an address in the overlay: whoever it was may be off, or the way to it dead."""


class CertificateRevoked(msgspec.Struct, frozen=True):
    """The mesh does not want this machine any more."""


class OutsideSeen(msgspec.Struct, frozen=True):
    """Whether a coordinator answers by other ways than the overlay."""

    reached: bool


class Exited(msgspec.Struct, frozen=True):
    """Nebula ended; `jitter` (0 to 1) spreads the next try."""

    told: NebulaExited
    jitter: float


Event = (
    SettingsApplied | SettingsRefused | MachineChecked | HealthMeasured | RetryDue | NetworkChanged
    | LighthousesMoved | Resumed | CertificateRevoked | OutsideSeen | Exited | InterfaceCameUp | TunnelMade
    | PeerMoved | TunnelLost | NebulaUpdated | WayDoubted
)  # fmt: skip

# --- commands -------------------------------------------------------------------------------------------------


class CheckMachine(msgspec.Struct, frozen=True):
    """Look whether Nebula may run here and whether the network is free; answer with MachineChecked."""


class StartNebula(msgspec.Struct, frozen=True):
    """Start Nebula with the settings and this port."""

    settings: VpnSettings
    port: int


class UpdateNebula(msgspec.Struct, frozen=True):
    """Bring new settings into the running Nebula, without losing a packet where that can be."""

    settings: VpnSettings
    port: int


class RestartNebula(msgspec.Struct, frozen=True):
    """End Nebula and start it again, then knock at these peers, so that they learn our new address."""

    settings: VpnSettings
    port: int
    peers: tuple[IPv4Address, ...] = ()


class StopNebula(msgspec.Struct, frozen=True):
    """End Nebula."""


class ScheduleRetry(msgspec.Struct, frozen=True):
    """Say RetryDue after so many seconds."""

    after: float


class ScheduleHealth(msgspec.Struct, frozen=True):
    """Measure the health after so many seconds; an earlier appointment is dropped."""

    after: float


class OverlayUp(msgspec.Struct, frozen=True):
    """For the node: the address exists, services and DHT can bind to it."""

    ip: IPv4Address


class OverlayDown(msgspec.Struct, frozen=True):
    """For the node: the address is gone; withdraw what was published with it."""


class PathsChanged(msgspec.Struct, frozen=True):
    """For the node: addresses below the overlay changed, or time passed asleep: join the DHT anew, publish anew."""


Signal = OverlayUp | OverlayDown | PathsChanged
Command = (
    CheckMachine | StartNebula | UpdateNebula | RestartNebula | StopNebula | ScheduleRetry | ScheduleHealth | Signal
)  # fmt: skip
