"""What the tray shows at one moment: lines that say how the node is, what can be chosen now, and if not, why not.

Pure: a function of what is known and of the time.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from app import figures, wording
from app.picture import Picture
from app.wording import StateIcon
from node.gpu_work import has_gpu_work
from node.rules.settings import Rules
from node.rules.verdict import RuleReason
from node.state import NodeState

LINE = 52  # characters of a line of the menu
MOST_LINES = 4
MOST_SERVICES = 40
LONGEST_NAME = 44  # characters of a service's name
LONGEST_TOOLTIP = 120  # characters; Windows shows 127
RESTART_TOLD = 600.0  # seconds for which a restart of the node is still told


@dataclass(frozen=True, slots=True)
class Toggle:
    """A service that the volunteer may switch off and on."""

    name: str
    title: str
    on: bool


@dataclass(frozen=True, slots=True)
class TrayPicture:
    """Everything that icon, tooltip and menu are drawn from. The `blocked` texts are empty where one may choose."""

    icon: StateIcon
    tooltip: str
    title: str
    lines: tuple[str, ...]  # below the title: why it is so, and when it ends
    resumes: bool  # there is something to resume
    paused: bool  # everything is paused or snoozed
    gpu_paused: bool
    gpu: bool  # this computer has something for a GPU to do
    mesh_on: bool
    services: tuple[Toggle, ...]
    blocked: str  # why nothing can be asked of the node
    rules_blocked: str  # why no rule can be changed


def tray_picture(picture: Picture, rules: Rules, now: float) -> TrayPicture:
    """Say what the tray shows; `rules` are the node's with what was asked for on top, `now` is Unix seconds."""
    look, state = wording.look(picture, now), picture.state
    blocked = _blocked(picture)
    texts = (look.sentence, _gpu_rest(state, now), _restart(picture, now))
    return TrayPicture(
        icon=look.icon,
        tooltip=tooltip(look, wording.resting_rule(state) if look.icon == "paused" else None, now),
        title=look.title,
        lines=_lines(text for text in texts if text),
        resumes=state is not None and (state.paused or state.gpu_paused),
        paused=state is not None and state.paused,
        gpu_paused=state is not None and state.gpu_paused,
        gpu=state is not None and has_gpu_work(state),
        mesh_on=rules.mesh_on,
        services=_services(state, rules) if state is not None else (),
        blocked=blocked,
        rules_blocked=blocked or _rules_blocked(state),
    )


def tooltip(look: wording.Look, rule: RuleReason | None, now: float) -> str:
    """Say in one sentence how the node is and why, and of a rest by a rule also when it ends."""
    if rule is not None:
        whole = _resting(look.title, wording.first_sentence(wording.rule_text(rule)), rule, now)
        short = _resting(look.title, wording.REASONS[rule.code].label, rule, now)
        return _cut(whole if len(whole) <= LONGEST_TOOLTIP else short, LONGEST_TOOLTIP)
    text = QCoreApplication.translate("Tray", "{program} – {state}: {why}").format(
        program=wording.PROGRAM, state=look.title, why=wording.first_sentence(look.sentence)
    )
    return _cut(text, LONGEST_TOOLTIP)


def _resting(title: str, why: str, rule: RuleReason, now: float) -> str:
    if rule.until is not None:
        return QCoreApplication.translate("Tray", "{program} – {state} until {time}: {why}").format(
            program=wording.PROGRAM, state=title, time=figures.clock_time(rule.until, now), why=why
        )
    end = wording.first_sentence(wording.rule_end(rule))
    return QCoreApplication.translate("Tray", "{program} – {state}: {why}; {end}").format(
        program=wording.PROGRAM, state=title, why=why.rstrip("."), end=end[:1].lower() + end[1:]
    )


def _blocked(picture: Picture) -> str:
    if not picture.connected:
        return QCoreApplication.translate("Tray", "The node on this computer does not answer just now.")
    if not picture.enrolled:
        return QCoreApplication.translate("Tray", "This computer is not in a mesh yet.")
    if picture.phase == "stopped" or (picture.state is not None and picture.state.stopping):
        return QCoreApplication.translate("Tray", "The node is closing.")
    return ""


def _rules_blocked(state: NodeState | None) -> str:
    if state is not None and any(reason.code == "rules-unreadable" for reason in state.reasons):
        return QCoreApplication.translate("Tray", "Your rules cannot be read; save them anew in the settings.")
    return ""


def _gpu_rest(state: NodeState | None, now: float) -> str:
    """Say why only what uses the GPU rests, and when that ends."""
    if state is None or state.verdict.rest != "gpu":
        return ""
    reason = next((one for one in state.verdict.reasons if one.scope == "gpu"), None)
    if reason is None:
        return ""
    if reason.until is not None:
        text = QCoreApplication.translate("Tray", "What uses the GPU rests until {time}: {why}")
        return text.format(time=figures.clock_time(reason.until, now), why=wording.rule_text(reason))
    return wording.rule_sentence(reason, now)


def _restart(picture: Picture, now: float) -> str:
    when = picture.restarted_at
    if when is None or not picture.connected or not 0 <= now - when < RESTART_TOLD:
        return ""
    text = QCoreApplication.translate("Tray", "The node had stopped and was started again at {time}.")
    return text.format(time=figures.clock_time(when, now))


def _services(state: NodeState, rules: Rules) -> tuple[Toggle, ...]:
    """Return the services that this computer has, may have or has switched off, as the catalogue orders them."""
    assigned = state.assignment.services if state.assignment is not None else ()
    running = tuple(report.name for report in state.services)
    known = state.catalogue.by_name()
    off = set(rules.services_off)
    names = {*assigned, *running, *state.capabilities.allowed_services, *off}
    ordered = [*(name for name in known if name in names), *sorted(names - set(known))]
    titles = {name: manifest.title for name, manifest in known.items()}
    return tuple(
        Toggle(name, _cut(" ".join((titles.get(name) or name).split()), LONGEST_NAME), name not in off)
        for name in ordered[:MOST_SERVICES]
    )


def services_off(rules: Rules, name: str, *, on: bool) -> tuple[str, ...]:
    """Return the services that are off once this one has been switched on or off."""
    off = set(rules.services_off)
    return tuple(sorted(off - {name} if on else off | {name}))


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Break sentences into lines that a menu has room for; dots stand for what is too much."""
    lines = [line for text in texts for line in textwrap.wrap(text, LINE, break_long_words=True)]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1].rstrip(".") + "…"]
    return tuple(lines)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
