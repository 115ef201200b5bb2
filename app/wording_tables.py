"""The tables of wording: stable codes of the node -> what they mean, in English, marked for translation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication

from app.picture import Stage, Tone
from app.translations import QT_TRANSLATE_NOOP
from node.state import BetterWay, Phase, ReasonCode, VpnPhase
from node.wire.messages import Route, ServiceState, WorkerType

StateIcon = Literal["online", "busy", "paused", "degraded", "offline", "attention"]


@dataclass(frozen=True, slots=True)
class Words:
    """A short label, what it means, and its tone; kept in English, and read in the reader's language."""

    english_label: str
    english_meaning: str
    tone: Tone

    @property
    def label(self) -> str:
        return said(self.english_label)

    @property
    def meaning(self) -> str:
        return said(self.english_meaning)


def said(text: str) -> str:
    """Return a text of the tables in this file in the reader's language."""
    return QCoreApplication.translate("Wording", text)


PHASES: Mapping[Phase, tuple[StateIcon, str, Tone]] = {
    "unenrolled": ("offline", QT_TRANSLATE_NOOP("Wording", "Not in a mesh yet"), "quiet"),
    "joining": ("offline", QT_TRANSLATE_NOOP("Wording", "Joining"), "quiet"),
    "online": ("online", QT_TRANSLATE_NOOP("Wording", "Online"), "good"),
    "degraded": ("degraded", QT_TRANSLATE_NOOP("Wording", "Working with limits"), "warn"),
    "paused": ("paused", QT_TRANSLATE_NOOP("Wording", "Paused"), "rest"),
    "draining": ("paused", QT_TRANSLATE_NOOP("Wording", "Finishing up"), "rest"),
    "stopped": ("offline", QT_TRANSLATE_NOOP("Wording", "Stopped"), "quiet"),
}

STAGES: Mapping[Stage, tuple[StateIcon, str, str, Tone]] = {
    "starting": (
        "offline",
        QT_TRANSLATE_NOOP("Wording", "Starting"),
        QT_TRANSLATE_NOOP("Wording", "The part that does the work is being started."),
        "quiet",
    ),
    "running": (
        "offline",
        QT_TRANSLATE_NOOP("Wording", "Connecting"),
        QT_TRANSLATE_NOOP("Wording", "Waiting for the node on this computer to answer."),
        "quiet",
    ),
    "restarting": (
        "degraded",
        QT_TRANSLATE_NOOP("Wording", "Restarting"),
        QT_TRANSLATE_NOOP("Wording", "The node stopped and is being started again."),
        "warn",
    ),
    "blocked": (
        "attention",
        QT_TRANSLATE_NOOP("Wording", "Not running"),
        QT_TRANSLATE_NOOP("Wording", "The node cannot be started."),
        "bad",
    ),
    "stopping": (
        "offline",
        QT_TRANSLATE_NOOP("Wording", "Closing"),
        QT_TRANSLATE_NOOP("Wording", "Finishing what is under way."),
        "quiet",
    ),
}

# Reasons that no waiting will mend: a person has to act.
ATTENTION: frozenset[ReasonCode] = frozenset(
    {"coordinator-refused", "enrolment-failed", "rules-unreadable", "vpn-revoked"}
)
RESTING: frozenset[Phase] = frozenset({"paused", "draining", "stopped"})
# Reasons that the state's own title and sentence say already.
PLAIN: frozenset[ReasonCode] = frozenset({"not-enrolled", "enrolling", "registering"})

