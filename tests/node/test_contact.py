"""The conversation with the coordinator: one call at a time, the earliest appointment counts."""

from __future__ import annotations

import asyncio

import pytest

import node.contact
from node.contact import CoordinatorContact


async def test_the_earliest_appointment_counts() -> None:
    came: list[float] = []
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    async def due() -> None:
        came.append(loop.time())
        done.set()

    contact = CoordinatorContact(due)
    contact.start()
    began = loop.time()
    contact.schedule(3000)
    contact.schedule(0.05)
    contact.schedule(2000)
    await asyncio.wait_for(done.wait(), 30)
    assert came[0] - began < 2000
    assert len(came) == 1
    await contact.stop()


async def test_what_is_asked_for_during_a_call_comes_after_it() -> None:
    order: list[str] = []
    finished = asyncio.Event()

    async def call() -> None:
        order.append("begin")
        contact.schedule(0)
        await asyncio.sleep(0)
        order.append("end")
        if order.count("end") == 2:
            finished.set()

    async def due() -> None:
        if order.count("end") < 2:
            contact.begin(call)

    contact = CoordinatorContact(due)
    contact.start()
    contact.schedule(0)
    await asyncio.wait_for(finished.wait(), 30)
    assert order == ["begin", "end", "begin", "end"]
    await contact.quiet(30)
    await contact.stop()
    await contact.stop()


async def test_quiet_comes_after_what_is_due_was_said() -> None:
    said: list[str] = []

    async def call() -> None:
        await asyncio.sleep(0.05)
        said.append("goodbye")

    async def due() -> None:
        await asyncio.sleep(0.05)
        contact.begin(call)

    contact = CoordinatorContact(due)
    contact.start()
    contact.schedule(0)
    await contact.quiet(30)
    assert said == ["goodbye"]
    await contact.stop()


async def test_a_fault_is_told_and_not_the_end_of_all(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(node.contact, "AGAIN", 0.01)
    turns: list[str] = []
    done = asyncio.Event()

    async def call() -> None:
        raise LookupError("nobody thought of that")

    async def due() -> None:
        turns.append("due")
        if len(turns) == 1:
            contact.begin(call)
        elif len(turns) == 2:
            raise KeyError
        else:
            done.set()

    contact = CoordinatorContact(due)
    contact.start()
    contact.schedule(0)
    async with asyncio.timeout(30):
        await done.wait()
    await contact.stop()
    assert "nobody thought of that" in caplog.text


async def test_nobody_waits_longer_than_the_limit() -> None:
    async def due() -> None:
        await asyncio.Event().wait()

    contact = CoordinatorContact(due)
    contact.start()
    contact.schedule(0)
    async with asyncio.timeout(30):
        await contact.quiet(0.05)
    await contact.stop()
