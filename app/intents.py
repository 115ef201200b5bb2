"""What the app may ask of a node, and the two ways in which that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from node.rules.settings import Rules

Paused = Literal["all", "gpu"]  # what a pause is for: everything, or what uses the GPU


class NodeUnreachable(Exception):  # noqa: N818 - says what is so, as Problem does
    """No node answers in this data directory."""


class NodeRefused(Exception):  # noqa: N818 - as above
    """The node said no; `kind` is the problem's stable type, `detail` its sentence.

    `cause` is a stable word for what is in the way, `why` and `hint` are sentences about that, where the node
    found it out; `retry_after` is in seconds.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        cause: str = "",
        why: str = "",
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.cause = cause
        self.why = why
        self.hint = hint
        self.retry_after = retry_after


class Channel(Protocol):
    """The way to the node: POST an intent, wait for the answer; raises NodeUnreachable or NodeRefused."""

    async def send(self, path: str, body: object = None, *, wait: float = 10.0) -> bytes: ...


@dataclass(frozen=True, slots=True)
class EnrolmentWish:
    """What the volunteer wants: which coordinator, which invite, the name that others see, the rules then."""

    coordinator: str
    invite: str
    name: str = ""
    rules: Rules | None = None

    def body(self) -> dict[str, object]:
        wish: dict[str, object] = {"coordinator": self.coordinator, "invite": self.invite}
        if self.name:
            wish["name"] = self.name
        if self.rules is not None:
            wish["rules"] = msgspec.to_builtins(self.rules)
        return wish