REASONS: Mapping[ReasonCode, Words] = {
    "not-enrolled": Words(
        QT_TRANSLATE_NOOP("Wording", "Not in a mesh"),
        QT_TRANSLATE_NOOP("Wording", "Paste an invite to join one."),
        "quiet",
    ),
    "enrolling": Words(
        QT_TRANSLATE_NOOP("Wording", "Joining"),
        QT_TRANSLATE_NOOP("Wording", "Asking the coordinator to let this computer in."),
        "quiet",
    ),
    "enrolment-delayed": Words(
        QT_TRANSLATE_NOOP("Wording", "Waiting to join"),
        QT_TRANSLATE_NOOP("Wording", "The coordinator lets nobody in for the moment. It is asked again by itself."),
        "quiet",
    ),
    "enrolment-failed": Words(
        QT_TRANSLATE_NOOP("Wording", "Could not join"),
        QT_TRANSLATE_NOOP("Wording", "The coordinator did not let this computer in."),
        "bad",
    ),
    "registering": Words(
        QT_TRANSLATE_NOOP("Wording", "Introducing"),
        QT_TRANSLATE_NOOP("Wording", "Telling the coordinator that this computer is here."),
        "quiet",
    ),
    "coordinator-unreachable": Words(
        QT_TRANSLATE_NOOP("Wording", "Coordinator out of reach"),
        QT_TRANSLATE_NOOP("Wording", "Work goes on without it."),
        "warn",
    ),
    "coordinator-refused": Words(
        QT_TRANSLATE_NOOP("Wording", "Refused by the coordinator"),
        QT_TRANSLATE_NOOP("Wording", "Ask the person who invited you."),
        "bad",
    ),
    "nothing-assigned": Words(
        QT_TRANSLATE_NOOP("Wording", "Nothing to do just now"),
        QT_TRANSLATE_NOOP("Wording", "The coordinator gives it work when there is some."),
        "quiet",
    ),
    "waiting-for-approval": Words(
        QT_TRANSLATE_NOOP("Wording", "Waiting to be let in"),
        QT_TRANSLATE_NOOP("Wording", "The operator of the mesh approves this computer first."),
        "quiet",
    ),
    "on-probation": Words(
        QT_TRANSLATE_NOOP("Wording", "On probation"),
        QT_TRANSLATE_NOOP("Wording", "Answers were wrong, so others are asked first."),
        "warn",
    ),
    "service-failed": Words(
        QT_TRANSLATE_NOOP("Wording", "A service has trouble"),
        QT_TRANSLATE_NOOP("Wording", "It is started again by itself."),
        "warn",
    ),
    "paused-by-you": Words(
        QT_TRANSLATE_NOOP("Wording", "Paused by you"),
        QT_TRANSLATE_NOOP("Wording", "Nothing runs until you resume."),
        "rest",
    ),
    "snoozed": Words(
        QT_TRANSLATE_NOOP("Wording", "Paused for a while"),
        QT_TRANSLATE_NOOP("Wording", "It goes on by itself afterwards."),
        "rest",
    ),
    "mesh-off": Words(
        QT_TRANSLATE_NOOP("Wording", "Mesh switched off"),
        QT_TRANSLATE_NOOP("Wording", "This computer stays a member, but nobody reaches it."),
        "rest",
    ),
    "rules-unreadable": Words(
        QT_TRANSLATE_NOOP("Wording", "Rules cannot be read"),
        QT_TRANSLATE_NOOP("Wording", "It rests until you save your rules anew."),
        "bad",
    ),
    "schedule": Words(
        QT_TRANSLATE_NOOP("Wording", "Outside your schedule"),
        QT_TRANSLATE_NOOP("Wording", "It goes on at the next start."),
        "rest",
    ),
    "on-battery": Words(
        QT_TRANSLATE_NOOP("Wording", "Running on battery"),
        QT_TRANSLATE_NOOP("Wording", "It goes on once the computer is plugged in."),
        "rest",
    ),
    "metered": Words(
        QT_TRANSLATE_NOOP("Wording", "Network counts or costs"),
        QT_TRANSLATE_NOOP("Wording", "It goes on with another network."),
        "rest",
    ),
    "exclusive-program": Words(
        QT_TRANSLATE_NOOP("Wording", "One of your programs is running"),
        QT_TRANSLATE_NOOP("Wording", "It goes on once that is closed."),
        "rest",
    ),
    "user-active": Words(
        QT_TRANSLATE_NOOP("Wording", "You are using this computer"),
        QT_TRANSLATE_NOOP("Wording", "It goes on a while after you stop."),
        "rest",
    ),
    "too-hot": Words(
        QT_TRANSLATE_NOOP("Wording", "GPU is too hot"),
        QT_TRANSLATE_NOOP("Wording", "What uses the GPU goes on once it has cooled down."),
        "rest",
    ),
    "gpu-in-use": Words(
        QT_TRANSLATE_NOOP("Wording", "GPU is in use"),
        QT_TRANSLATE_NOOP("Wording", "What uses it goes on once other programs need less."),
        "rest",
    ),
    "draining": Words(
        QT_TRANSLATE_NOOP("Wording", "Finishing"),
        QT_TRANSLATE_NOOP("Wording", "Requests under way are finished first."),
        "rest",
    ),
    "stopping": Words(
        QT_TRANSLATE_NOOP("Wording", "Closing"), QT_TRANSLATE_NOOP("Wording", "The node is stopping."), "quiet"
    ),
    "insecure-coordinator": Words(
        QT_TRANSLATE_NOOP("Wording", "Connection is not encrypted"),
        QT_TRANSLATE_NOOP("Wording", "Others on the way can read along."),
        "warn",
    ),
    "key-in-file": Words(
        QT_TRANSLATE_NOOP("Wording", "Key is kept in a file"),
        QT_TRANSLATE_NOOP("Wording", "This system offers no keyring."),
        "quiet",
    ),
    "vpn-no-permission": Words(
        QT_TRANSLATE_NOOP("Wording", "No private network here"),
        QT_TRANSLATE_NOOP("Wording", "This program may not open one; others are reached by other routes."),
        "quiet",
    ),
    "vpn-no-udp": Words(
        QT_TRANSLATE_NOOP("Wording", "Private network out of reach"),
        QT_TRANSLATE_NOOP("Wording", "A firewall seems to block it; other routes are used."),
        "warn",
    ),
    "vpn-expired": Words(
        QT_TRANSLATE_NOOP("Wording", "Private network expired"),
        QT_TRANSLATE_NOOP("Wording", "It is renewed by itself; check the computer's clock."),
        "warn",
    ),
    "vpn-revoked": Words(
        QT_TRANSLATE_NOOP("Wording", "Out of the private network"),
        QT_TRANSLATE_NOOP("Wording", "Ask the person who invited you."),
        "bad",
    ),
    "vpn-conflict": Words(
        QT_TRANSLATE_NOOP("Wording", "Private network clashes with another one"),
        QT_TRANSLATE_NOOP("Wording", "It opens once the other one is gone; other routes are used."),
        "warn",
    ),
    "vpn-failed": Words(
        QT_TRANSLATE_NOOP("Wording", "Private network has trouble"),
        QT_TRANSLATE_NOOP("Wording", "It is tried again; other routes are used."),
        "warn",
    ),
    "vpn-not-renewed": Words(
        QT_TRANSLATE_NOOP("Wording", "Private network not renewed"),
        QT_TRANSLATE_NOOP("Wording", "It is tried again by itself."),
        "warn",
    ),
    "vpn-no-listener": Words(
        QT_TRANSLATE_NOOP("Wording", "Not reachable in the private network"),
        QT_TRANSLATE_NOOP("Wording", "Another program has this node's port; free it."),
        "warn",
    ),
}

