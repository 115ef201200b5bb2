"""State, reason and error -> icon and words: the one table that decides what a volunteer reads.

Nothing else in the app compares texts or invents sentences about the node's state. Calm, plain English: what is
so, why, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication

from app import figures
from app.enrolment_failures import enrolment_failure
from app.intents import NodeRefused, NodeUnreachable
from app.picture import Notice, Picture, Stage, Tone
from node.state import BetterWay, NodeState, Peer, Phase, Reason, ReasonCode, VpnPhase, VpnStatus
from node.wire.messages import Route, ServiceState, WorkerType

PROGRAM = "RMA Mesh"

StateIcon = Literal["online", "busy", "paused", "degraded", "offline", "attention"]


@dataclass(frozen=True, slots=True)
class Look:
    """How the node's state appears: icon, a title of one or two words, one sentence, and the tone of both."""

    icon: StateIcon
    title: str
    sentence: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Words:
    """A short label, what it means, and its tone."""

    label: str
    meaning: str
    tone: Tone


PHASES: Mapping[Phase, tuple[StateIcon, str, Tone]] = {
    "unenrolled": ("offline", "Not in a mesh yet", "quiet"),
    "joining": ("offline", "Joining", "quiet"),
    "online": ("online", "Online", "good"),
    "degraded": ("degraded", "Working with limits", "warn"),
    "paused": ("paused", "Paused", "rest"),
    "draining": ("paused", "Finishing up", "rest"),
    "stopped": ("offline", "Stopped", "quiet"),
}

STAGES: Mapping[Stage, tuple[StateIcon, str, str, Tone]] = {
    "starting": ("offline", "Starting", "The part that does the work is being started.", "quiet"),
    "running": ("offline", "Connecting", "Waiting for the node on this computer to answer.", "quiet"),
    "restarting": ("degraded", "Restarting", "The node stopped and is being started again.", "warn"),
    "blocked": ("attention", "Not running", "The node cannot be started.", "bad"),
    "stopping": ("offline", "Closing", "Finishing what is under way.", "quiet"),
}

# Reasons that no waiting will mend: a person has to act.
ATTENTION: frozenset[ReasonCode] = frozenset(
    {"coordinator-refused", "enrolment-failed", "rules-unreadable", "vpn-revoked"}
)
RESTING: frozenset[Phase] = frozenset({"paused", "draining", "stopped"})
# Reasons that the state's own title and sentence say already.
PLAIN: frozenset[ReasonCode] = frozenset({"not-enrolled", "enrolling", "registering"})

REASONS: Mapping[ReasonCode, Words] = {
    "not-enrolled": Words("Not in a mesh", "Paste an invite to join one.", "quiet"),
    "enrolling": Words("Joining", "Asking the coordinator to let this computer in.", "quiet"),
    "enrolment-failed": Words("Could not join", "The coordinator did not let this computer in.", "bad"),
    "registering": Words("Introducing", "Telling the coordinator that this computer is here.", "quiet"),
    "coordinator-unreachable": Words("Coordinator out of reach", "Work goes on without it.", "warn"),
    "coordinator-refused": Words("Refused by the coordinator", "Ask the person who invited you.", "bad"),
    "nothing-assigned": Words(
        "Nothing to do just now", "The coordinator gives it work when there is some.", "quiet"
    ),
    "service-failed": Words("A service has trouble", "It is started again by itself.", "warn"),
    "paused-by-you": Words("Paused by you", "Nothing runs until you resume.", "rest"),
    "snoozed": Words("Paused for a while", "It goes on by itself afterwards.", "rest"),
    "mesh-off": Words("Mesh switched off", "This computer stays a member, but nobody reaches it.", "rest"),
    "rules-unreadable": Words("Rules cannot be read", "It rests until you save your rules anew.", "bad"),
    "schedule": Words("Outside your schedule", "It goes on at the next start.", "rest"),
    "on-battery": Words("Running on battery", "It goes on once the computer is plugged in.", "rest"),
    "metered": Words("Network counts or costs", "It goes on with another network.", "rest"),
    "exclusive-program": Words("One of your programs is running", "It goes on once that is closed.", "rest"),
    "user-active": Words("You are using this computer", "It goes on a while after you stop.", "rest"),
    "too-hot": Words("GPU is too hot", "What uses the GPU goes on once it has cooled down.", "rest"),
    "gpu-in-use": Words("GPU is in use", "What uses it goes on once other programs need less.", "rest"),
    "draining": Words("Finishing", "Requests under way are finished first.", "rest"),
    "stopping": Words("Closing", "The node is stopping.", "quiet"),
    "insecure-coordinator": Words("Connection is not encrypted", "Others on the way can read along.", "warn"),
    "key-in-file": Words("Key is kept in a file", "This system offers no keyring.", "quiet"),
    "vpn-no-permission": Words(
        "No private network here", "This program may not open one; others are reached by other routes.", "quiet"
    ),
    "vpn-no-udp": Words(
        "Private network out of reach", "A firewall seems to block it; other routes are used.", "warn"
    ),
    "vpn-expired": Words("Private network expired", "It is renewed by itself; check the computer's clock.", "warn"),
    "vpn-revoked": Words("Out of the private network", "Ask the person who invited you.", "bad"),
    "vpn-conflict": Words(
        "Private network clashes with another one",
        "It opens once the other one is gone; other routes are used.",
        "warn",
    ),
    "vpn-failed": Words("Private network has trouble", "It is tried again; other routes are used.", "warn"),
    "vpn-not-renewed": Words("Private network not renewed", "It is tried again by itself.", "warn"),
    "vpn-no-listener": Words(
        "Not reachable in the private network", "Another program has this node's port; free it.", "warn"
    ),
}

