"""What happened to a node (events, past tense) and what it shall do (commands, imperative). Values only.

Times are Unix seconds.
"""

from __future__ import annotations

import msgspec

from node.rules.caps import CapReport
from node.rules.settings import Rules, Scope
from node.rules.verdict import Verdict
from node.state import ChannelStatus, Measured, Membership, TunnelStatus, VpnStatus
from node.wire.blocklists import SignedBlocklist
from node.wire.manifests import Catalogue, Manifest
from node.wire.mesh_keys import KeyChain
from node.wire.messages import Assignment, Capabilities, DhtContact, Endpoints, ServiceReport, VpnGrant

# --- events ---------------------------------------------------------------------------------------------------


class Started(msgspec.Struct, frozen=True):
    """The program is up; what an earlier run left on disk comes with it."""

    name: str
    version: str
    url: str
    capabilities: Capabilities
    membership: Membership | None
    key_in_file: bool
    paused: bool
    snoozed_until: float | None
    catalogue: Catalogue
    assignment: Assignment | None
    now: float
    gpu_paused: bool = False
    gpu_snoozed_until: float | None = None
    rules: Rules = msgspec.field(default_factory=Rules)
    ruled: Verdict = msgspec.field(default_factory=Verdict)
    draw: float = 0.0  # in [0, 1), as wherever else a coordinator is chosen


class MeshJoined(msgspec.Struct, frozen=True):
    """DHT node and router are up; this is where we can be reached."""

    endpoints: Endpoints


class EnrolmentRequested(msgspec.Struct, frozen=True):
    """Somebody gave us an invite."""


class Enrolled(msgspec.Struct, frozen=True):
    """A coordinator took us in, and its answer was signed by the mesh that the invite pins."""

    membership: Membership
    dht: tuple[DhtContact, ...]
    vpn: VpnGrant | None = None
    draw: float = 0.0


class EnrolmentFailed(msgspec.Struct, frozen=True):
    """We were not let in; the text is fit for a volunteer."""

    text: str


class EnrolmentDelayed(msgspec.Struct, frozen=True):
    """The coordinator lets nobody in for the moment, as the text says; it is asked again at that time (Unix s)."""

    text: str
    again_at: float


class Registered(msgspec.Struct, frozen=True):
    """The coordinator knows where we are; its catalogue was verified."""

    assignment: Assignment
    catalogue: Catalogue


class HeartbeatAnswered(msgspec.Struct, frozen=True):
    """The coordinator said what it wants of us now."""

    assignment: Assignment


class ChannelChanged(msgspec.Struct, frozen=True):
    """The channel on which the coordinator pushes has opened, or has not, or is open no more."""

    channel: ChannelStatus


class SecondChannelChanged(msgspec.Struct, frozen=True):
    """The same of the channel to a coordinator that we are not registered with; None: there is none for one."""

    channel: ChannelStatus | None


class ChannelRefused(msgspec.Struct, frozen=True):
    """The coordinator does not accept us on the channel: it says why when it is asked."""


class WorkerUnknown(msgspec.Struct, frozen=True):
    """The coordinator has forgotten us, as after its restart."""


class CoordinatorFailed(msgspec.Struct, frozen=True):
    """No useful answer came; `refused` when it answered and said no, `expelled` when it put us out of the mesh."""

    text: str
    refused: bool = False
    expelled: bool = False
    draw: float = 0.0


class CoordinatorsMeasured(msgspec.Struct, frozen=True):
    """Coordinators were looked at: those at `silent` URLs did not answer that they are ready."""

    found: tuple[Measured, ...]
    silent: tuple[str, ...] = ()
    draw: float = 0.0


class CoordinatorLeaves(msgspec.Struct, frozen=True):
    """The coordinator in use is about to end; ask it, or another one, after so many seconds."""

    after: float


class ContactDue(msgspec.Struct, frozen=True):
    """It is time to talk to the coordinator again."""


class CredentialRenewed(msgspec.Struct, frozen=True):
    """The mesh signed a new credential for us, maybe with a key that has followed on the one that we knew."""

    credential: str
    mesh_chain: KeyChain | None = None


