"""Which notification a person needs now, if any: only what does not mend itself, once each, never two in a row.

Pure: the policy is a function of what was and is known, of what was told before, and of the time. Texts are ours to
the last word: nothing that a coordinator or a person wrote gets into a notification, which others may see, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from PySide6.QtCore import QCoreApplication

from app.picture import Picture
from node.state import NodeState, ReasonCode

SPACING = 600.0  # seconds between two notifications
FORGET = 3600.0  # seconds that a cause must be gone before it may be told again
FAILURES, WINDOW = 3, 900.0  # a service that failed so often in so many seconds does not mend itself
MOST_SERVICES = 100


@dataclass(frozen=True, slots=True)
class Need:
    """What a cause asks for: the panel that helps, and how long it must last before it is told."""

    panel: str
    after: float = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Notification:
    """What a person is told; a click on it opens the panel."""

    cause: str
    title: str
    text: str
    panel: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the policy goes by besides what is so; times are Unix seconds. Only `told` and `last` are kept."""

    told: frozenset[str] = frozenset()
    last: float = 0.0
    since: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # cause: first seen
    gone: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # told cause: no more since
    failures: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))


NEEDS: Mapping[str, Need] = {
    "node-blocked": Need("overview"),
    "version": Need("overview"),
    "coordinator-refused": Need("overview"),
    "rules-unreadable": Need("settings"),
    "vpn-revoked": Need("overview"),
    "vpn-no-permission": Need("overview", 60.0),
    "vpn-no-listener": Need("overview", 300.0),
    "vpn-conflict": Need("overview", 900.0),
    "vpn-expired": Need("overview", 1800.0),
    "vpn-not-renewed": Need("overview", 86400.0),
    "service-fails": Need("services", 0.0),
}
REASONS: frozenset[ReasonCode] = frozenset(
    {
        "coordinator-refused", "rules-unreadable", "vpn-revoked", "vpn-no-permission", "vpn-no-listener",
        "vpn-conflict", "vpn-expired", "vpn-not-renewed",
    }
)  # fmt: skip


def notify(
    before: Picture, after: Picture, memory: Memory, now: float, *, seen: bool = False
) -> tuple[Memory, Notification | None]:
    """Return what to remember, and what to tell now, if anything; `now` is Unix seconds.

    While the window is `seen`, it says everything itself: what is so then counts as told.
    """
    memory = replace(memory, failures=_failures(before.state, after.state, memory.failures, now))
    if not _known(after):
        return memory, None
    causes = tuple(_causes(after, memory))
    memory = _kept(memory, causes, now)
    new = [cause for cause in causes if cause not in memory.told and _lasted(cause, memory, now)]
    if not new:
        return memory, None
    if seen:
        return replace(memory, told=memory.told | set(new)), None
    if 0 <= now - memory.last < SPACING:  # a clock that was set back keeps nobody waiting
        return memory, None
    return replace(memory, told=memory.told | {new[0]}, last=now), notification(new[0])


def notification(cause: str) -> Notification:
    title, text = words()[cause]
    return Notification(cause, title, text, NEEDS[cause].panel)


def words() -> Mapping[str, tuple[str, str]]:
    """Return for every cause the title and the text of what is told, in the language of now."""
    translate = QCoreApplication.translate
    return {
        "node-blocked": (
            translate("Notification", "RMA Mesh cannot start"),
            translate("Notification", "The part that does the work ended several times. Open it to see why."),
        ),
        "version": (
            translate("Notification", "RMA Mesh must be started again"),
            translate("Notification", "Two versions of it run at once. Quit it and start it again."),
        ),
        "coordinator-refused": (
            translate("Notification", "The mesh refuses this computer"),
            translate("Notification", "It cannot help any more. Ask the person who invited you."),
        ),
        "rules-unreadable": (
            translate("Notification", "Your rules cannot be read"),
            translate("Notification", "This computer rests until you look through them and save them anew."),
        ),
        "vpn-revoked": (
            translate("Notification", "This computer was put out of the private network"),
            translate("Notification", "Ask the person who invited you."),
        ),
        "vpn-no-permission": (
            translate("Notification", "The private network needs your permission"),
            translate("Notification", "Others reach this computer by slower ways. Open to see how to allow it."),
        ),
        "vpn-no-listener": (
            translate("Notification", "Another program is in the way"),
            translate("Notification", "It has the port that the private network needs. Open to see which."),
        ),
        "vpn-conflict": (
            translate("Notification", "Two private networks are in each other's way"),
            translate("Notification", "Others reach this computer by slower ways. Open to see what to do."),
        ),
        "vpn-expired": (
            translate("Notification", "The private network has expired"),
            translate("Notification", "It could not be renewed. Please check this computer's clock."),
        ),
        "vpn-not-renewed": (
            translate("Notification", "The keys of the private network get old"),
            translate("Notification", "They could not be renewed for a day. Open to see why."),
        ),
        "service-fails": (
            translate("Notification", "A service fails again and again"),
            translate("Notification", "It is tried again by itself. Open to see which, and why."),
        ),
    }


def _known(picture: Picture) -> bool:
    """Whether it can be said at all what is wrong; a node that is just starting may mend everything."""
    return picture.connected or picture.life.stage == "blocked" or picture.notice_about("version") is not None


def _causes(picture: Picture, memory: Memory) -> Iterator[str]:
    """Yield what a person is needed for, the most telling first."""
    if picture.life.stage == "blocked" and not picture.connected:
        yield "node-blocked"
    if picture.notice_about("version") is not None:
        yield "version"
    if picture.state is None or not picture.connected:
        return
    present = {reason.code for reason in picture.state.reasons}
    yield from (cause for cause in NEEDS if cause in REASONS and cause in present)
    if any(len(times) >= FAILURES for times in memory.failures.values()):
        yield "service-fails"


def _failures(
    before: NodeState | None, after: NodeState | None, known: Mapping[str, tuple[float, ...]], now: float
) -> Mapping[str, tuple[float, ...]]:
    """Return when each service has failed lately."""
    if after is None:
        return known
    failed = _failed(after) - (_failed(before) if before is not None else set())
    names = sorted({*known, *failed})[:MOST_SERVICES]
    times = {
        name: tuple(t for t in (*known.get(name, ()), *((now,) if name in failed else ())) if 0 <= now - t < WINDOW)
        for name in names
    }
    return {name: found[-FAILURES:] for name, found in times.items() if found}


def _failed(state: NodeState) -> set[str]:
    return {report.name for report in state.services if report.state == "failed"}


def _kept(memory: Memory, causes: tuple[str, ...], now: float) -> Memory:
    """Remember since when each cause is there, and forget those that have been gone for long."""
    gone = {cause: memory.gone.get(cause, now) for cause in memory.told if cause not in causes}
    forgotten = {cause for cause, since in gone.items() if now - since >= FORGET}
    return replace(
        memory,
        told=memory.told - forgotten,
        since={cause: memory.since.get(cause, now) for cause in causes},
        gone={cause: since for cause, since in gone.items() if cause not in forgotten},
    )


def _lasted(cause: str, memory: Memory, now: float) -> bool:
    return now - memory.since.get(cause, now) >= NEEDS[cause].after
