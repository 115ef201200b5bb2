"""What the app may ask of a node, and the two ways in which that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Paused = Literal["all", "gpu"]  # what a pause is for: everything, or what uses the GPU


class NodeUnreachable(Exception):  # noqa: N818 - says what is so, as Problem does
    """No node answers in this data directory."""


class NodeRefused(Exception):  # noqa: N818 - as above
    """The node said no; `kind` is the problem's stable type, `detail` its sentence."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Channel(Protocol):
    """The way to the node: POST an intent, wait for the answer; raises NodeUnreachable or NodeRefused."""

    async def send(self, path: str, body: object = None, *, wait: float = 10.0) -> bytes: ...


@dataclass(frozen=True, slots=True)
class EnrolmentWish:
    """What the volunteer typed: which coordinator, which invite, and the name that others will see."""

    coordinator: str
    invite: str
    name: str = ""

    def body(self) -> dict[str, str]:
        wish = {"coordinator": self.coordinator, "invite": self.invite}
        return {**wish, "name": self.name} if self.name else wish
