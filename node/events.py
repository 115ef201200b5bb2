"""What happened to a node (events, past tense) and what it shall do (commands, imperative). Values only.

Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from node.rules.caps import CapReport
from node.rules.settings import Rules, Scope
from node.rules.verdict import Verdict
from node.state import ChannelStatus, Membership, TunnelStatus, VpnStatus
from node.wire.blocklists import SignedBlocklist
from node.wire.manifests import Catalogue, Manifest
from node.wire.mesh_keys import KeyChain
from node.wire.messages import Assignment, Capabilities, DhtContact, Endpoints, ServiceReport, VpnGrant

# --- events ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
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
    rules: Rules = field(default_factory=Rules)
    ruled: Verdict = field(default_factory=Verdict)


@dataclass(frozen=True, slots=True)
class MeshJoined:
    """DHT node and router are up; this is where we can be reached."""

    endpoints: Endpoints


@dataclass(frozen=True, slots=True)
class EnrolmentRequested:
    """Somebody gave us an invite."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A coordinator took us in, and its answer was signed by the mesh that the invite pins."""

    membership: Membership
    dht: tuple[DhtContact, ...]
    vpn: VpnGrant | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentFailed:
    """We were not let in; the text is fit for a volunteer."""

    text: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The coordinator knows where we are; its catalogue was verified."""

    assignment: Assignment
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class HeartbeatAnswered:
    """The coordinator said what it wants of us now."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """The channel on which the coordinator pushes has opened, or has not, or is open no more."""

    channel: ChannelStatus


@dataclass(frozen=True, slots=True)
class SecondChannelChanged:
    """The same of the channel to a coordinator that we are not registered with; None: there is none for one."""

    channel: ChannelStatus | None


@dataclass(frozen=True, slots=True)
class ChannelRefused:
    """The coordinator does not accept us on the channel: it says why when it is asked."""


@dataclass(frozen=True, slots=True)
class WorkerUnknown:
    """The coordinator has forgotten us, as after its restart."""


@dataclass(frozen=True, slots=True)
class CoordinatorFailed:
    """No useful answer came; `refused` when it answered and said no, `expelled` when it put us out of the mesh."""

    text: str
    refused: bool = False
    expelled: bool = False


@dataclass(frozen=True, slots=True)
class ContactDue:
    """It is time to talk to the coordinator again."""


@dataclass(frozen=True, slots=True)
class CredentialRenewed:
    """The mesh signed a new credential for us, maybe with a key that has followed on the one that we knew."""

    credential: str
    mesh_chain: KeyChain | None = None


@dataclass(frozen=True, slots=True)
class PlaceGranted:
    """The mesh signed a place in the overlay for us, or renewed it."""

    grant: VpnGrant


@dataclass(frozen=True, slots=True)
class PlaceRefused:
    """We asked for a place in the overlay in vain; the text is fit for a volunteer."""

    text: str


@dataclass(frozen=True, slots=True)
class VpnChanged:
    """The overlay is in another state, or says something else about it."""

    vpn: VpnStatus


@dataclass(frozen=True, slots=True)
class TunnelChanged:
    """A public address leads to us now, or does not any more, or there is something else to say about it."""

    tunnel: TunnelStatus


@dataclass(frozen=True, slots=True)
class OverlayCameUp:
    """Our address in the overlay is there: services and DHT may be bound to it."""

    ip: str


@dataclass(frozen=True, slots=True)
class OverlayWentDown:
    """Nobody reaches us in the overlay any more."""


@dataclass(frozen=True, slots=True)
class OverlayPathsChanged:
    """The overlay was interrupted, as by sleep or by another network: what others know of us may be lost."""


@dataclass(frozen=True, slots=True)
class EndpointsChanged:
    """We can be reached elsewhere now; `listen_error` says why nothing listens in the overlay, if it should."""

    endpoints: Endpoints
    listen_error: str = ""


@dataclass(frozen=True, slots=True)
class ServicesChanged:
    """A service of ours is in another state now."""

    services: tuple[ServiceReport, ...]


@dataclass(frozen=True, slots=True)
class LoadMeasured:
    """How busy we are, and how many peers the DHT knows."""

    load: float
    in_flight: int
    dht_contacts: int


@dataclass(frozen=True, slots=True)
class CapabilitiesDetected:
    """The hardware was looked at again."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """The volunteer wants the machine back, or its GPU only; `until` is None for a pause without an end."""

    until: float | None = None
    scope: Scope = "all"


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """The volunteer lets the machine work again; what a rule says remains."""


@dataclass(frozen=True, slots=True)
class SnoozeEnded:
    """The appointed end of a snooze has come: `at` says which, for one that was timed."""

    now: float
    scope: Scope = "all"
    at: float | None = None


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """The volunteer has saved other rules."""

    rules: Rules


@dataclass(frozen=True, slots=True)
class RulesDecided:
    """Something else rests by the rules now, or for another reason."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CapsPlanned:
    """The volunteer's caps are kept in another way now."""

    caps: tuple[CapReport, ...]


