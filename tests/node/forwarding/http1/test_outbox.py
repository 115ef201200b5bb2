from __future__ import annotations

import asyncio
from typing import Any

from node.forwarding.http1.outbox import Outbox


class Transport:
    """Notes what is written to it, among others."""

    def __init__(self, name: str, told: list[tuple[str, bytes]]) -> None:
        self.name = name
        self.told = told
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def write(self, data: bytes) -> None:
        if not data:
            raise ValueError("nothing to write")
        self.told.append((self.name, data))


async def test_what_a_turn_has_to_say_is_said_at_its_end_and_in_order() -> None:
    told: list[tuple[str, bytes]] = []
    one: Any = Transport("one", told)
    other: Any = Transport("other", told)
    outbox, loop = Outbox(), asyncio.get_running_loop()
    outbox.write(one, b"1", loop)
    outbox.write(other, b"2", loop)
    outbox.write(one, b"3", loop)
    assert told == []
    await asyncio.sleep(0)
    assert told == [("one", b"1"), ("other", b"2"), ("one", b"3")]
    outbox.write(other, b"4", loop)
    await asyncio.sleep(0)
    assert told[3:] == [("other", b"4")]


async def test_nothing_goes_to_who_has_been_closed_meanwhile() -> None:
    told: list[tuple[str, bytes]] = []
    gone: Any = Transport("gone", told)
    there: Any = Transport("there", told)
    outbox, loop = Outbox(), asyncio.get_running_loop()
    outbox.write(gone, b"1", loop)
    outbox.write(there, b"2", loop)
    gone.closing = True
    await asyncio.sleep(0)
    assert told == [("there", b"2")]


async def test_a_connection_that_cannot_be_written_to_keeps_nothing_from_the_others() -> None:
    told: list[tuple[str, bytes]] = []
    bad: Any = Transport("bad", told)
    good: Any = Transport("good", told)
    outbox, loop = Outbox(), asyncio.get_running_loop()
    outbox.write(bad, b"", loop)
    outbox.write(good, b"1", loop)
    await asyncio.sleep(0)
    assert told == [("good", b"1")]
    assert (bad.closing, good.closing) == (True, False)


async def test_what_is_written_directly_comes_behind_what_was_held() -> None:
    """A worker that answers what it has not been asked yet must not get the rest of a request before its head."""
    told: list[tuple[str, bytes]] = []
    one: Any = Transport("one", told)
    outbox, loop = Outbox(), asyncio.get_running_loop()
    outbox.write(one, b"1", loop)
    outbox.direct(one).write(b"2")
    assert told == [("one", b"1"), ("one", b"2")]
    await asyncio.sleep(0)
    assert told == [("one", b"1"), ("one", b"2")]