class PlaceGranted(msgspec.Struct, frozen=True):
    """The mesh signed a place in the overlay for us, or renewed it."""

    grant: VpnGrant


class PlaceRefused(msgspec.Struct, frozen=True):
    """We asked for a place in the overlay in vain; the text is fit for a volunteer."""

    text: str
    no_overlay: bool = False  # there is none to have a place in


class VpnChanged(msgspec.Struct, frozen=True):
    """The overlay is in another state, or says something else about it."""

    vpn: VpnStatus


class TunnelChanged(msgspec.Struct, frozen=True):
    """A public address leads to us now, or does not any more, or there is something else to say about it."""

    tunnel: TunnelStatus


class OverlayCameUp(msgspec.Struct, frozen=True):
    """Our address in the overlay is there: services and DHT may be bound to it."""

    ip: str


class OverlayWentDown(msgspec.Struct, frozen=True):
    """Nobody reaches us in the overlay any more."""


class OverlayPathsChanged(msgspec.Struct, frozen=True):
    """The overlay was interrupted, as by sleep or by another network: what others know of us may be lost."""


class EndpointsChanged(msgspec.Struct, frozen=True):
    """We can be reached elsewhere now; `listen_error` says why nothing listens in the overlay, if it should."""

    endpoints: Endpoints
    listen_error: str = ""


class ServicesChanged(msgspec.Struct, frozen=True):
    """A service of ours is in another state now."""

    services: tuple[ServiceReport, ...]


class LoadMeasured(msgspec.Struct, frozen=True):
    """How busy we are, how many peers the DHT knows, and what share of the memory programs may still have."""

    load: float
    in_flight: int
    dht_contacts: int
    memory_free: float = 1.0


class CapabilitiesDetected(msgspec.Struct, frozen=True):
    """The hardware was looked at again."""

    capabilities: Capabilities


class PauseRequested(msgspec.Struct, frozen=True):
    """The volunteer wants the machine back, or its GPU only; `until` is None for a pause without an end."""

    until: float | None = None
    scope: Scope = "all"


class ResumeRequested(msgspec.Struct, frozen=True):
    """The volunteer lets the machine work again; what a rule says remains."""


class SnoozeEnded(msgspec.Struct, frozen=True):
    """The appointed end of a snooze has come: `at` says which, for one that was timed."""

    now: float
    scope: Scope = "all"
    at: float | None = None


class RulesChanged(msgspec.Struct, frozen=True):
    """The volunteer has saved other rules."""

    rules: Rules


class RulesDecided(msgspec.Struct, frozen=True):
    """Something else rests by the rules now, or for another reason."""

    verdict: Verdict


class CapsPlanned(msgspec.Struct, frozen=True):
    """The volunteer's caps are kept in another way now."""

    caps: tuple[CapReport, ...]


class MeshQuit(msgspec.Struct, frozen=True):
    """This machine has left the mesh for good and forgotten it; `told` is whether a coordinator heard it."""

    told: bool


class DrainEnded(msgspec.Struct, frozen=True):
    """No request is in flight any more, or the deadline has passed."""


class LeaveRequested(msgspec.Struct, frozen=True):
    """The volunteer wants out of the mesh."""


class StopRequested(msgspec.Struct, frozen=True):
    """The program shall end."""


Event = (
    Started | MeshJoined | EnrolmentRequested | Enrolled | EnrolmentFailed | EnrolmentDelayed | Registered
    | HeartbeatAnswered | WorkerUnknown | ChannelChanged | SecondChannelChanged | ChannelRefused
    | CoordinatorFailed | CoordinatorsMeasured | CoordinatorLeaves
    | ContactDue | CredentialRenewed | PlaceGranted | PlaceRefused | VpnChanged | TunnelChanged
    | OverlayCameUp | OverlayWentDown | OverlayPathsChanged | EndpointsChanged | ServicesChanged | LoadMeasured
    | CapabilitiesDetected | MeshQuit | PauseRequested | ResumeRequested | SnoozeEnded | DrainEnded | LeaveRequested
    | StopRequested | RulesChanged | RulesDecided | CapsPlanned
)  # fmt: skip

