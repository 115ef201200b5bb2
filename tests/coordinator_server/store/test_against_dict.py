"""Whatever two coordinators do to a store, it holds what a dictionary would, and a watch tells the same."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from coordinator_server.store.etcd.store import open_etcd
from coordinator_server.store.interface import ABSENT, AuditLine, Seen, Store, Write
from coordinator_server.store.sqlite import open_sqlite
from tests.support.etcd import Cluster, etcd_cluster

T = TypeVar("T")
EXAMPLES = hypothesis.settings(max_examples=15, stateful_step_count=25)
KEYS = st.sampled_from(["a", "a/", "a/1", "a/1/x", "a/2", "a0", "b/é", "b/☃", "b/\U0001f600", "c"])
PREFIXES = st.sampled_from(["", "a", "a/", "a/1", "b/", "d"])
VALUES = st.binary(max_size=40)
WHO = st.integers(0, 1)
Opener = Callable[[], Awaitable[Store]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


class StoreMachine(RuleBasedStateMachine):
    """Two coordinators, a dictionary, and somebody who only watches."""

    def __init__(self, opener: Opener) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._opener = opener
        self._stores: list[Store] = []
        self._model: dict[str, tuple[bytes, int | None]] = {}  # value, and whose leased key it is
        self._versions: dict[str, set[int]] = {}  # that a key has had
        self._audit: list[str] = []
        self._stack = contextlib.AsyncExitStack()
        self._watched: dict[str, bytes] = {}

    def run(self, work: Awaitable[T]) -> T:
        async def limited() -> T:
            async with asyncio.timeout(60):
                return await work

        return self._runner.run(limited())

    @initialize()
    def begin(self) -> None:
        self._stores = [self.run(self._opener()) for _ in range(3)]
        self._watch: AsyncIterator[Seen] = self.run(self._stack.enter_async_context(self._stores[2].watch("")))

    def version(self, key: str) -> int:
        found = self.run(self._stores[0].get(key))
        return found.version if found else ABSENT

    def written(self, key: str, value: bytes, who: int | None) -> None:
        self._model[key] = (value, who)
        version = self.version(key)
        assert version not in self._versions.setdefault(key, set()), "a version never comes twice"
        self._versions[key].add(version)

    @rule(who=WHO, key=KEYS, value=VALUES, leased=st.booleans())
    def put(self, who: int, key: str, value: bytes, leased: bool) -> None:
        self.run(self._stores[who].put(key, value, leased=leased))
        self.written(key, value, who if leased else None)

    @rule(who=WHO, key=KEYS)
    def delete(self, who: int, key: str) -> None:
        assert self.run(self._stores[who].delete(key)) == (self._model.pop(key, None) is not None)

    @rule(who=WHO, key=KEYS, value=VALUES, data=st.data())
    def compare_and_set(self, who: int, key: str, value: bytes, data: st.DataObject) -> None:
        current = self.version(key)
        expected = data.draw(st.sampled_from([current, ABSENT, *sorted(self._versions.get(key, ()))]), "expected")
        done = self.run(self._stores[who].compare_and_set(key, expected, value))
        assert done == (expected == current)
        if done:
            self.written(key, value, None)

    @rule(
        who=WHO,
        changes=st.dictionaries(KEYS, st.none() | VALUES, max_size=4),
        wrong=st.none() | KEYS,
        lines=st.integers(0, 3),
    )
    def commit(self, who: int, changes: dict[str, bytes | None], wrong: str | None, lines: int) -> None:
        writes = [Write(key, value, self.version(key) + (key == wrong)) for key, value in changes.items()]
        names = [str(len(self._audit) + number) for number in range(lines)]
        audit = [AuditLine(time=0.0, actor="a", action=name) for name in names]
        done = self.run(self._stores[who].commit(writes, audit))
        assert done == (wrong not in changes)
        if done:
            self._audit += names
            for key, value in changes.items():
                if value is None:
                    self._model.pop(key, None)
                else:
                    self.written(key, value, None)

    @rule(who=WHO, prefix=PREFIXES)
    def read(self, who: int, prefix: str) -> None:
        listed = [(key, entry.value) for key, entry in self.run(self._stores[who].list(prefix))]
        wanted = sorted((key, value) for key, (value, _) in self._model.items() if key.startswith(prefix))
        assert listed == sorted(wanted, key=lambda one: one[0].encode())
        for key, _ in wanted:
            found = self.run(self._stores[who].get(key))
            assert found is not None
            assert found.value == self._model[key][0]

    @rule(who=WHO)
    def die(self, who: int) -> None:
        self.run(self._stores[who].close())
        self._stores[who] = self.run(self._opener())
        self._model = {key: (value, owner) for key, (value, owner) in self._model.items() if owner != who}

    @precondition(lambda self: self._model or self._watched)
    @rule()
    def look(self) -> None:
        """Follow the watch until it tells what there is."""
        wanted = {key: value for key, (value, _) in self._model.items()}
        while self._watched != wanted:
            seen = self.run(anext(self._watch))
            self._watched = {} if seen.whole else self._watched
            for change in seen.changes:
                if change.entry is None:
                    self._watched.pop(change.key, None)
                else:
                    self._watched[change.key] = change.entry.value

    def teardown(self) -> None:
        if self._stores:
            self.look()
            audit = self.run(self._stores[0].audit())
            assert [line.action for line in reversed(audit)] == self._audit
            assert [line.number for line in reversed(audit)] == list(range(1, len(audit) + 1))
        self.run(self._stack.aclose())
        for store in self._stores:
            self.run(store.close())
        self._runner.close()


def check(make: Callable[[], StoreMachine]) -> None:
    run_state_machine_as_test(cast("type[RuleBasedStateMachine]", make), settings=EXAMPLES)


def test_sqlite(tmp_path: Path) -> None:
    def make() -> StoreMachine:
        path = Path(tempfile.mkdtemp(dir=tmp_path)) / "x.db"
        return StoreMachine(lambda: open_sqlite(path))

    check(make)


@pytest.mark.needs("etcd")
def test_etcd(cluster: Cluster) -> None:
    def make() -> StoreMachine:
        address = cluster.address()
        return StoreMachine(lambda: open_etcd(address))

    check(make)