# How the private network is -> a word or two, what it means, and its tone.
VPN_STATES: Mapping[VpnPhase, Words] = {
    "off": Words(
        QT_TRANSLATE_NOOP("Wording", "Off"),
        QT_TRANSLATE_NOOP("Wording", "Others are reached on the local network and by other routes only"),
        "quiet",
    ),
    "no-permission": Words(
        QT_TRANSLATE_NOOP("Wording", "Not allowed here"),
        QT_TRANSLATE_NOOP("Wording", "This program may not open one; other routes are used"),
        "quiet",
    ),
    "starting": Words(
        QT_TRANSLATE_NOOP("Wording", "Opening"),
        QT_TRANSLATE_NOOP("Wording", "The private network is being opened"),
        "busy",
    ),
    "direct": Words(
        QT_TRANSLATE_NOOP("Wording", "Direct"), QT_TRANSLATE_NOOP("Wording", "Others are reached directly"), "good"
    ),
    "relayed": Words(
        QT_TRANSLATE_NOOP("Wording", "Through a coordinator"),
        QT_TRANSLATE_NOOP("Wording", "No direct way is open, so it is slower"),
        "good",
    ),
    "no-udp": Words(
        QT_TRANSLATE_NOOP("Wording", "Out of reach"),
        QT_TRANSLATE_NOOP("Wording", "A firewall seems to block it; other routes are used"),
        "warn",
    ),
    "expired": Words(
        QT_TRANSLATE_NOOP("Wording", "Expired"),
        QT_TRANSLATE_NOOP("Wording", "Its certificate is renewed by itself; check the computer's clock"),
        "warn",
    ),
    "revoked": Words(
        QT_TRANSLATE_NOOP("Wording", "Put out"),
        QT_TRANSLATE_NOOP("Wording", "The mesh does not accept this computer; ask who invited you"),
        "bad",
    ),
    "conflict": Words(
        QT_TRANSLATE_NOOP("Wording", "Clashes with another one"),
        QT_TRANSLATE_NOOP("Wording", "Something else here has the same addresses"),
        "warn",
    ),
    "failed": Words(
        QT_TRANSLATE_NOOP("Wording", "In trouble"),
        QT_TRANSLATE_NOOP("Wording", "It cannot be opened just now and is tried again by itself"),
        "warn",
    ),
}

