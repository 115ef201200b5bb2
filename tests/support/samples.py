"""Views of a node in the states that the app must be able to show."""

from __future__ import annotations

import msgspec

from app.picture import NodeLife, Picture
from node.rules.verdict import RuleReason, Verdict
from node.state import Membership, NodeState, Peer, Reason, RoutingStats, View, VpnStatus
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import (
    Address,
    Assignment,
    Battery,
    Capabilities,
    CoordinatorInfo,
    Disk,
    Gpu,
    Route,
    ServiceReport,
)

NOW = 1_780_000_000.0
GIB = 2**30
LONG = "the-computer-in-the-back-room-of-the-debt-advice-office-in-upper-marketplace-street"

CAPABILITIES = Capabilities(
    worker_type="gpu",
    os="Debian GNU/Linux 13",
    architecture="x86_64",
    cpu_name="AMD Ryzen 7 5800X",
    cpu_cores=8,
    cpu_threads=16,
    ram_bytes=32 * GIB,
    ram_free_bytes=21 * GIB,
    has_gpu=True,
    gpus=(
        Gpu(
            vendor="NVIDIA",
            name="GeForce RTX 3060",
            memory_bytes=12 * GIB,
            memory_free_bytes=11 * GIB,
            driver="560.35",
        ),
    ),
    disk_free_bytes=412 * GIB,
    disks=(Disk(mount="/", total_bytes=931 * GIB, free_bytes=412 * GIB),),
    addresses=(
        Address(interface="lo", address="127.0.0.1", family="ipv4", scope="loopback"),
        Address(interface="enp5s0", address="192.168.1.24", family="ipv4", scope="private"),
    ),
    battery=Battery(charge=0.83, on_battery=False),
)

CATALOGUE = Catalogue(
    (
        Manifest(
            name="document-processing",
            title="Document reading",
            description="Takes the text out of PDF files, letters and web pages.",
        ),
        Manifest(
            name="ner-extraction",
            title="Finding facts",
            description="Finds names, dates, amounts and references in a text.",
        ),
        Manifest(
            name="rag-embeddings",
            title="Library search",
            description="Keeps a library of guidance and finds the passages that answer a question.",
        ),
        Manifest(
            name="notes-coa",
            title="Advice letters",
            description="Turns an adviser's notes into a Confirmation of Advice letter.",
        ),
    )
)

COORDINATOR = CoordinatorInfo(id="c-main", url="https://mesh.debtadvice.example")
MEMBERSHIP = Membership(
    worker_id="w-7f3a9c21d4",
    mesh_public_key="",
    credential="",
    trust="vetted",
    coordinators=(COORDINATOR,),
)

UNENROLLED = NodeState(
    phase="unenrolled",
    reasons=(Reason("not-enrolled", "This computer has not joined a mesh yet. Paste an invite to join."),),
    name="Reception PC",
    version="0.1.0",
    url="http://127.0.0.1:8000",
    capabilities=CAPABILITIES,
)

ONLINE = msgspec.structs.replace(
    UNENROLLED,
    phase="online",
    reasons=(),
    membership=MEMBERSHIP,
    coordinator=COORDINATOR.url,
    coordinator_ok=True,
    registered=True,
    assignment=Assignment(
        role="gpu",
        services=("document-processing", "ner-extraction", "rag-embeddings"),
        coordinators=(COORDINATOR,),
    ),
    catalogue=CATALOGUE,
    services=(
        ServiceReport(name="document-processing", state="running", detail=""),
        ServiceReport(name="ner-extraction", state="running", detail=""),
        ServiceReport(name="rag-embeddings", state="starting", detail="Reading its library."),
    ),
    vpn=VpnStatus(),
    dht_contacts=5,
    load=0.34,
    in_flight=0,
)

STATS = RoutingStats(
    local_requests=1284,
    forwarded_requests=317,
    cache_hits=289,
    cache_misses=28,
    dht_lookups=28,
    failed_requests=3,
    cache_size=6,
    cache_hit_rate=0.91,
    retries=11,
    failovers=9,
    requests_by_route={"local": 1284, "direct": 241, "relay": 76},
    latency_ms={"p50": 18.2, "p95": 142.0, "p99": 1310.0},
)


def peer(
    name: str, route: Route, address: str, services: tuple[str, ...], load: float, rtt: float | None, seen: float
) -> Peer:
    return Peer(
        worker_id=name, route=route, address=address, services=services, load=load, rtt_ms=rtt, last_seen=NOW - seen
    )


