"""The data plane runs on uvloop where there is one and on plain asyncio elsewhere: its tests run on both."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

import pytest

Loop = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Loop]:
    loops: dict[str, Loop] = {"asyncio": asyncio.new_event_loop}
    if sys.platform != "win32":
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    return loops
