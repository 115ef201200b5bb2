"""Why joining did not work, and what to do: by the stable words that the node answers with."""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication

from app import figures
from app.intents import NodeRefused
from app.picture import Notice

translate = QCoreApplication.translate


def enrolment_failure(about: str, error: NodeRefused, now: float | None = None) -> Notice:
    """Make the notice; what was typed stays in the form. `now` is Unix seconds."""
    title, hint = _known(error)
    why = error.why or error.detail
    if error.kind == "rate-limited" and error.retry_after:
        moment = time.time() if now is None else now
        when = figures.clock_time(moment + error.retry_after, moment)
        why = translate("Join", "Too many wrong invites came from this network's address.")
        hint = translate("Join", "Try again after {time}. An invite that is right is not used up by waiting.")
        hint = hint.format(time=when)
    return Notice(about, title, why, error.hint or hint)


def _known(error: NodeRefused) -> tuple[str, str]:
    """Return title and hint, for the cause where there is one, else for the kind of the refusal."""
    again = translate("Join", "What you typed is kept: try again when that is mended.")
    causes = {
        "clock": (translate("Join", "This computer's clock is wrong"), again),
        "certificate-time": (translate("Join", "This computer's clock may be wrong"), again),
        "certificate": (translate("Join", "The connection to the coordinator cannot be trusted"), again),
        "no-tls": (translate("Join", "The connection to the coordinator cannot be encrypted"), again),
        "name-unknown": (translate("Join", "The coordinator's name cannot be found"), again),
        "no-name-service": (translate("Join", "The coordinator's name cannot be looked up"), again),
        "no-network": (translate("Join", "This computer is in no network"), again),
        "no-internet": (translate("Join", "The internet cannot be reached"), again),
        "stranger": (translate("Join", "No coordinator is at this address"), again),
        "wrong-mesh": (
            translate("Join", "This coordinator is not the one that the invite is from"),
            translate(
                "Join",
                "Compare the address with the invite's, and use the link as it was sent. If they agree, ask the "
                "person who "
                "invited you: somebody in between may answer in the coordinator's place.",
            ),
        ),
    }
    if error.cause in causes:
        return causes[error.cause]
    return _of_kind(error.kind)


def _of_kind(kind: str) -> tuple[str, str]:
    again = translate("Join", "Please try again in a moment.")
    kinds = {
        "invite-invalid": (
            translate("Join", "This invite does not work"),
            translate("Join", "Ask the person who sent it for a new one."),
        ),
        "no-coordinator": (
            translate("Join", "The coordinator does not answer"),
            translate("Join", "Check the address and this computer's internet connection, then try again."),
        ),
        "conflict": (
            translate("Join", "This computer is in a mesh already"),
            translate("Join", "Leave that mesh first if you want to join another one."),
        ),
        "rate-limited": (
            translate("Join", "Too many tries"),
            translate("Join", "Please wait a quarter of an hour and try again."),
        ),
        "forbidden": (
            translate("Join", "The coordinator refuses this computer"),
            translate("Join", "Ask the person who invited you."),
        ),
        "invalid-body": (
            translate("Join", "The coordinator's address or the invite is not complete"),
            translate("Join", "Please copy the invite again."),
        ),
        "upstream-timeout": (translate("Join", "The coordinator took too long to answer"), again),
        "store-unavailable": (
            translate("Join", "Nothing can be saved now"),
            translate(
                "Join", "If the disk of this computer is full, make room; else ask the person who invited you."
            ),
        ),
        "draining": (translate("Join", "The node is closing"), again),
        "starting": (translate("Join", "The node is not ready yet"), again),
    }
    kinds["invalid-request"] = kinds["invalid-body"]
    return kinds.get(kind, (translate("Join", "Joining did not work"), again))