# --- commands -------------------------------------------------------------------------------------------------


class JoinMesh(msgspec.Struct, frozen=True):
    """Make tokens, DHT node and router for this membership, and start them."""

    membership: Membership


class QuitMesh(msgspec.Struct, frozen=True):
    """Tell the coordinator and the DHT that we are gone; then forget the membership and its key."""


class SaveMembership(msgspec.Struct, frozen=True):
    """Keep the membership across restarts."""

    membership: Membership


class SavePause(msgspec.Struct, frozen=True):
    """Keep the volunteer's pause across restarts."""

    paused: bool
    until: float | None
    gpu_paused: bool = False
    gpu_until: float | None = None


class SaveAssignment(msgspec.Struct, frozen=True):
    """Keep the assignment, so that we serve after a restart while every coordinator is down."""

    assignment: Assignment


class Register(msgspec.Struct, frozen=True):
    """Tell the coordinator at this URL what and where we are."""

    coordinator: str


class SendHeartbeat(msgspec.Struct, frozen=True):
    """Tell the coordinator at this URL how we are."""

    coordinator: str


class ScheduleContact(msgspec.Struct, frozen=True):
    """Feed ContactDue after so many seconds, or sooner where that was asked for before."""

    after: float


class RunServices(msgspec.Struct, frozen=True):
    """Make exactly these services run; drain before stopping any other."""

    services: tuple[Manifest, ...]


class PublishServices(msgspec.Struct, frozen=True):
    """Announce these running services in the DHT; none means: withdraw."""

    services: tuple[str, ...]


class JoinDht(msgspec.Struct, frozen=True):
    """Bootstrap the DHT from these contacts."""

    contacts: tuple[DhtContact, ...]


class TellRelays(msgspec.Struct, frozen=True):
    """Have our coordinator know soon by which ones we are reached, if it has not heard it yet."""


class TakeBlocklist(msgspec.Struct, frozen=True):
    """Believe nobody any more whom this names, if the mesh has signed it and it is not older than what we have."""

    told: SignedBlocklist | None
    current: SignedBlocklist | None = None  # that the one that we have still counts


class UsePlace(msgspec.Struct, frozen=True):
    """Keep this place in the overlay across restarts, and take it."""

    grant: VpnGrant


class StopOverlay(msgspec.Struct, frozen=True):
    """Leave the overlay, because the mesh has put us out."""


class ReturnToOverlay(msgspec.Struct, frozen=True):
    """Be in the overlay again: the mesh answers us after all."""


class OpenInOverlay(msgspec.Struct, frozen=True):
    """Let HTTP server and DHT be reached at this address."""

    ip: str


class CloseInOverlay(msgspec.Struct, frozen=True):
    """Be reached by other ways only; what is in flight goes on."""


class RefreshRoutes(msgspec.Struct, frozen=True):
    """Look up anew how others are reached: the overlay carries requests from now on, or no more."""


class RejoinDht(msgspec.Struct, frozen=True):
    """Look for the DHT's other nodes anew, and publish anew."""


class Drain(msgspec.Struct, frozen=True):
    """Let requests in flight end, then feed DrainEnded."""


class ScheduleResume(msgspec.Struct, frozen=True):
    """Feed SnoozeEnded of this scope at this time, and at no other."""

    at: float
    scope: Scope = "all"


class GoOffline(msgspec.Struct, frozen=True):
    """Tell the coordinator that we rest; then be in DHT, overlay and tunnel no more, but stay a member."""


class Shutdown(msgspec.Struct, frozen=True):
    """End the program."""


Command = (
    JoinMesh | QuitMesh | SaveMembership | SavePause | SaveAssignment | Register | SendHeartbeat | ScheduleContact
    | RunServices | PublishServices | TellRelays | JoinDht | TakeBlocklist | UsePlace | StopOverlay
    | ReturnToOverlay | OpenInOverlay | CloseInOverlay | RefreshRoutes
    | RejoinDht | Drain | ScheduleResume | GoOffline | Shutdown
)  # fmt: skip