# How the private network is -> a word or two, what it means, and its tone.
VPN_STATES: Mapping[VpnPhase, Words] = {
    "off": Words("Off", "Others are reached on the local network and by other routes only", "quiet"),
    "no-permission": Words("Not allowed here", "This program may not open one; other routes are used", "quiet"),
    "starting": Words("Opening", "The private network is being opened", "busy"),
    "direct": Words("Direct", "Others are reached directly", "good"),
    "relayed": Words("Through a coordinator", "No direct way is open, so it is slower", "good"),
    "no-udp": Words("Out of reach", "A firewall seems to block it; other routes are used", "warn"),
    "expired": Words("Expired", "Its certificate is renewed by itself; check the computer's clock", "warn"),
    "revoked": Words("Put out", "The mesh does not accept this computer; ask who invited you", "bad"),
    "conflict": Words("Clashes with another one", "Something else here has the same addresses", "warn"),
    "failed": Words("In trouble", "It cannot be opened just now and is tried again by itself", "warn"),
}

SERVICE_STATES: Mapping[ServiceState, Words] = {
    "running": Words("Running", "Ready for requests", "good"),
    "starting": Words("Starting", "Getting ready", "busy"),
    "unhealthy": Words("Not well", "Running, but it does not answer as it should", "warn"),
    "failed": Words("Failed", "It ended and is started again after a pause", "bad"),
    "draining": Words("Finishing", "Finishing what is under way", "rest"),
    "stopped": Words("Stopped", "Not running", "quiet"),
}

ROUTES: Mapping[Route, Words] = {
    "local": Words("On this computer", "answered right here", "good"),
    "vpn": Words("Private network", "through the mesh's encrypted network", "busy"),
    "direct": Words("Direct", "over the local network", "busy"),
    "relay": Words("Relayed", "through a coordinator", "warn"),
    "tunnel": Words("Tunnel", "through a public tunnel", "warn"),
}

# A better way than the one in use that is being tried.
TRYING: Mapping[BetterWay | None, str] = {
    "vpn": "; private network being tried",
    "vpn-direct": "; direct way being tried",
    "direct": "; direct way tried again soon",
    "relay": "; relay tried again soon",
}

WORKER_TYPES: Mapping[WorkerType, str] = {
    "gpu": "AI models, on its graphics card",
    "edge": "Requests from the internet",
    "storage": "Storing data",
    "cpu": "Text and documents",
}

# The stable type of a refusal -> title and what to do. The node's own sentence stands between the two.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "invite-invalid": (
        "This invite does not work",
        "It may have been used already or have expired. Ask the person who sent it for a new one.",
    ),
    "no-coordinator": (
        "The coordinator does not answer",
        "Check the address and this computer's internet connection, then try again.",
    ),
    "conflict": ("This computer is in a mesh already", "Leave that mesh first if you want to join another one."),
    "rate-limited": ("Too many tries", "Please wait a quarter of an hour and try again."),
    "forbidden": ("The coordinator refuses this computer", "Ask the person who invited you."),
    "invalid-body": ("The coordinator's address or the invite is not complete", "Please copy the invite again."),
    "invalid-request": ("The coordinator's address or the invite is not complete", "Please copy the invite again."),
    "upstream-timeout": ("The coordinator took too long to answer", "Please try again in a minute."),
    "draining": ("The node is closing", "Please try again in a minute."),
    "starting": ("The node is not ready yet", "Please try again in a moment."),
}

INTENTS: Mapping[str, str] = {
    "pause": "Pausing or resuming did not work",
    "leave": "Leaving the mesh did not work",
    "enroll": "Joining did not work",
    "service": "The service could not be restarted",
    "rules": "The rule was not changed",
}

VERSION_DIFFERS = Notice(
    "version",
    "The node that runs here is of another version than this window",
    "What it says cannot be read.",
    "Quit both and start the newer one.",
)


