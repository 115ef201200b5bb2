"""Memory is put in order at the start, and then looked through little by little."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from node.program.garbage import ALL, EACH, GROWN, NEVER, OLDER, Looks, looked_through

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
        self.looks = Looks(lambda: self.served, lambda: self.held)


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


async def test_everything_is_looked_at_only_where_much_has_come_that_nobody_explains() -> None:
    memory, one = Memory(), Circle()
    gc.collect()  # now it is old
    old = weakref.ref(one)
    del one
    for _ in range(2 * ALL):
        await memory.looks.look()
    assert old() is not None, "so far there is no more than before"
    memory.served = 10_000
    memory.held += 10_000 * EACH
    for _ in range(ALL):
        await memory.looks.look()
    assert old() is not None, "those who have come have it"
    memory.held = int(GROWN * memory.held) + 1
    for _ in range(ALL):
        await memory.looks.look()
    assert old() is None
    assert not memory.looks.is_due(), "what is left is what there is"


async def test_where_many_have_left_and_what_they_had_is_still_held_it_is_due() -> None:
    memory = Memory()
    memory.served, memory.held = 10_000, 1_000_000 + 10_000 * EACH
    looks = Looks(lambda: memory.served, lambda: memory.held)
    assert not looks.is_due()
    memory.served = 0
    assert looks.is_due()
    memory.held = 1_000_000
    assert not looks.is_due()


async def test_python_looks_at_everything_no_more_on_its_own_until_the_end() -> None:
    before = gc.get_threshold()
    async with looked_through(lambda: 0):
        assert gc.get_threshold() == (*before[:2], NEVER)
    assert gc.get_threshold() == before
