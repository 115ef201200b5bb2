"""All workers of the mesh, whichever coordinator they talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from coordinator_server.fleet.everybody import Everybody
from coordinator_server.fleet.roster import LIVE, Roster, Row, read
from coordinator_server.registry.facts import Facts
from coordinator_server.store.interface import Change, Versioned
from coordinator_server.store.sqlite import open_sqlite
from tests.support.coordinators import PC
from tests.support.registries import RegistryMesh


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[RegistryMesh]:
    store = await open_sqlite(tmp_path / "x.db")
    mesh = await RegistryMesh(store).open()
    await mesh.enrol("ours", "far", "silent")
    yield mesh
    await store.close()


async def test_alone_they_are_those_that_talk_to_us_and_else_all(mesh: RegistryMesh) -> None:
    roster = Roster("us", 75.0)
    everybody = Everybody(mesh.registry, roster)
    mesh.join("ours")
    rows = {
        name: Row(owner=owner, run=run, facts=Facts(capabilities=PC, running=("ner",), stale=name == "silent"))
        for name, owner, run in (("ours", "a", "us"), ("far", "b", "they"), ("silent", "b", "they"))
    }
    told = [Change(LIVE + name, Versioned(msgspec.json.encode(row), 1)) for name, row in rows.items()]
    roster.take([read(one, 0.0) for one in told], 0.0, whole=True)
    assert [member.worker_id for member in everybody.members()] == ["ours"]
    assert everybody.member("far") is None
    assert list(everybody.far()) == []
    everybody.together = True
    assert {member.worker_id for member in everybody.members()} == {"ours", "far", "silent"}
    assert [name for name, _ in everybody.far()] == ["far", "silent"]
    shown = {}
    for name in rows:
        member = everybody.member(name)
        assert member is not None
        shown[name] = (everybody.status(member), everybody.coordinator_of(member, "a"), everybody.is_stale(member))
    assert shown == {
        "ours": ("active", "a", False), "far": ("active", "b", False), "silent": ("stale", "b", True),
    }  # fmt: skip
    await mesh.workers.drain("far")
    far = everybody.member("far")
    assert far is not None
    assert everybody.status(far) == "draining"
