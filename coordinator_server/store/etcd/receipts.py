"""Keys in which each transaction of ours leaves its name: so it is done once, however often it is asked for.

An answer that was lost says nothing: the transaction was done, or not, or will be. Each one therefore expects its
receipt's key as the one before it left it, and writes its own name there. Asked again it cannot be done twice, and
who reads his own name there has succeeded. A receipt is one transaction's at a time; all hang on our lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

AT_ONCE = 32  # transactions


@dataclass(slots=True)
class Receipt:
    """Where one transaction leaves its name; `version` is None where that has to be read first."""

    key: bytes
    version: int | None = 0


class Receipts:
    """Lends them out; whoever finds none waits."""

    def __init__(self, prefix: bytes) -> None:
        client = secrets.token_urlsafe(12).encode()
        self._free: asyncio.LifoQueue[Receipt] = asyncio.LifoQueue()
        for number in reversed(range(AT_ONCE)):
            self._free.put_nowait(Receipt(prefix + client + b"/" + str(number).encode()))

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Receipt]:
        """Lend one; where its transaction does not come to a known end, it has to be read before the next."""
        receipt = await self._free.get()
        try:
            yield receipt
        except BaseException:
            receipt.version = None
            raise
        finally:
            self._free.put_nowait(receipt)


def new_name() -> bytes:
    """Return a name that no other transaction has."""
    return secrets.token_bytes(16)
