"""What the app has asked of the volunteer's rules: changes gathered, sent, answered or refused, and undone.

Whoever draws shows the node's rules with what was asked for on top, until the node has answered; then its answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app import wording
from app.intents import NodeRefused, NodeUnreachable
from app.picture import Notice
from node.program.tasks import TaskSet
from node.rules.settings import Rules

log = logging.getLogger(__name__)

GATHER_MS = 250  # so that a number that is spun up is sent once
UNDO_MS = 12_000
ABOUT = "rules"
ELSEWHERE = ("mesh_on", "services_off")

Changes = Mapping[str, Any]


class Asks(Protocol):
    """The way to the node; raises NodeUnreachable or NodeRefused."""

    async def ask(self, method: str, path: str, body: object) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Undo:
    """What was changed last, in words, and what makes it as it was before."""

    what: str
    changes: Changes


class RulesModel(QObject):
    """The one place in the app that changes rules; `changed` says that there is something to draw."""

    changed = Signal()
    answered = Signal(object)  # Rules, as the node keeps them from now on

    def __init__(self, read: Callable[[], Rules | None], parent: QObject | None = None) -> None:
        """`read` returns the rules that the node told last."""
        super().__init__(parent)
        self.refusal: Notice | None = None
        self.undoable: Undo | None = None
        self._read = read
        self._desk: Asks | None = None
        self._wanted: Changes = {}  # not sent yet
        self._sent: Changes = {}  # not answered yet
        self._anew: Rules | None = None  # all rules, to be sent in place of changes
        self._sending = False
        self._tasks = TaskSet("app-rules")
        self._gathering = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._gathering.timeout.connect(self._flush)
        self._forgetting = QTimer(self, singleShot=True, interval=UNDO_MS)
        self._forgetting.timeout.connect(self._forget)

    def connect_to(self, desk: Asks) -> None:
        self._desk = desk

    async def stop(self) -> None:
        self._gathering.stop()
        self._forgetting.stop()
        await self._tasks.stop()

    # --- what is asked for ----------------------------------------------------------------------------------

    def change(self, what: str, changes: Changes) -> None:
        """Change some rules; `what` names the change for who wants to undo it."""
        rules = self._read()
        if rules is None:
            return
        before = parts_of(msgspec.to_builtins(self.over(rules)), changes)
        if self.undoable is not None and self.undoable.what == what:
            before = merged(before, self.undoable.changes)  # back to what was so before the first of several
        self._remember(Undo(what, before))
        self._want(changes)

    def begin_anew(self, what: str, rules: Rules) -> None:
        """Replace all rules, readable or not."""
        before = self._read()
        changes = msgspec.to_builtins(rules)
        if before is not None:
            self._remember(Undo(what, parts_of(msgspec.to_builtins(self.over(before)), changes)))
        self._anew = rules
        self._want(changes)

    def reset(self, what: str) -> None:
        """Have the rules as they were at first; part in the mesh and services are switched elsewhere, and stay."""
        changes = msgspec.to_builtins(Rules())
        self.change(what, {name: value for name, value in changes.items() if name not in ELSEWHERE})

    def undo(self) -> None:
        """Make what was changed last as it was before."""
        if self.undoable is not None:
            changes = self.undoable.changes
            self._forget()
            self._want(changes)

    def dismiss(self) -> None:
        """Take back what a refusal said."""
        self.refusal = None
        self.changed.emit()

    # --- what is shown --------------------------------------------------------------------------------------

    def over(self, rules: Rules) -> Rules:
        """Return the rules with what was asked for and is not answered yet."""
        asked = merged(self._sent, self._wanted)
        if not asked:
            return rules
        try:
            return msgspec.convert(merged(msgspec.to_builtins(rules), asked), Rules)
        except (msgspec.ValidationError, ValueError):  # the node says what is wrong with it
            return rules

    # --- sending --------------------------------------------------------------------------------------------

    def _want(self, changes: Changes) -> None:
        self._wanted = merged(self._wanted, changes)
        self.refusal = None
        self._gathering.start()
        self.changed.emit()

    def _remember(self, undo: Undo) -> None:
        self.undoable = undo
        self._forgetting.start()

    def _forget(self) -> None:
        self.undoable = None
        self._forgetting.stop()
        self.changed.emit()

    def _flush(self) -> None:
        if self._sending or not self._wanted:
            return
        self._sending = True
        self._sent, self._wanted = self._wanted, {}
        anew, self._anew = self._anew, None
        body = self._sent if anew is None else merged(msgspec.to_builtins(anew), self._sent)
        task = self._tasks.start(self._send("PATCH" if anew is None else "PUT", body), "send")
        task.add_done_callback(self._ended)

    async def _send(self, method: str, body: Changes) -> None:
        try:
            if self._desk is None:
                raise NodeUnreachable
            answer = msgspec.json.decode(await self._desk.ask(method, "/rules", body), type=Rules)
        except Exception as error:
            log.info("the rules were not changed: %s", error)
            self.refusal, self.undoable = self._refused(error), None
            self._forgetting.stop()
        else:
            self.answered.emit(answer)

    def _refused(self, error: Exception) -> Notice:
        """Say why a change was refused: what the node says of rules is about them, and about no invite."""
        if isinstance(error, NodeRefused):
            title, hint = self.tr("The rule was not changed"), self.tr("The value from before holds.")
            return Notice(ABOUT, title, error.detail, hint)
        return wording.failed_intent(ABOUT, error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        self._sending, self._sent = False, {}
        self.changed.emit()
        if self._wanted and not self._gathering.isActive():
            self._flush()


def merged(before: Changes, changes: Changes) -> dict[str, Any]:
    """Return a document with changes in it, and so inside of parts that both have."""
    after = dict(before)
    for name, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(before.get(name), Mapping)
        after[name] = merged(before[name], value) if both else value
    return after


def parts_of(document: Changes, changes: Changes) -> dict[str, Any]:
    """Return what a document has where the changes would change it."""
    return {
        name: parts_of(document[name], value) if isinstance(value, Mapping) else document[name]
        for name, value in changes.items()
    }