@dataclass(frozen=True, slots=True)
class MeshQuit:
    """This machine has left the mesh for good and forgotten it; `told` is whether a coordinator heard it."""

    told: bool


@dataclass(frozen=True, slots=True)
class DrainEnded:
    """No request is in flight any more, or the deadline has passed."""


@dataclass(frozen=True, slots=True)
class LeaveRequested:
    """The volunteer wants out of the mesh."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The program shall end."""


Event = (
    Started | MeshJoined | EnrolmentRequested | Enrolled | EnrolmentFailed | Registered | HeartbeatAnswered
    | WorkerUnknown | ChannelChanged | SecondChannelChanged | ChannelRefused
    | CoordinatorFailed | ContactDue | CredentialRenewed | PlaceGranted | PlaceRefused | VpnChanged | TunnelChanged
    | OverlayCameUp
    | OverlayWentDown | OverlayPathsChanged | EndpointsChanged | ServicesChanged | LoadMeasured
    | CapabilitiesDetected | MeshQuit | PauseRequested | ResumeRequested | SnoozeEnded | DrainEnded | LeaveRequested
    | StopRequested | RulesChanged | RulesDecided | CapsPlanned
)  # fmt: skip

# --- commands -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JoinMesh:
    """Make tokens, DHT node and router for this membership, and start them."""

    membership: Membership


@dataclass(frozen=True, slots=True)
class QuitMesh:
    """Tell the coordinator and the DHT that we are gone; then forget the membership and its key."""


@dataclass(frozen=True, slots=True)
class SaveMembership:
    """Keep the membership across restarts."""

    membership: Membership


@dataclass(frozen=True, slots=True)
class SavePause:
    """Keep the volunteer's pause across restarts."""

    paused: bool
    until: float | None
    gpu_paused: bool = False
    gpu_until: float | None = None


@dataclass(frozen=True, slots=True)
class SaveAssignment:
    """Keep the assignment, so that we serve after a restart while every coordinator is down."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Register:
    """Tell the coordinator at this URL what and where we are."""

    coordinator: str


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    """Tell the coordinator at this URL how we are."""

    coordinator: str


@dataclass(frozen=True, slots=True)
class ScheduleContact:
    """Feed ContactDue after so many seconds, or sooner where that was asked for before."""

    after: float


@dataclass(frozen=True, slots=True)
class RunServices:
    """Make exactly these services run; drain before stopping any other."""

    services: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class PublishServices:
    """Announce these running services in the DHT; none means: withdraw."""

    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JoinDht:
    """Bootstrap the DHT from these contacts."""

    contacts: tuple[DhtContact, ...]


@dataclass(frozen=True, slots=True)
class TellRelays:
    """Have our coordinator know soon by which ones we are reached, if it has not heard it yet."""


@dataclass(frozen=True, slots=True)
class TakeBlocklist:
    """Believe nobody any more whom this names, if the mesh has signed it and it is not older than what we have."""

    told: SignedBlocklist | None


@dataclass(frozen=True, slots=True)
class UsePlace:
    """Keep this place in the overlay across restarts, and take it."""

    grant: VpnGrant


@dataclass(frozen=True, slots=True)
class StopOverlay:
    """Leave the overlay, because the mesh has put us out."""


@dataclass(frozen=True, slots=True)
class ReturnToOverlay:
    """Be in the overlay again: the mesh answers us after all."""


@dataclass(frozen=True, slots=True)
class OpenInOverlay:
    """Let HTTP server and DHT be reached at this address."""

    ip: str


@dataclass(frozen=True, slots=True)
class CloseInOverlay:
    """Be reached by other ways only; what is in flight goes on."""


@dataclass(frozen=True, slots=True)
class RefreshRoutes:
    """Look up anew how others are reached: the overlay carries requests from now on, or no more."""


@dataclass(frozen=True, slots=True)
class RejoinDht:
    """Look for the DHT's other nodes anew, and publish anew."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Let requests in flight end, then feed DrainEnded."""


@dataclass(frozen=True, slots=True)
class ScheduleResume:
    """Feed SnoozeEnded of this scope at this time, and at no other."""

    at: float
    scope: Scope = "all"


@dataclass(frozen=True, slots=True)
class GoOffline:
    """Tell the coordinator that we rest; then be in DHT, overlay and tunnel no more, but stay a member."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the program."""


Command = (
    JoinMesh | QuitMesh | SaveMembership | SavePause | SaveAssignment | Register | SendHeartbeat | ScheduleContact
    | RunServices | PublishServices | TellRelays | JoinDht | TakeBlocklist | UsePlace | StopOverlay
    | ReturnToOverlay | OpenInOverlay | CloseInOverlay | RefreshRoutes
    | RejoinDht | Drain | ScheduleResume | GoOffline | Shutdown
)  # fmt: skip
