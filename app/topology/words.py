"""Every sentence about the mesh, in the language of the moment; what the routes are called is in `app.wording`."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication

from app import figures, wording
from app.counted import counted
from app.picture import Tone
from app.topology.layout import Sector
from app.topology.marks import TONES, Status
from app.topology.scene import Kind, Member, Scene
from node.mesh_view.values import MeshCoordinator, MeshLink, MeshView, MeshWorker
from node.state import BetterWay
from node.wire.messages import Route, WorkerType

translate = QCoreApplication.translate


def statuses() -> Mapping[Status, str]:
    """Return the states, in a word or a few."""
    return {
        "active": translate("Mesh", "Working"),
        "met": translate("Mesh", "Known here only"),
        "starting": translate("Mesh", "Starting"),
        "stale": translate("Mesh", "Not heard from"),
        "draining": translate("Mesh", "Finishing up"),
        "paused": translate("Mesh", "Paused"),
        "revoked": translate("Mesh", "Put out"),
        "unreachable": translate("Mesh", "Does not answer"),
        "offline": translate("Mesh", "Offline"),
        "unknown": translate("Mesh", "Not known"),
    }


def meanings() -> Mapping[Status, str]:
    """Return what the states mean."""
    return {
        "active": translate("Mesh", "It takes requests."),
        "met": translate("Mesh", "This computer has met it; no coordinator says anything of it now."),
        "starting": translate("Mesh", "It is starting."),
        "stale": translate("Mesh", "Its coordinator has not heard from it for a while."),
        "draining": translate("Mesh", "It finishes what is under way and takes nothing new."),
        "paused": translate("Mesh", "It rests."),
        "revoked": translate("Mesh", "It is not a member of the mesh any more."),
        "unreachable": translate("Mesh", "This computer cannot reach it now. Work goes on without it."),
        "offline": translate("Mesh", "It is not running."),
        "unknown": translate("Mesh", "Nobody says how it is just now."),
    }


def tone_of(status: Status) -> Tone:
    return TONES[status]


def kind_of(member: Member, own_id: str | None) -> Kind:
    if isinstance(member, MeshCoordinator):
        return "coordinator"
    return "own" if member.id == own_id else "worker"


def kinds() -> Mapping[Kind, str]:
    return {
        "coordinator": translate("Mesh", "Coordinator"),
        "own": translate("Mesh", "This computer"),
        "worker": translate("Mesh", "Computer"),
    }


def type_text(worker_type: WorkerType | None) -> str:
    return wording.worker_type_text(worker_type) if worker_type else translate("Mesh", "Not known")


def name_of(member: Member) -> str:
    return (member.name if isinstance(member, MeshWorker) else "") or member.id


def way_text(member: Member) -> str:
    """Return how this computer reaches somebody, in a few words."""
    if isinstance(member, MeshCoordinator):
        return figures.host_of(member.url) if member.url else figures.DASH
    if member.route is None:
        return translate("Mesh", "Not needed so far")
    if member.route == "vpn" and member.tunnel == "relayed":
        return translate("Mesh", "Private network, relayed")
    return wording.ROUTES[member.route].label


def why_text(worker: MeshWorker) -> str:
    """Say why somebody is reached the way he is."""
    reasons: Mapping[Route | None, str] = {
        None: translate("Mesh", "This computer has sent nothing there yet, so it has not looked for a way."),
        "local": translate("Mesh", "What is asked for here is answered here where that is possible."),
        "vpn": translate("Mesh", "The private network leads there, encrypted and without a stop on the way."),
        "direct": translate("Mesh", "Its address can be reached from here, as on a local network."),
        "relay": translate("Mesh", "No connection from here to there opens, so a coordinator passes requests on."),
        "tunnel": translate("Mesh", "Only its public address on the internet is left to reach it by."),
    }
    if worker.route == "vpn" and worker.tunnel == "relayed":
        return translate("Mesh", "The private network leads there by way of a coordinator: no direct way is open.")
    return reasons[worker.route]


def trying_text(way: BetterWay | None) -> str:
    """Say which better way is being tried; nothing where none is."""
    texts: Mapping[BetterWay | None, str] = {
        "vpn": translate("Mesh", "The private network is being tried."),
        "vpn-direct": translate("Mesh", "A direct way in the private network is being tried."),
        "direct": translate("Mesh", "The direct way is tried again soon."),
        "relay": translate("Mesh", "The relay is tried again soon."),
        "tunnel": translate("Mesh", "The tunnel is tried again soon."),
    }
    return texts.get(way, "")


def rate_text(link: MeshLink | None) -> str:
    """Say how much this computer sends on a way."""
    if link is None or link.rate <= 0:
        return translate("Mesh", "None just now")
    if link.rate < 0.1:
        return translate("Mesh", "A few in a minute")
    rate = figures.decimal(link.rate, 1 if link.rate < 10 and round(link.rate, 1) % 1 else 0)
    return translate("Mesh", "{rate} per second").format(rate=rate)


def describe(member: Member, own_id: str | None, now: float) -> str:
    """Say in sentences what one wants to know first of somebody, for tooltips and screen readers."""
    words = {
        "name": name_of(member),
        "kind": kinds()[kind_of(member, own_id)],
        "status": statuses()[member.status],
        "load": figures.percent(member.load),
    }
    if isinstance(member, MeshCoordinator):
        text = translate("Mesh", "{name}. {kind}. {status}. It has {workers}.")
        return text.format(**words, workers=workers_text(member.workers))
    services = ", ".join(member.services) or translate("Mesh", "none")
    text = translate(
        "Mesh", "{name}. {kind}. {status}, {load} busy. Way: {way}. Services: {services}. Seen: {seen}."
    )
    return text.format(**words, way=way_text(member), services=services, seen=figures.ago(member.last_seen, now))


def workers_text(count: int) -> str:
    return counted.computers(count)


def captions(scene: Scene) -> dict[Sector, str]:
    """Return what is written beside the workers of each way, where the mesh is large enough to need it."""
    counts: dict[Sector, int] = {}
    for sector, _ in scene.layout.workers.values():
        counts[sector] = counts.get(sector, 0) + 1
    if len(counts) < 2 or sum(counts.values()) < 20:
        return {}
    text = translate("Mesh", "{way}: {count}")
    return {
        sector: text.format(
            way=wording.ROUTES[sector].label if sector != "unknown" else translate("Mesh", "Way not known"),
            count=figures.number(count),
        )
        for sector, count in sorted(counts.items())
    }


def source_notice(view: MeshView, now: float) -> tuple[Tone, str]:
    """Say where the picture comes from, and what that means where it is not the coordinator's of now."""
    if view.source == "coordinator":
        return "good", translate("Mesh", "Live, as the coordinator sees it.")
    why = view.trouble
    if view.source == "earlier":
        text = translate("Mesh", "The coordinator says nothing new. This is what it said last ({ago}). {why}")
        return "warn", text.format(ago=figures.ago(view.told_at or 0.0, now), why=why).strip()
    if not why:
        return "quiet", translate("Mesh", "Asking the coordinator who is there.")
    text = translate(
        "Mesh", "No coordinator tells who is there, so only those are shown that this computer knows. {why}"
    )
    return "warn", text.format(why=why)


def found_text(count: int) -> str:
    """Say how many a search has found."""
    if count == 0:
        return translate("Mesh", "None found")
    return counted.found(count)