SERVICE_STATES: Mapping[ServiceState, Words] = {
    "running": Words(
        QT_TRANSLATE_NOOP("Wording", "Running"), QT_TRANSLATE_NOOP("Wording", "Ready for requests"), "good"
    ),
    "starting": Words(
        QT_TRANSLATE_NOOP("Wording", "Starting"), QT_TRANSLATE_NOOP("Wording", "Getting ready"), "busy"
    ),
    "unhealthy": Words(
        QT_TRANSLATE_NOOP("Wording", "Not well"),
        QT_TRANSLATE_NOOP("Wording", "Running, but it does not answer as it should"),
        "warn",
    ),
    "failed": Words(
        QT_TRANSLATE_NOOP("Wording", "Failed"),
        QT_TRANSLATE_NOOP("Wording", "It ended and is started again after a pause"),
        "bad",
    ),
    "draining": Words(
        QT_TRANSLATE_NOOP("Wording", "Finishing"),
        QT_TRANSLATE_NOOP("Wording", "Finishing what is under way"),
        "rest",
    ),
    "stopped": Words(QT_TRANSLATE_NOOP("Wording", "Stopped"), QT_TRANSLATE_NOOP("Wording", "Not running"), "quiet"),
}

ROUTES: Mapping[Route, Words] = {
    "local": Words(
        QT_TRANSLATE_NOOP("Wording", "On this computer"),
        QT_TRANSLATE_NOOP("Wording", "answered right here"),
        "good",
    ),
    "vpn": Words(
        QT_TRANSLATE_NOOP("Wording", "Private network"),
        QT_TRANSLATE_NOOP("Wording", "through the mesh's encrypted network"),
        "busy",
    ),
    "direct": Words(
        QT_TRANSLATE_NOOP("Wording", "Direct"), QT_TRANSLATE_NOOP("Wording", "over the local network"), "busy"
    ),
    "relay": Words(
        QT_TRANSLATE_NOOP("Wording", "Relayed"), QT_TRANSLATE_NOOP("Wording", "through a coordinator"), "warn"
    ),
    "tunnel": Words(
        QT_TRANSLATE_NOOP("Wording", "Tunnel"), QT_TRANSLATE_NOOP("Wording", "through a public tunnel"), "warn"
    ),
}