def look(picture: Picture, now: float) -> Look:
    """Say how the node's state appears; `now` is Unix seconds."""
    state = picture.state
    if state is None or not picture.connected:
        return _look_of_life(picture, now)
    icon, title, tone = PHASES[state.phase]
    worst = next((reason for reason in state.reasons if reason.code in ATTENTION), None)
    # Who asked for rest sees it, whatever else is so; but rest that nobody asked for is told as the trouble it is.
    if worst is not None and (state.phase not in RESTING or worst.code == "rules-unreadable"):
        return Look("attention", REASONS[worst.code].label, first_sentence(_text(worst)), "bad")
    if not state.rules.mesh_on and state.phase == "paused":
        words = REASONS["mesh-off"]
        return Look("offline", words.label, words.meaning, words.tone)
    if icon == "online" and picture.busy:
        icon, title, tone = "busy", "Working", "busy"
    return Look(icon, title, _sentence(state, now), tone)


def _look_of_life(picture: Picture, now: float) -> Look:
    life = picture.life
    icon, title, sentence, tone = STAGES[life.stage]
    if life.stage == "stopping":
        in_flight = picture.state.in_flight if picture.state else 0
        return Look(
            icon, title, f"Finishing {figures.plural(in_flight, 'request')}." if in_flight else sentence, tone
        )
    if life.retry_at is not None:
        sentence = f"{sentence} The next try is at {figures.clock_time(life.retry_at, now)}."
    return Look(icon, title, sentence, tone)


def _sentence(state: NodeState, now: float) -> str:
    match state.phase:
        case "unenrolled":
            return "Paste an invite to let this computer help."
        case "joining":
            return _reason_sentence(state) or "Asking the coordinator to let this computer in."
        case "paused":
            if state.snoozed_until is not None:
                return f"It goes on by itself at {figures.clock_time(state.snoozed_until, now)}."
            if not state.paused and state.verdict.reasons:
                return f"{state.verdict.reasons[0].text} {state.verdict.reasons[0].ends}"
            return "This computer does nothing for the mesh until you resume."
        case "draining":
            if state.in_flight:
                return f"Finishing {figures.plural(state.in_flight, 'request')} first."
            return "Stopping the services."
        case "stopped":
            return "The node is not working."
        case "degraded":
            return _reason_sentence(state) or _helping(state)
        case _:
            return _helping(state)


def _helping(state: NodeState) -> str:
    running = sum(report.state == "running" for report in state.services)
    if running:
        return f"Helping with {figures.plural(running, 'service')}."
    if state.services:
        return "Services are being started."
    return "Ready, and waiting to be given something to do."


def _reason_sentence(state: NodeState) -> str:
    """Return the sentence of the reason that matters most."""
    telling = [reason for reason in state.reasons if REASONS[reason.code].tone in ("warn", "bad")]
    reasons = telling or state.reasons
    return first_sentence(_text(reasons[0])) if reasons else ""


def _text(reason: Reason) -> str:
    return reason.text or REASONS[reason.code].meaning


def first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + "." if dot else text


def shown_reasons(state: NodeState) -> tuple[Reason, ...]:
    """Return the reasons that say more than the state's title does."""
    return tuple(reason for reason in state.reasons if reason.code not in PLAIN)


def reason_text(reason: Reason, now: float) -> str:
    """Return the reason's sentence, with its end where that is known."""
    text = _text(reason)
    return f"{text} Until {figures.clock_time(reason.until, now)}." if reason.until is not None else text


def route_text(peer: Peer) -> str:
    """Return the route to another worker, and whether the private network needs a coordinator for it."""
    relayed = peer.route == "vpn" and peer.tunnel == "relayed"
    return ROUTES[peer.route].label + (", relayed" if relayed else "") + TRYING.get(peer.trying, "")


def vpn_text(vpn: VpnStatus) -> str:
    """Return the private network's state, and our address while there is one."""
    words = VPN_STATES[vpn.state]
    return f"{words.label}, {vpn.ip}" if vpn.ip else words.label


def vpn_meaning(vpn: VpnStatus) -> str:
    return vpn.text or VPN_STATES[vpn.state].meaning + "."


def service_detail(state: ServiceState, detail: str) -> str:
    return detail or SERVICE_STATES[state].meaning


def restarted(trouble: str, now: float) -> Notice:
    """Say that the node had ended by itself and works again."""
    title = QCoreApplication.translate("Notice", "The node had stopped and was started again at {time}")
    hint = QCoreApplication.translate("Notice", "It works again; there is nothing to do.")
    return Notice("restarted", title.format(time=figures.clock_time(now, now)), trouble, hint, "quiet")


def not_ready(about: str) -> Notice:
    return failed_intent(about, NodeUnreachable())


def failed_intent(about: str, error: Exception) -> Notice:
    """Say what did not work, why, and what to do."""
    title = INTENTS[about.partition(":")[0]]
    if isinstance(error, NodeUnreachable):
        return Notice(about, title, "The node on this computer does not answer just now.", "Please try again.")
    if isinstance(error, NodeRefused) and about == "enroll":
        return enrolment_failure(about, error)
    if isinstance(error, NodeRefused):
        title, hint = PROBLEMS.get(error.kind, (title, "Please try again."))
        return Notice(about, title, error.detail, hint)
    return Notice(about, title, "Something happened that we did not expect.", "Please try again.")
