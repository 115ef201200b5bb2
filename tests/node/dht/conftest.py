"""A mesh whose clock the test moves, and members of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from bench.dht_support.virtual_time import VirtualLoop
from tests.support.dht_nodes import Clock, Member, Mesh


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let no time pass but what is waited for, in tests that are marked so: however busy the machine is."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualLoop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mesh(clock: Clock) -> Mesh:
    return Mesh(clock)


@pytest.fixture
def alice(mesh: Mesh) -> Member:
    return mesh.member("alice")


@pytest.fixture
def bob(mesh: Mesh) -> Member:
    return mesh.member("bob")
