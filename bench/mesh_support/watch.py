"""Watches a node that is about to start, and calls a service through it until there is an answer.

    python -m bench.mesh_support.watch FOLDER SERVICE

Says `ready`, and then in one line of JSON when (Unix seconds) each step was first seen; `route` is the answer's.
Calls begin when the overlay is up, where there is to be one: without it there is no way to the other worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

PAUSE = 0.01  # seconds between two looks
LIMIT = 120.0
HEADER = "X-RMA-Route"


async def follow(session: aiohttp.ClientSession, file: Path, service: str) -> dict[str, Any]:
    """Return when each step of joining was first seen."""
    seen: dict[str, Any] = {}
    while not seen.keys() >= {"answered", "dht"}:  # the answer may come first, by a coordinator's word
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            control = json.loads(file.read_bytes())  # noqa: ASYNC240 - a few bytes
            note(seen, program=True)
            session.headers["Authorization"] = f"Bearer {control['token']}"
            await look(session, control["url"], service, seen)
        await asyncio.sleep(PAUSE)
    return seen


async def look(session: aiohttp.ClientSession, url: str, service: str, seen: dict[str, Any]) -> None:
    """Look at everything once, and call."""
    async with session.get(url + "/view") as answer:
        state = (await answer.json())["state"]
    async with session.get(url + "/stats") as answer:
        dht = (await answer.json())["dht"]
    note(
        seen,
        enrolled=state["membership"] is not None,
        overlay=state["vpn"]["state"] in ("direct", "relayed"),
        registered=state["registered"],
        dht=bool(dht and dht["contacts"]),
    )
    if state["vpn"]["state"] in ("off", "direct", "relayed") and state["catalogue"]["manifests"]:
        async with session.get(f"{url}/call/{service}/small") as answer:
            await answer.read()
            if answer.status == 200:
                note(seen, answered=True)
                seen["route"] = answer.headers[HEADER]


def note(seen: dict[str, Any], **steps: bool) -> None:
    """Keep the time at which a step was first seen done."""
    now = time.time()
    for step, done in steps.items():
        if done:
            seen.setdefault(step, now)


async def main() -> None:
    async with asyncio.timeout(LIMIT), aiohttp.ClientSession() as session:
        print("ready", flush=True)
        found = await follow(session, Path(sys.argv[1]) / "control.json", sys.argv[2])
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
