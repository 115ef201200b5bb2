"""Which services a volunteer sees, in which order, and for each why it is as it is and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from app import figures, wording
from app.picture import Tone
from node.gpu_work import uses_gpu
from node.rules.settings import Rules
from node.state import NodeState
from node.wire.manifests import Manifest
from node.wire.messages import ServiceReport

translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service: its words and its state. `may_allow` is false where the volunteer's switch changes nothing."""

    name: str
    title: str
    about: str = ""
    state: str = ""  # one or two words
    tone: Tone = "quiet"
    why: str = ""  # whole sentences
    allowed: bool = True
    may_allow: bool = True
    report: ServiceReport | None = None

    @property
    def here(self) -> bool:
        """Whether it is at work on this computer, well or not."""
        return self.report is not None


def lines_of(state: NodeState, rules: Rules) -> tuple[ServiceLine, ...]:
    """Return a line for each service: first what runs, then what could, then what is for others.

    `rules` are the node's with what was asked for on top.
    """
    known = state.catalogue.by_name()
    assigned = state.assignment.services if state.assignment is not None else ()
    reported = [report.name for report in state.services]
    others = sorted(known.keys() - set(reported) - set(assigned), key=lambda name: known[name].title.casefold())
    off = sorted(set(rules.services_off) - known.keys() - set(reported) - set(assigned))
    names = dict.fromkeys((*reported, *(name for name in assigned if name in known), *others, *off))
    reports = {report.name: report for report in state.services}
    return tuple(
        _line(state, rules, name, known.get(name), reports.get(name), assigned=name in assigned) for name in names
    )


def _line(
    state: NodeState,
    rules: Rules,
    name: str,
    manifest: Manifest | None,
    report: ServiceReport | None,
    *,
    assigned: bool,
) -> ServiceLine:
    started_with = state.capabilities.allowed_services
    may_allow = not started_with or name in started_with
    allowed = name not in rules.services_off and may_allow
    if report is not None:
        words = wording.SERVICE_STATES[report.state]
        label, tone, why = words.label, words.tone, why_so(report)
    else:
        label, tone, why = _not_here(state, rules, name, manifest, assigned=assigned)
    return ServiceLine(
        name=name,
        title=" ".join((manifest.title if manifest else name).split()) or name,
        about=manifest.description if manifest else "",
        state=label,
        tone=tone,
        why=why,
        allowed=allowed,
        may_allow=may_allow,
        report=report,
    )


def why_so(report: ServiceReport) -> str:
    """Say what is with a service that is here, and what to do where something is wrong."""
    text = wording.service_detail(report.state, report.detail)
    if report.state in ("failed", "unhealthy"):
        more = translate(
            "Services",
            "It is started again by itself. If that goes on, its log may say why; show it to the mesh's operator.",
        )
        return f"{text} {more}"
    return text


def _not_here(
    state: NodeState, rules: Rules, name: str, manifest: Manifest | None, *, assigned: bool
) -> tuple[str, Tone, str]:
    started_with = state.capabilities.allowed_services
    if name in rules.services_off:
        text = translate("Services", "You have switched it off. Others do this work; switch it on to help with it.")
        return translate("Services", "Switched off"), "rest", text
    if started_with and name not in started_with:
        text = translate("Services", "The node was started for other services only (with --allow).")
        return translate("Services", "Not allowed"), "rest", text
    if assigned and manifest is not None:
        return _assigned(state, manifest)
    text = next(_hindrances(state, manifest), "") if manifest is not None else ""
    if text:
        return translate("Services", "Not for this computer"), "quiet", text
    text = translate(
        "Services", "The coordinator has enough others for it now. It comes here by itself when it is needed."
    )
    return translate("Services", "Not assigned"), "quiet", text


def _assigned(state: NodeState, manifest: Manifest) -> tuple[str, Tone, str]:
    """Say why a service that was assigned does not run: a rule makes it rest, or it is about to start."""
    for reason in state.verdict.reasons:
        if reason.scope == "all" or (reason.scope == "gpu" and uses_gpu(manifest)):
            return translate("Services", "Resting"), "rest", wording.rule_sentence(reason)
    if state.rest == "all" or state.draining:
        text = translate("Services", "This computer rests. It starts again when you resume.")
        return translate("Services", "Resting"), "rest", text
    return translate("Services", "Starting"), "busy", translate("Services", "It is about to start.")


def _hindrances(state: NodeState, manifest: Manifest) -> Iterator[str]:
    """Yield why the coordinator would not give a service to this computer, the most telling first."""
    found, needs = state.capabilities, manifest.requirements
    if manifest.data_class == "personal" and state.membership is not None and state.membership.trust != "vetted":
        yield translate(
            "Services",
            "It handles personal data, so it is for computers that the operator has vetted. Ask the person who "
            "invited you if this should be one.",
        )
    if uses_gpu(manifest) and not found.has_gpu:
        yield translate("Services", "It needs a graphics card for AI models, and this computer has none.")
    on_gpus = sum(gpu.memory_bytes for gpu in found.gpus if gpu.usable)
    for need, there, text in (
        (needs.gpu_memory_bytes, on_gpus, translate("Services", "It needs %1 of memory on a graphics card.")),
        (needs.ram_bytes, found.ram_bytes, translate("Services", "It needs %1 of memory.")),
        (needs.disk_bytes, found.disk_free_bytes, translate("Services", "It needs %1 of free disk.")),
    ):
        if need > there > 0:
            yield text.replace("%1", figures.size(need))
    if 0 < found.cpu_cores < needs.cpu_cores:
        yield translate("Services", "It needs a processor with more cores.")
    if manifest.tier == "storage" and found.worker_type != "storage":
        yield translate("Services", "It goes to computers with a lot of free disk, which keep data.")
    if manifest.tier == "edge" and found.worker_type != "edge" and not found.has_public_ip:
        yield translate("Services", "It goes to computers that can be reached from the internet.")
