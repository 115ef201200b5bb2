"""Knocks: whoever answers in any way is there, and one knock serves all who doubt."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from functools import partial

import pytest

from node.forwarding.knocker import TRIES, Knocker, is_there, touch_tcp
from tests.support.waiting import eventually

LONG = 60.0  # seconds: a busy machine is not what is tested


async def silent(_host: str, _port: int) -> None:
    await asyncio.Event().wait()


async def unreachable(_host: str, _port: int) -> None:
    raise OSError(113, "no route to host")


async def test_who_listens_is_there_and_who_refuses_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert await is_there(listener.getsockname(), touch_tcp, LONG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert await is_there(taken.getsockname(), touch_tcp, LONG)


async def test_who_says_nothing_in_time_is_not_there() -> None:
    assert not await is_there(("192.0.2.1", 1), silent, 0.05)


async def test_where_no_way_leads_nobody_is() -> None:
    assert not await is_there(("192.0.2.1", 1), unreachable, LONG)


async def test_what_this_machine_lacks_says_nothing_against_others() -> None:
    async def full(_host: str, _port: int) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    assert await is_there(("192.0.2.1", 1), full, LONG)


async def test_the_last_of_several_tries_is_as_good_as_the_first() -> None:
    tries = 0

    async def late(_host: str, _port: int) -> None:
        nonlocal tries
        tries += 1
        if tries < TRIES:
            await asyncio.Event().wait()

    assert await is_there(("192.0.2.1", 1), late, LONG)
    assert tries == TRIES


async def test_one_knock_serves_all_who_doubt_and_the_next_one_knocks_anew() -> None:
    knocks: list[tuple[str, int]] = []
    found: list[tuple[int, bool]] = []
    release = asyncio.Event()

    def tell(number: int, there: bool) -> None:
        found.append((number, there))

    async def nobody(host: str, port: int) -> None:
        knocks.append((host, port))
        await release.wait()
        raise OSError

    knocker = Knocker(nobody, LONG)
    for number in range(3):
        knocker.knock(("192.0.2.1", 1), partial(tell, number))
    await eventually(lambda: len(knocks) == TRIES, "it was knocked", LONG)
    release.set()
    await eventually(lambda: found == [(0, False), (1, False), (2, False)], "all were told", LONG)
    knocker.knock(("192.0.2.1", 1), partial(tell, 3))
    await eventually(lambda: found[3:] == [(3, False)], "it was knocked anew", LONG)
    await knocker.stop()


async def test_it_is_told_that_somebody_is_there() -> None:
    found: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        knocker = Knocker(patience=LONG)
        knocker.knock(listener.getsockname(), found.append)
        await eventually(lambda: found == [True], "it was found out", LONG)
        await knocker.stop()


async def test_one_who_fails_when_told_keeps_nobody_else_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    found: list[bool] = []

    def fails(_there: bool) -> None:
        raise ValueError

    knocker = Knocker(unreachable, LONG)
    with caplog.at_level(logging.ERROR):
        knocker.knock(("192.0.2.1", 1), fails)
        knocker.knock(("192.0.2.1", 1), found.append)
        await eventually(lambda: found == [False], "told", LONG)
    assert "what a knock found" in caplog.text
    await knocker.stop()


async def test_a_stop_ends_a_knock_under_way() -> None:
    found: list[bool] = []
    knocker = Knocker(silent, LONG)
    knocker.knock(("192.0.2.1", 1), found.append)
    await knocker.stop()
    knocker.knock(("192.0.2.1", 1), found.append)
    assert (found, knocker._doubting, len(knocker._tasks)) == ([], {}, 0), "nor is there another one after it"
