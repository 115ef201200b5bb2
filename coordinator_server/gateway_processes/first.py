"""The first process as a gateway process asks it: for API keys, and to keep refusals in the audit log.

To `ApiKeys` and `Audit` it is a store, so that both work in every process by the same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from coordinator_server.gateway.keys import PREFIX, ApiKey
from coordinator_server.gateway_processes.messages import KeyIs, Noted, Refusal, WhoIs
from coordinator_server.store.interface import AuditLine, StoreError, Versioned, Write

MOST_OPEN = 4096  # questions


class First:
    """Sends questions and gives each its answer; raises StoreError where none comes."""

    def __init__(self, send: Callable[[msgspec.Struct], None]) -> None:
        self._send = send
        self._number = 0
        self._open: dict[int, asyncio.Future[Any]] = {}
        self.patience = 1.0  # seconds that a request waits for the first's word

    def answered(self, message: KeyIs | Noted) -> None:
        """Hear an answer; one that comes too late is nobody's."""
        waiting = self._open.get(message.question)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def fail_all(self) -> None:
        """Tell all who wait that no answer will come."""
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(_silent())

    async def who_is(self, key_id: str) -> ApiKey | None:
        answer: KeyIs = await self._ask(lambda number: WhoIs(number, key_id))
        return answer.key

    async def note(self, line: AuditLine) -> None:
        """Have a refusal kept; the first makes the line anew, so only what differs is told."""
        await self._ask(lambda number: Refusal(number, line.subject, line.detail, line.address))

    async def _ask(self, question: Callable[[int], msgspec.Struct]) -> Any:
        if len(self._open) >= MOST_OPEN:
            raise _silent()
        self._number += 1
        number = self._number
        waiting = self._open[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(question(number))
            async with asyncio.timeout(self.patience):
                return await waiting
        except TimeoutError:
            raise _silent() from None
        finally:
            del self._open[number]


class FirstStore:
    """The part of a store that keys and refusals need, and nothing that could change anything."""

    def __init__(self, first: First) -> None:
        self._first = first

    async def get(self, key: str) -> Versioned | None:
        """Return an API key's record as it is stored."""
        if not key.startswith(PREFIX):
            raise _not_here()
        found = await self._first.who_is(key.removeprefix(PREFIX))
        return Versioned(msgspec.json.encode(found), 1) if found is not None else None

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        """Have the first keep refusals."""
        if writes:
            raise _not_here()
        for line in audit:
            await self._first.note(line)
        return True

    @property
    def leased_until(self) -> float:
        return float("-inf")

    @property
    def in_doubt(self) -> bool:
        return False  # the first process has looked at that before it answers

    async def put(self, key: str, value: bytes, *, leased: bool = False) -> None:  # noqa: ARG002 - a store's form
        raise _not_here()

    async def delete(self, key: str) -> bool:  # noqa: ARG002 - a store's form
        raise _not_here()

    async def compare_and_set(
        self,
        key: str,  # noqa: ARG002 - a store's form
        expected: int | None,  # noqa: ARG002
        value: bytes,  # noqa: ARG002
        *,
        leased: bool = False,  # noqa: ARG002
    ) -> bool:
        raise _not_here()

    async def list(self, prefix: str) -> Any:  # noqa: ARG002 - a store's form
        raise _not_here()

    async def audit(self, limit: int = 1000, before: int | None = None) -> Any:  # noqa: ARG002 - a store's form
        raise _not_here()

    def watch(self, prefix: str) -> Any:  # noqa: ARG002 - a store's form
        raise _not_here()

    async def kept(self) -> Any:
        raise _not_here()

    async def bring(self, entries: Any, audit: Any) -> None:  # noqa: ARG002 - a store's form
        raise _not_here()

    async def backup(self, target: Any) -> None:  # noqa: ARG002 - a store's form
        raise _not_here()

    async def close(self) -> None:
        """Have nothing to close."""


def _silent() -> StoreError:
    return StoreError("What is kept could not be asked in time. Please try again.")


def _not_here() -> StoreError:
    return StoreError("Only the first process can do that.")
