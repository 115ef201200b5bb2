"""A mesh whose clock the test moves, and members of it."""

from __future__ import annotations

import pytest

from tests.support.dht_nodes import Clock, Member, Mesh


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
