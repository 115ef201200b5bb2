"""Looks at the coordinators from time to time: which are ready, how near they are, and how busy."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable

from node import events as e
from node.coordinator_client import CoordinatorClient, CoordinatorError
from node.mesh_session import MeshSession
from node.state import Measured, NodeState
from node.wire.messages import CoordinatorInfo

PAUSE = 4  # heartbeats between two looks
SOON = 2.0  # seconds: a first look comes as soon as there are several coordinators


class CoordinatorLooks:
    """Feeds CoordinatorsMeasured; `look` is called often, and does something when it is time."""

    def __init__(
        self,
        state: Callable[[], NodeState],
        session: Callable[[], MeshSession | None],
        dispatch: Callable[[e.Event], None],
        patience: float,
    ) -> None:
        """`patience` is how many seconds a coordinator may take to answer."""
        self._state = state
        self._session = session
        self._dispatch = dispatch
        self._patience = patience
        self._due = math.inf
        self._named: frozenset[str] = frozenset()

    async def look(self) -> None:
        infos, session, now = named(self._state()), self._session(), time.monotonic()
        if session is None or len(infos) < 2:
            self._named = frozenset()
            return
        ids, chance = frozenset(info.id for info in infos), random.random()  # noqa: S311 - not for secrets
        if ids - self._named:  # somebody is new
            self._due = now + SOON * chance
        self._named = ids
        if now < self._due:
            return
        assignment = self._state().assignment
        interval = assignment.pace if assignment is not None else 0.0
        self._due = now + PAUSE * interval * (0.5 + chance)
        answers = await asyncio.gather(*(self._ask(session.client, info) for info in infos))
        found = tuple(answer for answer in answers if answer is not None)
        silent = tuple(info.url for info, answer in zip(infos, answers, strict=True) if answer is None)
        self._dispatch(e.CoordinatorsMeasured(found, silent, random.random()))  # noqa: S311 - not for secrets

    async def _ask(self, client: CoordinatorClient, info: CoordinatorInfo) -> Measured | None:
        begun = time.monotonic()
        try:
            queue = await client.ready(info, self._patience)
        except (CoordinatorError, TimeoutError):
            return None
        return Measured(info.id, 1000 * (time.monotonic() - begun), queue)


def named(state: NodeState) -> tuple[CoordinatorInfo, ...]:
    """Return the coordinators that were named last, where this node finds them."""
    if state.membership is None or state.assignment is None or not state.registered:
        return ()
    ids = {info.id for info in state.assignment.coordinators}
    return tuple(info for info in state.membership.coordinators if info.id in ids)
