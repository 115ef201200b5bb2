"""Sends HTTP requests from inside a namespace: one line of JSON asks, one answers.

    python -m tests.support.http_guest

A line is {"url", "method", "headers", "body", "limit"}; `many` is a list of such lines, done at once, and `seconds`
repeats one request until then. The answer tells status (0 where there was none), headers, body and seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp


async def request(session: aiohttp.ClientSession, asked: dict[str, Any]) -> dict[str, Any]:
    """Do one request; a failure is an answer, too."""
    begin = time.monotonic()
    try:
        async with session.request(
            asked.get("method") or "GET",
            asked["url"],
            data=asked["body"].encode() if asked.get("body") is not None else None,
            headers=asked.get("headers"),
            timeout=aiohttp.ClientTimeout(asked.get("limit") or 60),
        ) as answer:
            body = (await answer.read()).decode("utf-8", "replace")
            told = {"status": answer.status, "headers": dict(answer.headers), "body": body}
    except (aiohttp.ClientError, TimeoutError) as error:
        told = {"status": 0, "headers": {}, "body": f"{type(error).__name__}: {error}"}
    return told | {"at": begin, "seconds": time.monotonic() - begin}


async def load(session: aiohttp.ClientSession, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Repeat one request, one after another, until the seconds are over or the count is reached."""
    answers: list[dict[str, Any]] = []
    end = time.monotonic() + asked.get("seconds", 1e9)
    while time.monotonic() < end and len(answers) < asked.get("count", 100_000):
        answers.append(await request(session, asked))
        if asked.get("pause"):
            await asyncio.sleep(asked["pause"])
    return answers


async def obey(session: aiohttp.ClientSession, asked: dict[str, Any]) -> Any:
    if "many" in asked:
        return await asyncio.gather(*(request(session, one) for one in asked["many"]))
    if "seconds" in asked or "count" in asked:
        return await load(session, asked)
    return await request(session, asked)


async def run() -> None:
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await obey(session, json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(run())
