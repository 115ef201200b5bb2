"""The one immutable value that tray and window are drawn from: the node's view and how its process fares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from node.state import NodeState, Phase, View

Stage = Literal["starting", "running", "restarting", "blocked", "stopping"]
Tone = Literal["good", "busy", "rest", "warn", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should read: what happened, why, what to do. `about` names the intent it answers."""

    about: str
    title: str
    message: str = ""
    hint: str = ""
    tone: Tone = "bad"

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.message, self.hint) if part)


@dataclass(frozen=True, slots=True)
class NodeLife:
    """How the node's process fares. `ours` means that we started it and stop it when we quit."""

    stage: Stage = "starting"
    ours: bool = True
    restarts: int = 0
    trouble: str = ""  # why it is not running, in sentences
    retry_at: float | None = None  # Unix seconds


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that may be shown at one moment; `view` is the last known one when the node is out of reach."""

    view: View | None = None
    connected: bool = False
    busy: bool = False  # requests are being worked on, or were a moment ago
    life: NodeLife = NodeLife()
    pending: frozenset[str] = frozenset()  # intents under way
    notices: tuple[Notice, ...] = ()
    restarted_at: float | None = None  # Unix seconds when the node had ended and was there again
    activity: tuple[int, ...] = ()  # requests in each second of the last minute, the oldest first

    @property
    def state(self) -> NodeState | None:
        return self.view.state if self.view else None

    @property
    def phase(self) -> Phase | None:
        """The node's phase, or None while it cannot be known."""
        return self.view.state.phase if self.view and self.connected else None

    @property
    def enrolled(self) -> bool:
        return self.view is not None and self.view.state.membership is not None

    def notice_about(self, about: str) -> Notice | None:
        return next((notice for notice in self.notices if notice.about == about), None)
