"""What the life of a service asks of whoever keeps its limits."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Protocol

from node.services.limits.enforcer import Start
from node.wire.manifests import Manifest


class Services(Protocol):
    """Whoever runs the services: a supervisor."""

    def give_up(self, name: str, why: str, /) -> None:
        """Kill a service that takes more than it may."""

    def hold(self, why: str, /) -> None:
        """Let no service run while there is a reason against it; an empty one lets them run again."""


class Hooks(Protocol):
    """Told of every service that is wanted, starts and ends."""

    def attach(self, services: Services, /) -> None:
        """Hear who runs the services."""

    def wanted(self, manifests: Sequence[Manifest], /) -> None:
        """Hear which services shall run."""

    async def ready(self) -> None:
        """Wait until the limits of now are kept, so that a service starts under them."""

    def environment(self, name: str, /) -> Mapping[str, str]:
        """Return what a service is told of its share."""

    def command(self, name: str, words: Sequence[str], /) -> Sequence[str]:
        """Return a service's command line with its share filled in."""

    def launch(self, name: str, start: Start, /) -> subprocess.Popen[bytes]:
        """Start a service's process under the limits; called in a thread."""

    async def began(self, name: str, pid: int, /) -> None:
        """Hear of a service's first process."""

    def ended(self, name: str, /) -> str:
        """Hear of its end; return why, where that was for its limits, in a sentence."""


class NoHooks:
    """Starts services without limits."""

    def attach(self, _services: Services) -> None:
        """Do nothing."""

    def wanted(self, _manifests: Sequence[Manifest]) -> None:
        """Do nothing."""

    async def ready(self) -> None:
        """Return at once."""

    def environment(self, _name: str) -> Mapping[str, str]:
        return {}

    def command(self, _name: str, words: Sequence[str]) -> Sequence[str]:
        return words

    def launch(self, _name: str, start: Start) -> subprocess.Popen[bytes]:
        return start()

    async def began(self, _name: str, _pid: int) -> None:
        """Do nothing."""

    def ended(self, _name: str) -> str:
        return ""
