"""What workers and coordinators say to one another, field by field (JSON over HTTP).

Sizes are bytes, times are Unix seconds, loads run from 0.0 to 1.0. Unknown fields are ignored, so that both
sides may be of different versions. Python need not look through those marked gc=False for garbage: nothing that is
in them can lead back to them, and a coordinator has tens of thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from node.wire.blocklists import SignedBlocklist
from node.wire.credentials import Name, Trust
from node.wire.manifests import ServiceName, SignedCatalogue
from node.wire.mesh_keys import KeyChain

# What decoding raises for bytes that say nothing of the kind; the last is of what is nested deeply.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

WorkerType = Literal["gpu", "edge", "storage", "cpu"]
Route = Literal["local", "vpn", "direct", "relay", "tunnel"]
ServiceState = Literal["stopped", "starting", "running", "unhealthy", "failed", "draining"]

Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # what every reader of JSON knows exactly
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9:._%-]+$(?!\n)")]
Url = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$(?!\n)")]
Text = Annotated[str, msgspec.Meta(max_length=200)]
HostPort = Annotated[str, msgspec.Meta(max_length=260, pattern=r"^[A-Za-z0-9.:\[\]-]+:[0-9]{1,5}$(?!\n)")]
Network = Annotated[str, msgspec.Meta(max_length=18, pattern=r"^[0-9.]+/[0-9]{1,2}$(?!\n)")]
NebulaKey = Annotated[str, msgspec.Meta(max_length=43, pattern=r"^([A-Za-z0-9_-]{43})?$(?!\n)")]
Pem = Annotated[str, msgspec.Meta(max_length=65536)]
Digest = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[0-9a-f]*$(?!\n)")]  # SHA-256 or the start of one
MTU = 1300  # bytes in the overlay: with Nebula's headers and a relay's they fit through every network we know of
Services = Annotated[tuple[ServiceName, ...], msgspec.Meta(max_length=64)]
Relays = Annotated[tuple[Name, ...], msgspec.Meta(max_length=2)]  # ids of coordinators


class Gpu(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One graphics card as its driver describes it."""

    vendor: Text = ""
    name: Text = ""
    memory_bytes: Count = 0
    memory_free_bytes: Count = 0
    driver: Text = ""
    usable: bool = True


