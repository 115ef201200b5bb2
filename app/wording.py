"""State, reason and error -> icon and words: the one table that decides what a volunteer reads.

Nothing else in the app compares texts or invents sentences about the node's state. Calm, plain English: what is
so, why, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from app import figures
from app.counted import counted
from app.enrolment_failures import enrolment_failure
from app.intents import NodeRefused, NodeUnreachable
from app.picture import Notice, Picture, Stage, Tone
from app.translations import speaks_english
from app.wording_tables import (
    ATTENTION,
    INTENTS,
    PHASES,
    PLAIN,
    PROBLEMS,
    REASONS,
    RESTING,
    ROUTES,
    SERVICE_STATES,
    STAGES,
    TRYING,
    VPN_STATES,
    WORKER_TYPES,
    StateIcon,
    Words,
    said,
)
from node.rules.verdict import RuleReason, RuleUntold
from node.state import NodeState, Peer, Reason, VpnStatus
from node.wire.messages import ServiceState, WorkerType

translate = QCoreApplication.translate

PROGRAM = "RMA Mesh"

__all__ = [
    "PHASES", "REASONS", "ROUTES", "SERVICE_STATES", "STAGES", "VPN_STATES", "WORKER_TYPES",
    "Look", "StateIcon", "Words",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """How the node's state appears: icon, a title of one or two words, one sentence, and the tone of both."""

    icon: StateIcon
    title: str
    sentence: str
    tone: Tone


def version_differs() -> Notice:
    """Say that node and window do not understand each other."""
    return Notice(
        "version",
        translate("Wording", "The node that runs here is of another version than this window"),
        translate("Wording", "What it says cannot be read."),
        translate("Wording", "Quit both and start the newer one."),
    )


def look(picture: Picture, now: float) -> Look:
    """Say how the node's state appears; `now` is Unix seconds."""
    state = picture.state
    if state is None or not picture.connected:
        return _look_of_life(picture, now)
    if "enroll" in picture.pending and not picture.enrolled:  # the node may still tell of the try before
        icon, english, tone = PHASES["joining"]
        return Look(icon, said(english), delay_sentence(state, now) or REASONS["enrolling"].meaning, tone)
    icon, english, tone = PHASES[state.phase]
    title = said(english)
    worst = next((reason for reason in state.reasons if reason.code in ATTENTION), None)
    # Who asked for rest sees it, whatever else is so; but rest that nobody asked for is told as the trouble it is.
    if worst is not None and (state.phase not in RESTING or worst.code == "rules-unreadable"):
        return Look("attention", REASONS[worst.code].label, first_sentence(_text(worst)), "bad")
    if not state.rules.mesh_on and state.phase == "paused":
        words = REASONS["mesh-off"]
        return Look("offline", words.label, words.meaning, words.tone)
    if icon == "online" and picture.busy:
        icon, title, tone = "busy", translate("Wording", "Working"), "busy"
    return Look(icon, title, _sentence(state, now), tone)


def _look_of_life(picture: Picture, now: float) -> Look:
    life = picture.life
    icon, title, sentence, tone = stage_words(life.stage)
    if life.stage == "stopping":
        in_flight = picture.state.in_flight if picture.state else 0
        finishing = counted.finishing(in_flight)
        return Look(icon, title, finishing if in_flight else sentence, tone)
    if life.retry_at is not None:
        then = translate("Wording", "The next try is at {time}.")
        sentence = f"{sentence} {then.format(time=figures.clock_time(life.retry_at, now))}"
    return Look(icon, title, sentence, tone)


def stage_words(stage: Stage) -> tuple[StateIcon, str, str, Tone]:
    """Return how a stage of the node's process appears: icon, title, sentence, tone."""
    icon, title, sentence, tone = STAGES[stage]
    return icon, said(title), said(sentence), tone


def _sentence(state: NodeState, now: float) -> str:
    match state.phase:
        case "unenrolled":
            return translate("Wording", "Paste an invite to let this computer help.")
        case "joining":
            return delay_sentence(state, now) or _reason_sentence(state) or REASONS["enrolling"].meaning
        case "paused":
            if state.snoozed_until is not None:
                text = translate("Wording", "You asked it to rest; it goes on by itself at {time}.")
                return text.format(time=figures.clock_time(state.snoozed_until, now))
            if not state.paused and state.verdict.reasons:
                return rule_sentence(state.verdict.reasons[0], now)
            return translate("Wording", "This computer does nothing for the mesh until you resume.")
        case "draining":
            if state.in_flight:
                return counted.finishing_first(state.in_flight)
            return translate("Wording", "Stopping the services.")
        case "stopped":
            return translate("Wording", "The node is not working.")
        case "degraded":
            return _reason_sentence(state) or _helping(state)
        case _:
            return _helping(state)


def _helping(state: NodeState) -> str:
    running = sum(report.state == "running" for report in state.services)
    if running:
        return counted.helping(running)
    if state.services:
        return translate("Wording", "Services are being started.")
    return translate("Wording", "Ready, and waiting to be given something to do.")