PEERS = (
    peer("w-0b51e7", "direct", "192.168.1.31:8000", ("document-processing", "ner-extraction"), 0.12, 1.4, 2),
    peer("w-3c90fa", "direct", "192.168.1.40:8000", ("notes-coa",), 0.55, 2.1, 8),
    peer("w-8842d1", "relay", "mesh.debtadvice.example", ("rag-embeddings", "ner-extraction"), 0.71, 64.0, 31),
    peer("w-e17c05", "direct", "192.168.1.52:8000", ("vision-ocr",), 0.05, None, 140),
)

BATTERY = Verdict(
    rest="all",
    reasons=(
        RuleReason(
            code="on-battery",
            scope="all",
            text="This computer runs on its battery.",
            ends="This computer goes on about a minute after it is plugged in.",
        ),
    ),
)
PAUSED = msgspec.structs.replace(
    ONLINE,
    phase="paused",
    paused=True,
    services=(),
    load=0.02,
    reasons=(Reason("paused-by-you", "You paused this computer. It does nothing until you resume."),),
)

SNOOZED = msgspec.structs.replace(
    PAUSED,
    snoozed_until=NOW + 1800,
    reasons=(Reason("snoozed", "You asked this computer to rest for a while.", NOW + 1800),),
)

ON_BATTERY = msgspec.structs.replace(
    PAUSED,
    paused=False,
    ruled=BATTERY,
    verdict=BATTERY,
    reasons=(Reason("on-battery", f"{BATTERY.reasons[0].text} {BATTERY.reasons[0].ends}"),),
)
DEGRADED = msgspec.structs.replace(
    ONLINE,
    phase="degraded",
    coordinator_ok=False,
    services=(
        ServiceReport(name="document-processing", state="running"),
        ServiceReport(
            name="ner-extraction", state="failed", detail="It ended with exit code 1; the next start is in 8 s."
        ),
        ServiceReport(
            name="rag-embeddings", state="unhealthy", detail="Its health check has not answered for 12 s."
        ),
    ),
    reasons=(
        Reason(
            "coordinator-unreachable",
            "No coordinator answers, so work goes on without one. mesh.debtadvice.example refused the connection.",
        ),
        Reason("service-failed", "ner-extraction does not run well: it ended with exit code 1."),
        Reason(
            "key-in-file",
            "The system has no keyring, so this computer's key is kept in a file that only you can read.",
        ),
    ),
)

REVOKED = msgspec.structs.replace(
    ONLINE,
    phase="degraded",
    coordinator_ok=False,
    services=(),
    reasons=(
        Reason("coordinator-refused", "The coordinator refuses this computer. It has been removed from the mesh."),
    ),
)

LONG_NAMES = msgspec.structs.replace(
    ONLINE,
    name=LONG,
    coordinator=f"https://{LONG}.{LONG}.example.org",
    membership=msgspec.structs.replace(MEMBERSHIP, worker_id=("w-" + LONG)[:64]),
    capabilities=msgspec.structs.replace(
        CAPABILITIES,
        cpu_name="Intel(R) Xeon(R) Platinum 8488C with a name that goes on and on and on",
        gpus=tuple(Gpu(name=f"Graphics card number {n} with a long name", memory_bytes=80 * GIB) for n in range(8)),
        disks=tuple(Disk(mount=f"/mnt/{LONG}/{n}", total_bytes=GIB, free_bytes=GIB // 2) for n in range(12)),
    ),
    catalogue=Catalogue(
        tuple(
            Manifest(
                name=f"service-{n}", title=f"Service {n} " + "with a very long title " * 6, description="word " * 90
            )
            for n in range(20)
        )
    ),
    services=tuple(
        ServiceReport(name=f"service-{n}", state="failed", detail="It ended because " + "of this and " * 30)
        for n in range(20)
    ),
)


NO_STATS = RoutingStats()


def view(
    state: NodeState, *, stats: RoutingStats = NO_STATS, peers: tuple[Peer, ...] = (), sequence: int = 1
) -> View:
    return View(sequence=sequence, state=state, stats=stats, peers=peers)


def picture(state: NodeState | None, **changes: object) -> Picture:
    """Make a picture of a connected, running node; everything else may be given."""
    values: dict[str, object] = {
        "view": None if state is None else view(state),
        "connected": state is not None,
        "life": NodeLife("running"),
        **changes,
    }
    return Picture(**values)  # type: ignore[arg-type]


TYPICAL = picture(
    ONLINE,
    view=view(ONLINE, stats=STATS, peers=PEERS),
    activity=tuple((0, 0, 1, 3, 2, 5, 8, 6, 4, 3, 7, 9, 5, 2, 1)[n % 15] for n in range(60)),
)


def many_peers(count: int) -> tuple[Peer, ...]:
    return tuple(
        Peer(worker_id=f"w-{n:05d}", route="direct", address=f"10.42.{n // 250}.{n % 250}:8000", last_seen=NOW)
        for n in range(count)
    )