class Disk(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One mounted local file system."""

    mount: Annotated[str, msgspec.Meta(max_length=1024)]
    total_bytes: Count = 0
    free_bytes: Count = 0


class Address(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One address of this machine and the interface that has it."""

    interface: Text
    address: Host
    family: Literal["ipv4", "ipv6"]
    scope: Literal["loopback", "link", "private", "public"]


class Battery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The battery's charge and whether the machine is running on it."""

    charge: Fraction
    on_battery: bool


class Capabilities(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a machine has, as detected on it."""

    worker_type: WorkerType = "cpu"
    os: Text = ""
    architecture: Text = ""
    cpu_name: Text = ""
    cpu_cores: Count = 0
    cpu_threads: Count = 0
    ram_bytes: Count = 0
    ram_free_bytes: Count = 0
    has_gpu: bool = False
    gpus: Annotated[tuple[Gpu, ...], msgspec.Meta(max_length=16)] = ()
    disk_free_bytes: Count = 0
    disks: Annotated[tuple[Disk, ...], msgspec.Meta(max_length=64)] = ()
    addresses: Annotated[tuple[Address, ...], msgspec.Meta(max_length=64)] = ()
    has_public_ip: bool = False
    public_ip: Host | None = None
    battery: Battery | None = None
    version: Text = ""
    allowed_services: Services = ()  # what the volunteer allowed; empty means every service


class Endpoints(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a node can be reached. `direct_hosts` are LAN or loopback addresses."""

    port: Port
    dht_port: Port | None = None
    vpn_ip: Host | None = None
    direct_hosts: Annotated[tuple[Host, ...], msgspec.Meta(max_length=8)] = ()
    tunnel_url: Url | None = None


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A worker as registry and router know it (SPEC: worker record)."""

    worker_id: Name
    endpoints: Endpoints
    services: Services = ()
    capabilities: Capabilities = Capabilities()
    load: Fraction = 0.0
    in_flight: Count = 0
    last_seen: float = 0.0
    trust: Trust = "volunteer"  # as the mesh's signature says, never as the worker does
    relays: Relays = ()  # coordinators that can reach it by relay


class ServiceReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One assigned service as its worker sees it; `detail` is a sentence for people."""

    name: ServiceName
    state: ServiceState
    detail: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Lighthouse(msgspec.Struct, frozen=True, kw_only=True):
    """A coordinator in the overlay: its address there, and where it is found outside as HOST:PORT (UDP)."""

    vpn_ip: Host
    endpoints: Annotated[tuple[HostPort, ...], msgspec.Meta(max_length=8)] = ()
    relay: bool = True  # carries packets between machines that cannot reach one another
    dht_port: Port | None = None  # of its DHT node in the overlay; None: the usual one


class VpnGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's place in the overlay network; certificates are Nebula's PEM, version 1.

    `version` changes whenever something in here should be fetched anew. `bundle` names the set of authorities in
    `ca`, all of which are to be trusted.
    """

    ip: Host
    network: Network
    ca: Pem
    bundle: Digest
    certificate: Pem
    renew_at: float = 0.0  # when half of the certificate's life has passed
    lighthouses: Annotated[tuple[Lighthouse, ...], msgspec.Meta(max_length=16)] = ()
    cipher: Literal["aes", "chachapoly"] = "aes"  # one for the whole mesh: others cannot talk to one another
    mtu: Annotated[int, msgspec.Meta(ge=576, le=9000)] = MTU
    version: Digest = ""


class VpnReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a worker's Nebula uses now, as the worker has verified: its state, certificate and authorities."""

    state: Text = ""
    certificate: Digest = ""  # fingerprint
    bundle: Digest = ""  # of the grant that is in use


class CoordinatorInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A coordinator as workers know it; `dht_host` and `dht_port` tell where its DHT node listens."""

    id: Name
    url: Url
    location: Text = ""
    dht_host: Host | None = None
    dht_port: Port | None = None


class CoordinatorReady(msgspec.Struct, frozen=True, kw_only=True):
    """200 of GET /ready: who answers there, and how many requests wait for a worker."""

    coordinator: Name
    queue: Count = 0


class DhtContact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A UDP address to join the DHT at."""

    host: Host
    port: Port


class EnrollRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/enroll. Keys are base64url of 32 bytes."""

    invite: Annotated[str, msgspec.Meta(max_length=100)]
    name: Text
    identity_public_key: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]
    nebula_public_key: NebulaKey = ""
    worker_id: Name | None = None  # a wish; another is given where it is taken
    capabilities: Capabilities = Capabilities()


class EnrollAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """201 of /api/enroll; the mesh key's signature over the body is in X-RMA-Signature."""

    worker_id: Name
    credential: str
    mesh_public_key: str
    trust: Trust
    coordinators: tuple[CoordinatorInfo, ...]
    dht: tuple[DhtContact, ...] = ()
    vpn: VpnGrant | None = None
    mesh_keys: KeyChain | None = None  # where the mesh has handed over to another key, mesh_public_key


class RegisterRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """POST /api/worker/register; who registers again, as at another address, says what it runs meanwhile.

    `relays`, here and in heartbeats, are the coordinators that can reach the worker by relay now. So does
    `blocklist_version` tell which list of those that were put out it has: it is told no more than that this one
    still counts. 0 asks for the whole list.
    """

    worker_id: Name
    capabilities: Capabilities
    endpoints: Endpoints
    services: Annotated[tuple[ServiceReport, ...], msgspec.Meta(max_length=64)] = ()
    relays: Relays = ()
    blocklist_version: Count = 0


class Doubted(msgspec.Struct, frozen=True, gc=False):
    """Workers whose answers for a service were wrong: others are asked first."""

    service: Name
    workers: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]


class Assignment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a coordinator wants a worker to be and run now; of all this only the blocklist is signed.

    Instead of the list whoever has it already gets `blocklist_current`, that it is the one that counts.
    """

    role: WorkerType
    services: Services = ()
    heartbeat_interval: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0  # until the next one
    usual_interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0  # where that comes sooner than others do
    catalogue_version: Text = ""
    blocklist_version: Count = 0
    blocklist: SignedBlocklist | None = None
    blocklist_current: SignedBlocklist | None = None
    vpn_version: Digest = ""  # the version of the worker's VpnGrant: another one than it has means renew
    coordinators: tuple[CoordinatorInfo, ...] = ()
    dht: tuple[DhtContact, ...] = ()
    draining: bool = False
    mesh_keys: Count = 0  # how far the mesh's keys are (MeshKeys.progress): more than the worker's means renew
    detail: Text = ""  # why there is nothing to do, in a sentence
    waiting: bool = False  # for the operator to let this machine in
    probation: Text = ""  # why it gets fewer requests than others, in a sentence
    doubted: Annotated[tuple[Doubted, ...], msgspec.Meta(max_length=64)] = ()  # who else does, or the worker itself

    @property
    def pace(self) -> float:
        """How many seconds usually pass between two heartbeats, however soon the next one is wanted."""
        return self.usual_interval or self.heartbeat_interval

    def doubts(self, service: str) -> Sequence[str]:
        """Return the workers that are to be asked for a service only where nobody else is there."""
        return next((one.workers for one in self.doubted if one.service == service), ())


class RegisterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """200 of /api/worker/register: the assignment, and the signed catalogue that it is taken from."""

    assignment: Assignment
    catalogue: SignedCatalogue


class HeartbeatRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """POST /api/worker/heartbeat. `paused` means: give me nothing, I am resting."""

    worker_id: Name
    load: Fraction = 0.0
    memory_free: Fraction = 1.0  # share of its memory that programs may still have; 1 where it does not say
    in_flight: Count = 0
    services: Annotated[tuple[ServiceReport, ...], msgspec.Meta(max_length=64)] = ()
    stats: Annotated[dict[str, float], msgspec.Meta(max_length=64)] = {}
    paused: bool = False
    unwanted: Services = ()  # services that the worker's volunteer does not want to run there now
    catalogue_version: Text = ""
    vpn: VpnReport | None = None
    mesh_keys: Count = 0  # the progress of the mesh's keys that the worker uses
    relays: Relays = ()
    blocklist_version: Count = 0


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/worker/renew; without a Nebula key (base64url of 32 bytes) only the credential is renewed.

    The nonce is the worker's own random text, so that an answer to an earlier request is none to this one.
    """

    worker_id: Name
    nebula_public_key: NebulaKey = ""
    nonce: Annotated[str, msgspec.Meta(max_length=64)] = ""
    mesh_keys: Count = 0  # the progress of the mesh's keys that the worker uses


class RenewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """200 of /api/worker/renew; the signing mesh key's signature over request and answer is in X-RMA-Signature."""

    credential: str
    mesh_keys: KeyChain | None = None  # where the mesh has handed over to another key
    vpn: VpnGrant | None = None
    vpn_detail: Text = ""  # why there is no certificate although one was asked for, in a sentence
    vpn_off: bool = False  # the mesh has no overlay: nobody was refused a place


class SeenAs(msgspec.Struct, frozen=True, kw_only=True):
    """200 of GET /api/worker/seen: from where a worker's request came, and whether the coordinator can come to it.

    `reached` tells whether its port took a connection, where that was asked for with ?knock=1 and could be tried.
    `relay` tells whether requests can go by its channel.
    """

    address: Text = ""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    reached: bool | None = None
    relay: bool = False


class WorkersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """200 of GET /api/worker/peers?service=NAME: candidates for a node whose DHT found none."""

    workers: tuple[WorkerRecord, ...] = ()
