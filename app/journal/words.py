"""Every sentence of the activity log, in the language of the moment; times are local."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal

from PySide6.QtCore import QCoreApplication

from app import figures
from app.counted import counted
from app.picture import Tone
from node.activity.entries import KINDS, TROUBLE, Entry, Kind

translate = QCoreApplication.translate
Choice = Kind | Literal["all", "trouble"]


def choices() -> Mapping[Choice, str]:
    """Return the kinds that one may want to see only, as they are offered."""
    return {
        "all": translate("Activity", "Everything"),
        "trouble": translate("Activity", "Trouble only"),
        "service": translate("Activity", "Services"),
        "rest": translate("Activity", "Pauses and rules"),
        "coordinator": translate("Activity", "Coordinator"),
        "network": translate("Activity", "Network"),
        "mesh": translate("Activity", "Joining and leaving"),
        "key": translate("Activity", "Keys"),
        "program": translate("Activity", "Program"),
    }


def kind_of(entry: Entry) -> Kind:
    return KINDS.get(entry.code, "program")  # type: ignore[call-overload,no-any-return]  # it may be a newer code


def is_trouble(entry: Entry) -> bool:
    return entry.code in TROUBLE


def tone_of(entry: Entry) -> Tone:
    """Return the colour of its mark."""
    if is_trouble(entry):
        return "bad"
    if entry.code in ("paused", "gpu-paused", "service-stopped", "left", "vpn-down", "tunnel-down"):
        return "rest"
    if entry.code in ("joined", "resumed", "service-started", "service-recovered", "coordinator-found", "vpn-up"):
        return "good"
    return "quiet"


def glyph_of(entry: Entry) -> str:
    """Return the icon of its mark, which differs in shape as well."""
    tone = tone_of(entry)
    return {"bad": "warn", "rest": "pause", "good": "good"}.get(tone, "quiet")


def sentence(entry: Entry) -> str:
    """Return what happened as a whole sentence; of a code that is not known the code itself."""
    template = _templates().get(entry.code)
    if template is None:
        return f"{entry.code.replace('-', ' ').capitalize()}: {entry.subject}".removesuffix(": ") + "."
    host = figures.host_of(entry.subject) if "://" in entry.subject else entry.subject
    return template.format(subject=host) if host else template.format(subject="").replace(" .", ".")


def _templates() -> Mapping[str, str]:
    return {
        "node-started": translate("Activity", "The node started, version {subject}."),
        "node-stopping": translate("Activity", "The node was asked to stop."),
        "joined": translate("Activity", "This computer joined the mesh of {subject}."),
        "join-failed": translate("Activity", "This computer could not join a mesh."),
        "leaving": translate("Activity", "This computer is leaving the mesh."),
        "left": translate("Activity", "This computer has left the mesh."),
        "expelled": translate("Activity", "The mesh has put this computer out."),
        "paused": translate("Activity", "This computer paused."),
        "gpu-paused": translate("Activity", "What uses the graphics card paused."),
        "resumed": translate("Activity", "This computer went on working."),
        "rules-changed": translate("Activity", "The rules were changed."),
        "service-started": translate("Activity", "{subject} started."),
        "service-recovered": translate("Activity", "{subject} is well again."),
        "service-restarting": translate("Activity", "{subject} is being started again."),
        "service-unwell": translate("Activity", "{subject} does not answer as it should."),
        "service-failed": translate("Activity", "{subject} failed."),
        "service-stopped": translate("Activity", "{subject} stopped."),
        "coordinator-found": translate("Activity", "The coordinator {subject} answers."),
        "coordinator-lost": translate("Activity", "The coordinator {subject} does not answer. Work goes on."),
        "coordinator-refused": translate("Activity", "The coordinator {subject} refuses this computer."),
        "vpn-up": translate("Activity", "The private network is up; this computer is {subject} in it."),
        "vpn-down": translate("Activity", "The private network is down. Other routes are used."),
        "vpn-trouble": translate("Activity", "The private network has trouble. Other routes are used."),
        "tunnel-up": translate("Activity", "The public address {subject} leads to this computer."),
        "tunnel-down": translate("Activity", "The public address {subject} leads here no more."),
        "tunnel-trouble": translate("Activity", "The public address has trouble."),
        "key-renewed": translate("Activity", "The mesh renewed this computer's credential."),
        "place-renewed": translate("Activity", "The mesh renewed this computer's place in the private network."),
        "place-refused": translate("Activity", "This computer's place in the private network was not renewed."),
    }


def clock(entry: Entry) -> str:
    return time.strftime("%H:%M", figures.local_time(entry.at))


def day(at: float, now: float) -> str:
    """Return the day of a time as a heading; both are Unix seconds."""
    then = figures.local_time(at)
    if then[:3] == time.localtime(now)[:3]:
        return translate("Activity", "Today")
    if then[:3] == time.localtime(now - 86400)[:3]:
        return translate("Activity", "Yesterday")
    return figures.long_date(at)


def whole(entry: Entry) -> str:
    """Return all of an entry in one line, as it is copied."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", figures.local_time(entry.at))
    return f"{stamp}  {sentence(entry)} {entry.detail}".rstrip()


def new_entries(count: int) -> str:
    return counted.new_entries(count)