def delay_sentence(state: NodeState, now: float) -> str:
    """Say that the coordinator lets nobody in for the moment, and when it is asked again; else nothing."""
    if state.enrolment_again_at is None:
        return ""
    text = translate(
        "Wording", "The coordinator lets nobody in for the moment. It is asked again by itself at {time}."
    )
    return text.format(time=figures.clock_time(state.enrolment_again_at, now))


def _goes_on_at(when: float, now: float) -> str:
    return translate("Wording", "It goes on by itself at {time}.").format(time=figures.clock_time(when, now))


def _reason_sentence(state: NodeState) -> str:
    """Return the sentence of the reason that matters most."""
    telling = [reason for reason in state.reasons if REASONS[reason.code].tone in ("warn", "bad")]
    reasons = telling or state.reasons
    return first_sentence(_text(reasons[0])) if reasons else ""


def _text(reason: Reason) -> str:
    """Return the node's sentence where the reader knows its language, else what the code says."""
    return reason.text if reason.text and speaks_english() else REASONS[reason.code].meaning


def rule_text(reason: RuleReason) -> str:
    """Say which rule makes something rest."""
    return reason.text if speaks_english() else REASONS[reason.code].label + "."


def rule_sentence(reason: RuleReason, now: float | None = None) -> str:
    """Say which rule makes something rest and when that ends, with the time where it is known; that needs `now`."""
    if reason.until is not None and now is not None:
        return f"{rule_text(reason)} {_goes_on_at(reason.until, now)}"
    if speaks_english():
        return f"{reason.text} {reason.ends}"
    return f"{rule_text(reason)} {REASONS[reason.code].meaning}"


def resting_rule(state: NodeState | None) -> RuleReason | None:
    """Return the rule that makes everything rest, where the volunteer has not paused it as well."""
    if state is None or state.phase != "paused" or state.paused or not state.rules.mesh_on:
        return None
    return state.verdict.reasons[0] if state.verdict.reasons else None


def rule_end(reason: RuleReason) -> str:
    """Say when a rest ends of which no time is known."""
    return reason.ends if speaks_english() else REASONS[reason.code].meaning


def rule_untold(untold: RuleUntold) -> str:
    """Say why a rule cannot apply here."""
    return untold.text if speaks_english() else translate("Wording", "This system does not tell what it is about.")


def first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + "." if dot else text


def shown_reasons(state: NodeState) -> tuple[Reason, ...]:
    """Return the reasons that say more than the state's title does."""
    return tuple(reason for reason in state.reasons if reason.code not in PLAIN)


def reason_text(reason: Reason, now: float) -> str:
    """Return the reason's sentence, with its end where that is known."""
    text = _text(reason)
    if reason.until is None:
        return text
    until = translate("Wording", "Until {time}.").format(time=figures.clock_time(reason.until, now))
    return f"{text} {until}"


def route_text(peer: Peer) -> str:
    """Return the route to another worker, and whether the private network needs a coordinator for it."""
    relayed = peer.route == "vpn" and peer.tunnel == "relayed"
    way = translate("Wording", "Private network, relayed") if relayed else ROUTES[peer.route].label
    better = TRYING.get(peer.trying)
    return translate("Wording", "{way}; {better}").format(way=way, better=said(better)) if better else way


def worker_type_text(kind: WorkerType) -> str:
    """Say what a worker of this type is suited for."""
    return said(WORKER_TYPES[kind])


def vpn_text(vpn: VpnStatus) -> str:
    """Return the private network's state, and our address while there is one."""
    words = VPN_STATES[vpn.state]
    return (
        translate("Wording", "{state}, {address}").format(state=words.label, address=vpn.ip)
        if vpn.ip
        else words.label
    )


def vpn_meaning(vpn: VpnStatus) -> str:
    return vpn.text if vpn.text and speaks_english() else VPN_STATES[vpn.state].meaning + "."


def service_detail(state: ServiceState, detail: str) -> str:
    return detail if detail and speaks_english() else SERVICE_STATES[state].meaning


def restarted(trouble: str, now: float) -> Notice:
    """Say that the node had ended by itself and works again."""
    title = QCoreApplication.translate("Notice", "The node had stopped and was started again at {time}")
    hint = QCoreApplication.translate("Notice", "It works again; there is nothing to do.")
    return Notice("restarted", title.format(time=figures.clock_time(now, now)), trouble, hint, "quiet")


def not_ready(about: str) -> Notice:
    return failed_intent(about, NodeUnreachable())


def failed_intent(about: str, error: Exception) -> Notice:
    """Say what did not work, why, and what to do."""
    title, again = said(INTENTS[about.partition(":")[0]]), translate("Wording", "Please try again.")
    if isinstance(error, NodeUnreachable):
        return Notice(
            about, title, translate("Wording", "The node on this computer does not answer just now."), again
        )
    if isinstance(error, NodeRefused) and about == "enroll":
        return enrolment_failure(about, error)
    if isinstance(error, NodeRefused):
        known = PROBLEMS.get(error.kind)
        title, hint = (said(known[0]), said(known[1])) if known else (title, again)
        return Notice(about, title, error.detail, hint)
    return Notice(about, title, translate("Wording", "Something happened that we did not expect."), again)
