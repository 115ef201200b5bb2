"""Memory is put in order at the start, and then looked through little by little."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from node.program.garbage import ALL, GROWN, NEVER, OLDER, Looks, looked_through

PROGRAM = """
import gc
from node.program.garbage import settle
kept = [[] for _ in range(1000)]
settle()
print(gc.get_freeze_count() > 1000, gc.get_threshold())
"""


class Circle:
    """Is garbage that only a look finds, as soon as nobody else has it."""

    def __init__(self) -> None:
        self.itself = self


class Memory:
    """Tells what a test says that is held, and for how many."""

    def __init__(self) -> None:
        self.held, self.served = 1_000_000, 0
        self._looks = Looks(lambda: self.served, lambda: self.held)

    async def some_looks(self) -> None:
        for _ in range(ALL):
            await self._looks.look()


@pytest.fixture(autouse=True)
def _by_ourselves() -> Iterator[None]:
    """Have Python not look for garbage on its own meanwhile."""
    gc.disable()
    yield
    gc.enable()


def test_what_is_there_is_looked_through_no_more() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["True", "(2000, 5, 1000)\n"]


async def test_garbage_among_the_young_is_found_however_few_they_are() -> None:
    looks = Looks(lambda: 0)
    young = weakref.ref(Circle())
    await looks.look()
    assert young() is None
    one = Circle()
    await looks.look()  # which it survives
    older = weakref.ref(one)
    del one
    for _ in range(OLDER):
        await looks.look()
    assert older() is None


def old_garbage() -> weakref.ref[Circle]:
    one = Circle()
    gc.collect()  # now it is old
    return weakref.ref(one)


async def test_everything_is_looked_at_only_where_much_has_come_for_nobody() -> None:
    memory, old = Memory(), old_garbage()
    await memory.some_looks()
    assert old() is not None, "so far there is no more than before"
    memory.served, memory.held = 10_000, 5_000_000
    await memory.some_looks()
    assert old() is not None, "those who have come have it"
    memory.held = int(5_000_000 * GROWN) + 1
    await memory.some_looks()
    assert old() is None
    again = old_garbage()
    await memory.some_looks()
    assert again() is not None, "what was left is what there is"


async def test_who_leaves_and_comes_back_explains_no_more_than_the_first_time() -> None:
    memory = Memory()
    memory.served, memory.held = 10_000, 5_000_000
    await memory.some_looks()
    memory.served, old = 0, old_garbage()
    await memory.some_looks()
    memory.served, memory.held = 10_000, 7_000_000
    await memory.some_looks()
    assert old() is None


async def test_python_looks_at_everything_no_more_on_its_own_until_the_end() -> None:
    before = gc.get_threshold()
    async with looked_through(lambda: 0):
        assert gc.get_threshold() == (*before[:2], NEVER)
    assert gc.get_threshold() == before


async def test_a_python_that_does_not_say_what_it_holds_looks_at_everything_on_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = gc.get_threshold()
    monkeypatch.setattr(sys, "getallocatedblocks", lambda: 0)
    async with looked_through(lambda: 0):
        assert gc.get_threshold() == before
