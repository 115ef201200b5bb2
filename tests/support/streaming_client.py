"""Streams up and down through a gateway to the service of `streaming_node`, and tells as JSON what came of it.

    python -m tests.support.streaming_client URL KEY MIB

Nothing here can end if anything on the way keeps back what has been sent: the second half of a body goes when the
service has heard the first, and each event is asked for when the one before has come.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.support.streaming_node import PIECE, piece_of

LIMIT = 100.0  # seconds for all
EVENTS = 5


async def up(session: aiohttp.ClientSession, size: int) -> dict[str, Any]:
    """Send a body half by half; tell whether it came as it was sent."""
    digest = hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        for number in range(size // PIECE):
            if number == size // PIECE // 2:
                await until_heard(session, size // 2)
            digest.update(piece_of(number))
            yield piece_of(number)

    async with session.post("digest", data=body()) as answer:
        told = await answer.json()
        whole = told == {"digest": digest.hexdigest(), "bytes": size}
        return {"status": answer.status, "route": answer.headers.get("X-RMA-Route"), "whole": whole}


async def until_heard(session: aiohttp.ClientSession, size: int) -> None:
    while True:
        async with session.get("heard") as answer:
            if (await answer.json())["heard"] >= size:
                return
        await asyncio.sleep(0.02)


async def down(session: aiohttp.ClientSession, size: int) -> dict[str, Any]:
    wanted, got = hashlib.sha256(), hashlib.sha256()
    for number in range(size // PIECE):
        wanted.update(piece_of(number))
    async with session.get("much", params={"bytes": size}) as answer:
        async for piece in answer.content.iter_any():
            got.update(piece)
        whole = got.digest() == wanted.digest()
        return {"status": answer.status, "route": answer.headers.get("X-RMA-Route"), "whole": whole}


async def turns(session: aiohttp.ClientSession) -> dict[str, Any]:
    """Read events, each of which is sent when we say so."""
    heard = []
    async with session.get("turns", params={"events": EVENTS}) as answer:
        async for line in answer.content:
            if line.startswith(b"data: "):
                heard.append(int(line[6:]))
                async with session.post("turn"):
                    pass
        whole = heard == list(range(EVENTS))
        return {"status": answer.status, "route": answer.headers.get("X-RMA-Route"), "whole": whole}


async def run(url: str, key: str, size: int) -> dict[str, Any]:
    headers, limit = {"Authorization": f"Bearer {key}"}, aiohttp.ClientTimeout(total=LIMIT)
    async with (
        asyncio.timeout(LIMIT),
        aiohttp.ClientSession(url.rstrip("/") + "/", headers=headers, timeout=limit) as session,
    ):
        return {"up": await up(session, size), "down": await down(session, size), "turns": await turns(session)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]) << 20))))
