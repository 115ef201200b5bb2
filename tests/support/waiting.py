"""Waiting for a state with a deadline, in a loop that goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def eventually(true: Callable[[], object], what: str, deadline: float = 60.0) -> None:
    """Return as soon as `true()` is; fail after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not true():
        assert time.monotonic() < end, f"{what} did not come true within {deadline:.0f} s"
        await asyncio.sleep(0.01)
