"""The life of a node's machine as a story: events go in, and what was ordered last is remembered."""

from __future__ import annotations

from node import events as e
from node.machine import handle
from node.rules.settings import Scope
from node.rules.verdict import RuleCode, RuleReason, Verdict
from node.state import NodeState
from tests.support.node_values import (
    CATALOGUE,
    MEMBERSHIP,
    assignment,
    report,
    started,
)


class Story:
    """Feeds events and remembers the commands of the last one."""

    def __init__(self) -> None:
        self.state = NodeState()
        self.commands: tuple[e.Command, ...] = ()

    def then(self, *happened: e.Event) -> Story:
        for event in happened:
            self.state, self.commands = handle(self.state, event)
        return self

    def ordered(self, kind: type) -> list[e.Command]:
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def codes(self) -> list[str]:
        return [reason.code for reason in self.state.reasons]


def online() -> Story:
    """A member that runs its one service."""
    story = Story().then(started(membership=MEMBERSHIP))
    registered = e.Registered(assignment("ner-extraction"), CATALOGUE)
    return story.then(registered, e.ServicesChanged((report("ner-extraction"),)))


def ruling(rest: Scope, code: RuleCode = "on-battery", until: float | None = None) -> e.RulesDecided:
    if rest == "none":
        return e.RulesDecided(Verdict())
    reason = RuleReason(code=code, scope=rest, text="It is so.", ends="It will end.", until=until)
    return e.RulesDecided(Verdict(rest=rest, reasons=(reason,)))
