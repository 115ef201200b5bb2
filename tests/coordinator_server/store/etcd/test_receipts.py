"""A receipt belongs to one transaction at a time, and is read again where it is not known what stands there."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from coordinator_server.store.etcd.receipts import AT_ONCE, Receipts, new_name


async def test_each_is_lent_to_one_and_there_are_so_many() -> None:
    receipts = Receipts(b"r/")
    async with contextlib.AsyncExitStack() as stack:
        lent = [await stack.enter_async_context(receipts.one()) for _ in range(AT_ONCE)]
        assert len({receipt.key for receipt in lent}) == AT_ONCE
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await stack.enter_async_context(receipts.one())
    async with receipts.one() as receipt:
        assert receipt.version == 0, "who waits and goes away has had none"


async def test_what_did_not_end_well_is_read_before_the_next() -> None:
    receipts = Receipts(b"r/")
    with pytest.raises(RuntimeError):
        async with receipts.one() as receipt:
            receipt.version = 5
            raise RuntimeError
    async with receipts.one() as again:
        assert (again.key, again.version) == (receipt.key, None)


def test_names_and_clients_are_unlike() -> None:
    assert new_name() != new_name()
