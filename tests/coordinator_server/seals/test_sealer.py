"""Sealing on both engines: everything is sealed once, by one of many, and what is not whole is left unsealed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from coordinator_server.seals.chain import MOST_LINES, decode, encode
from coordinator_server.seals.checking import Finding, parse_mark
from coordinator_server.seals.sealer import LAST, PREFIX, Sealer, key_of_seal, lines_of
from coordinator_server.seals.verifying import verify
from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.store import open_etcd
from coordinator_server.store.interface import AuditLine, Store, StoreError
from coordinator_server.store.sqlite import open_sqlite
from tests.support.etcd import Cluster, etcd_cluster
from tests.support.seals import NOW, Notary, line_of

ENGINES = ["sqlite", pytest.param("etcd", marks=pytest.mark.needs("etcd"))]
Opener = Callable[[], Awaitable[Store]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


@pytest.fixture(params=ENGINES)
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    async with contextlib.AsyncExitStack() as stack:
        address = request.getfixturevalue("cluster").address() if request.param == "etcd" else None

        async def another() -> Store:
            opened: Store = await open_sqlite(tmp_path / "x.db") if address is None else await open_etcd(address)
            stack.push_async_callback(opened.close)
            return opened

        yield another


@pytest.fixture
def notary() -> Notary:
    return Notary()


def sealer_of(store: Store, notary: Notary, is_elected: Callable[[], bool] = lambda: True) -> Sealer:
    return Sealer(store, notary.key, lambda: notary.credential, lambda: NOW, is_elected)


async def write(store: Store, count: int) -> None:
    for start in range(0, count, 50):
        lines = [line_of(0, subject=f"s-{start + n}", time=NOW + 1 / 3) for n in range(min(50, count - start))]
        await store.commit((), lines)


async def looked_at(store: Store, notary: Notary, mark: str = "") -> Finding:
    return await verify(store, notary.keys, lambda: NOW, parse_mark(mark) if mark else None)


async def test_all_is_sealed_once_in_portions_also_what_comes_later(opener: Opener, notary: Notary) -> None:
    store = await opener()
    sealer = sealer_of(store, notary)
    await sealer.tick()
    assert not await store.list(PREFIX), "nothing has happened"
    await write(store, MOST_LINES + 20)
    await sealer.tick()
    await sealer.tick()
    found = await looked_at(store, notary)
    assert (found.holds, found.sealed, found.seals) == (True, MOST_LINES + 20, 2)
    await write(store, 3)
    before = await looked_at(store, notary)
    assert (before.holds, before.unsealed) == (True, 3)
    await sealer_of(await opener(), notary).finish()
    after = await looked_at(store, notary, before.mark)
    assert (after.holds, after.unsealed, after.seals) == (True, 0, 3)
    first, second, third = [decode(entry.value) for _, entry in await store.list(PREFIX)]
    assert [first.last, second.last, third.last] == [MOST_LINES, MOST_LINES + 20, MOST_LINES + 23]
    assert third.previous == second.hash


async def test_many_that_think_they_are_elected_make_one_chain(opener: Opener) -> None:
    notary = Notary()
    stores = [await opener() for _ in range(3)]
    sealers = [sealer_of(store, Notary(notary.mesh)) for store in stores]
    sealers.append(sealer_of(stores[0], notary, is_elected=lambda: False))
    for _ in range(5):
        await asyncio.gather(*(sealer.tick() for sealer in sealers), write(stores[0], 7))
    await sealers[0].tick()
    found = await looked_at(stores[1], notary)
    assert (found.holds, found.lines, found.unsealed) == (True, 35, 0)


async def test_who_is_not_elected_seals_nothing(opener: Opener, notary: Notary) -> None:
    store = await opener()
    await write(store, 2)
    await sealer_of(store, notary, is_elected=lambda: False).tick()
    assert not await store.list(PREFIX)


async def test_seals_that_are_taken_away_are_missed_and_none_is_made_in_their_place(
    opener: Opener, notary: Notary, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opener()
    sealer = sealer_of(store, notary)
    for _ in range(3):
        await write(store, 2)
        await sealer.tick()
    await store.delete(key_of_seal(3))
    found = await looked_at(store, notary)
    assert (found.holds, found.seal) == (False, 3)
    await write(store, 2)
    await sealer.tick()
    await sealer.tick()
    assert len(await store.list(PREFIX)) == 2
    assert caplog.text.count("seal 3 is missing") == 1, "it is said once"
    await store.put(key_of_seal(3), b"garbage")
    await sealer.tick()
    assert "cannot be read" in caplog.text
    assert (await looked_at(store, notary)).seal == 3


class Cut:
    """A store that has lost lines."""

    def __init__(self, store: Store, lost: set[int]) -> None:
        self._store = store
        self._lost = lost
        self.get, self.commit, self.list = store.get, store.commit, store.list

    async def audit(self, limit: int = 1000, before: int | None = None) -> list[AuditLine]:
        lines = await self._store.audit(limit + len(self._lost), before)
        return [line for line in lines if line.number not in self._lost][:limit]


@pytest.mark.parametrize("lost", [{3}, {4, 5, 6}])
async def test_a_log_that_has_lost_lines_is_not_sealed(
    opener: Opener, notary: Notary, lost: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    store = await opener()
    await write(store, 5)
    await sealer_of(store, notary).tick()
    await write(store, 1)
    cut = cast("Store", Cut(store, lost))
    await sealer_of(cut, notary).tick()
    found = await looked_at(cut, notary)
    assert (found.holds, found.line) == (False, min(lost))
    if 6 in lost:
        assert "it ends at line 3, and was sealed to line 5" in caplog.text
        assert len(await store.list(PREFIX)) == 1


async def test_a_gap_in_what_is_new_is_not_sealed(opener: Opener, notary: Notary) -> None:
    store = await opener()
    await write(store, 5)
    cut = cast("Store", Cut(store, {2}))
    await sealer_of(cut, notary).tick()
    assert not await store.list(PREFIX)
    assert (await looked_at(cut, notary)).line == 2


async def test_lines_by_their_numbers(opener: Opener) -> None:
    store = await opener()
    await write(store, 12)
    assert [line.number for line in await lines_of(store, 4, 7)] == [4, 5, 6, 7]
    assert [line.number for line in await lines_of(store, 11, 20)] == [11, 12]
    assert not await lines_of(store, 3, 2)


async def test_a_store_that_fails_is_left_for_later(
    opener: Opener, notary: Notary, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opener()
    await write(store, 2)
    sealer = sealer_of(store, notary)

    async def fails(*_: object) -> bool:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "commit", fails)
        await sealer.tick()
    assert not await store.list(PREFIX)
    await sealer.tick()
    assert (await store.get(LAST)) is not None


async def test_a_seal_that_was_replaced_by_a_forged_one_is_found(opener: Opener, notary: Notary) -> None:
    store = await opener()
    await write(store, 2)
    await sealer_of(store, notary).tick()
    seal = decode((await store.list(PREFIX))[0][1].value)
    forged = msgspec.structs.replace(seal, digest=bytes(32))
    await store.put(key_of_seal(1), encode(forged))
    assert (await looked_at(store, notary)).seal == 1


async def test_a_number_of_seals_that_nobody_can_read_is_found_out(
    opener: Opener, notary: Notary, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opener()
    await write(store, 2)
    sealer = sealer_of(store, notary)
    await sealer.tick()
    await store.put(LAST, b"\xff")
    found = await looked_at(store, notary)
    assert not found.holds
    assert "cannot be read" in found.text
    await write(store, 2)
    await sealer.tick()
    assert "not whole" in caplog.text
    assert len(await store.list(PREFIX)) == 1


@pytest.mark.needs("etcd")
async def test_a_line_that_somebody_has_spoilt_in_etcd_is_named_and_hides_no_other(
    cluster: Cluster, notary: Notary
) -> None:
    store = await open_etcd(cluster.address())
    try:
        await write(store, 5)
        await sealer_of(store, notary).tick()
        puts = [messages.put(store._line_key(3), b"\xff"), messages.put(store._line_key(3) + b"x", b"{}")]
        await store._do([], puts)
        lines = await store.audit(10)
        assert [(line.number, line.action == "unreadable") for line in lines] == [
            (number, number == 3) for number in (5, 4, 3, 2, 1)
        ]
        found = await looked_at(store, notary)
        assert (found.holds, found.line, found.seal) == (False, 3, 1)
    finally:
        await store.close()
