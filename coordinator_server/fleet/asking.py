"""Asks the other coordinators' registries who offers a service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import aiohttp
import msgspec

from node.program.answers import read_at_most
from node.wire.messages import CoordinatorInfo, WorkerRecord, WorkersAnswer

log = logging.getLogger(__name__)
PATH = "/api/worker/peers"
LIMIT = 1.5  # seconds for one of them
MOST = 4 * 1024 * 1024  # bytes of an answer
UNKNOWN = 404  # to a coordinator with another catalogue
REST = 10.0  # seconds for which one that did not answer is not asked again


class Registries:
    """The others' registries; `others` tells who they are, `issue` makes the tokens that prove us to each."""

    def __init__(
        self,
        others: Callable[[], Sequence[CoordinatorInfo]],
        issue: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives seconds and never steps back."""
        self._others = others
        self._issue = issue
        self._clock = clock
        self._silent: dict[str, float] = {}  # until when each that did not answer is left alone
        self._http: aiohttp.ClientSession | None = None

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()

    def is_silent(self, url: str) -> bool:
        """Tell whether one did not answer when it was asked last."""
        return url in self._silent

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        """Return the workers of a service that others have, each once."""
        now, others = self._clock(), self._others()
        self._silent = {info.url: self._silent[info.url] for info in others if info.url in self._silent}
        asked = [self._ask(info, service) for info in others if self._silent.get(info.url, now) <= now]
        found: dict[str, WorkerRecord] = {}
        for records in await asyncio.gather(*asked):
            for record in records:
                known = found.get(record.worker_id)
                if known is None or known.last_seen < record.last_seen:
                    found[record.worker_id] = record
        return list(found.values())

    async def _ask(self, info: CoordinatorInfo, service: str) -> Sequence[WorkerRecord]:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT))
        proof = {"Authorization": f"Bearer {self._issue(info.id)}"}
        try:
            async with self._http.get(
                info.url.rstrip("/") + PATH, params={"service": service}, headers=proof, allow_redirects=False
            ) as answer:
                if answer.status not in (200, UNKNOWN):
                    raise ValueError(f"it answers {answer.status}")
                body = await read_at_most(answer, MOST)
                found = msgspec.json.decode(body, type=WorkersAnswer).workers if answer.status == 200 else ()
                self._silent.pop(info.url, None)
                return found
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            text = str(error) or type(error).__name__
            log.info("coordinator %s cannot be asked who offers %s: %s", info.id, service, text)
            self._silent[info.url] = self._clock() + REST
            return ()
