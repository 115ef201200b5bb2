"""Receives the helper's clients, however they come: who is let in, one at a time, and what the others are told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from node.vpn.coding import to_json
from node.vpn.helper.messages import Refused
from node.vpn.helper.policy import Policy
from node.vpn.helper.session import MakeEngine, Overlaps, Session

Who = TypeVar("Who")  # what the system knows of a client: a user's number, or names of user and groups
log = logging.getLogger(__name__)


class Reception(Generic[Who]):
    """Serves one client, and turns others away with the reason."""

    def __init__(
        self, let_in: Callable[[Who], bool], make_engine: MakeEngine, policy: Policy, overlaps: Overlaps
    ) -> None:
        self._let_in = let_in
        self._make_engine = make_engine
        self._policy = policy
        self._overlaps = overlaps
        self._busy = False

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: Who) -> None:
        """Serve a client until it goes, or say why not."""
        why = self._why_not(who)
        if why:
            log.warning("user %s is turned away: %s", who, why)
            with contextlib.suppress(OSError):
                writer.write(to_json(Refused(why)) + b"\n")
                await writer.drain()
            return
        log.info("user %s is served", who)
        self._busy = True
        try:
            await Session(reader, writer, self._make_engine, self._policy, self._overlaps).serve()
        finally:
            self._busy = False

    def _why_not(self, who: Who) -> str:
        if not self._let_in(who):
            return "this user is not one whom the administrator allows to open the private network"
        return "another program uses the helper already" if self._busy else ""