# A better way than the one in use that is being tried.
TRYING: Mapping[BetterWay | None, str] = {
    "vpn": QT_TRANSLATE_NOOP("Wording", "private network being tried"),
    "vpn-direct": QT_TRANSLATE_NOOP("Wording", "direct way being tried"),
    "direct": QT_TRANSLATE_NOOP("Wording", "direct way tried again soon"),
    "relay": QT_TRANSLATE_NOOP("Wording", "relay tried again soon"),
}

WORKER_TYPES: Mapping[WorkerType, str] = {
    "gpu": QT_TRANSLATE_NOOP("Wording", "AI models, on its graphics card"),
    "edge": QT_TRANSLATE_NOOP("Wording", "Requests from the internet"),
    "storage": QT_TRANSLATE_NOOP("Wording", "Storing data"),
    "cpu": QT_TRANSLATE_NOOP("Wording", "Text and documents"),
}

# The stable type of a refusal -> title and what to do. The node's own sentence stands between the two.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "invite-invalid": (
        QT_TRANSLATE_NOOP("Wording", "This invite does not work"),
        QT_TRANSLATE_NOOP(
            "Wording", "It may have been used already or have expired. Ask the person who sent it for a new one."
        ),
    ),
    "no-coordinator": (
        QT_TRANSLATE_NOOP("Wording", "The coordinator does not answer"),
        QT_TRANSLATE_NOOP("Wording", "Check the address and this computer's internet connection, then try again."),
    ),
    "conflict": (
        QT_TRANSLATE_NOOP("Wording", "This computer is in a mesh already"),
        QT_TRANSLATE_NOOP("Wording", "Leave that mesh first if you want to join another one."),
    ),
    "rate-limited": (
        QT_TRANSLATE_NOOP("Wording", "Too many tries"),
        QT_TRANSLATE_NOOP("Wording", "Please wait a quarter of an hour and try again."),
    ),
    "forbidden": (
        QT_TRANSLATE_NOOP("Wording", "The coordinator refuses this computer"),
        QT_TRANSLATE_NOOP("Wording", "Ask the person who invited you."),
    ),
    "invalid-body": (
        QT_TRANSLATE_NOOP("Wording", "The coordinator's address or the invite is not complete"),
        QT_TRANSLATE_NOOP("Wording", "Please copy the invite again."),
    ),
    "invalid-request": (
        QT_TRANSLATE_NOOP("Wording", "The coordinator's address or the invite is not complete"),
        QT_TRANSLATE_NOOP("Wording", "Please copy the invite again."),
    ),
    "upstream-timeout": (
        QT_TRANSLATE_NOOP("Wording", "The coordinator took too long to answer"),
        QT_TRANSLATE_NOOP("Wording", "Please try again in a minute."),
    ),
    "draining": (
        QT_TRANSLATE_NOOP("Wording", "The node is closing"),
        QT_TRANSLATE_NOOP("Wording", "Please try again in a minute."),
    ),
    "starting": (
        QT_TRANSLATE_NOOP("Wording", "The node is not ready yet"),
        QT_TRANSLATE_NOOP("Wording", "Please try again in a moment."),
    ),
}

INTENTS: Mapping[str, str] = {
    "pause": QT_TRANSLATE_NOOP("Wording", "Pausing or resuming did not work"),
    "leave": QT_TRANSLATE_NOOP("Wording", "Leaving the mesh did not work"),
    "enroll": QT_TRANSLATE_NOOP("Wording", "Joining did not work"),
    "service": QT_TRANSLATE_NOOP("Wording", "The service could not be restarted"),
    "rules": QT_TRANSLATE_NOOP("Wording", "The rule was not changed"),
}
