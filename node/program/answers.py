"""Reads an answer of somebody who may send without end."""

from __future__ import annotations

import aiohttp


class TooLongError(ValueError):
    """The body goes on after as much as we read of one."""


async def read_at_most(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body; raise TooLongError for one of more than `most` bytes."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            raise TooLongError(f"an answer of more than {most} bytes")
        parts.append(part)
    return b"".join(parts)
