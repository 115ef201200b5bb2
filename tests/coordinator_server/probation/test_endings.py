"""How requests end, counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from coordinator_server.probation import endings as module
from coordinator_server.probation.endings import Endings
from coordinator_server.probation.standing import Terms
from coordinator_server.store.sqlite import open_sqlite
from tests.support.registries import RegistryMesh


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[RegistryMesh]:
    store = await open_sqlite(tmp_path / "x.db")
    mesh = await RegistryMesh(store).open()
    await mesh.enrol("a", "b")
    for name in "ab":
        mesh.join(name)
        mesh.beat(name, "ner")
    yield mesh
    await store.close()


def counted(mesh: RegistryMesh) -> Endings:
    return Endings(mesh.registry, mesh.clock, Terms())


def accused(endings: Endings, mesh: RegistryMesh) -> list[tuple[str, str]]:
    return [pair for pair, _ in endings.accused(mesh.clock.now)]


async def test_who_fails_more_than_others_is_accused_once_and_then_counted_anew(mesh: RegistryMesh) -> None:
    endings = counted(mesh)
    endings.ended("ner", "a", 200, 10)
    endings.ended("ner", "b", 500, 9)
    assert accused(endings, mesh) == [], "nine tell nothing"
    endings.ended("ner", "b", 502)
    ((pair, reason),) = endings.accused(mesh.clock.now)
    assert (pair, reason) == (("b", "ner"), "10 of its last 10 requests failed")
    assert accused(endings, mesh) == []


@pytest.mark.parametrize(("status", "wrong"), [(200, False), (404, False), (503, False), (500, True), (599, True)])
async def test_what_counts_as_wrong(mesh: RegistryMesh, status: int, wrong: bool) -> None:
    endings = counted(mesh)
    endings.ended("ner", "a", status, 10)
    endings.ended("ner", None, status, 10)
    assert accused(endings, mesh) == [("a", "ner")] * wrong


async def test_what_fails_with_all_is_nobodys_fault(mesh: RegistryMesh) -> None:
    endings = counted(mesh)
    for name in "ab":
        endings.ended("ner", name, 500, 10)
    assert accused(endings, mesh) == []


async def test_who_breaks_off_is_blamed_for_all_that_it_runs_and_only_while_it_is_here(mesh: RegistryMesh) -> None:
    endings = counted(mesh)
    for _ in range(10):
        endings.broke_off("a")
        endings.broke_off("nobody")
    mesh.registry.leave("a")
    assert accused(endings, mesh) == []
    mesh.join("a")
    mesh.beat("a", "ner")
    assert accused(endings, mesh) == [("a", "ner")]


async def test_what_is_forgotten_does_not_count(mesh: RegistryMesh) -> None:
    endings = counted(mesh)
    forgets: list[Callable[[], None]] = [
        lambda: endings.drop(("a", "ner")),
        lambda: endings.pardon("a"),
        lambda: endings.keep({"b"}),
    ]
    for forget in forgets:
        endings.ended("ner", "a", 500, 10)
        forget()
        assert accused(endings, mesh) == []
    endings.ended("ner", "a", 500, 10)
    endings.drop(("a", "ocr"))
    endings.pardon("b")
    endings.keep({"a"})
    assert accused(endings, mesh) == [("a", "ner")]


async def test_no_more_than_so_many_are_counted(mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    endings = counted(mesh)
    endings.ended("ner", "a", 200)
    endings.ended("ner", "b", 500, 10)
    assert accused(endings, mesh) == []
