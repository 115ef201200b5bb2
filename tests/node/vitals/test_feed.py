"""Looks for whoever looks: shared, and none while nobody does."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from node.vitals.feed import VitalsFeed
from node.vitals.gauges import GaugeReader
from node.vitals.gpus import GpuMeter
from node.vitals.keeper import ContributionKeeper, Sources
from tests.support.waiting import eventually


@pytest.fixture
def keeper(tmp_path: Path) -> ContributionKeeper:
    sources = Sources(roots=dict, on_gpu=frozenset, in_flight=lambda _: 0, has_gpu=lambda: False)
    return ContributionKeeper(tmp_path, sources, meter=GpuMeter(cards=lambda: ()))


async def test_those_who_look_share_the_looks_and_the_last_one_ends_them(
    keeper: ContributionKeeper, tmp_path: Path
) -> None:
    counted = 0
    count = keeper.count

    async def counting() -> None:
        nonlocal counted
        counted += 1
        await count()

    keeper.count = counting  # type: ignore[method-assign]
    feed = VitalsFeed(keeper, GaugeReader(tmp_path), period=0.01)
    keeper.request_ended("ner", 200, 0.05)
    async with contextlib.aclosing(feed.follow()) as one, contextlib.aclosing(feed.follow()) as other:
        first, second = await anext(one), await anext(other)
        assert second.sequence >= first.sequence
        assert feed.watchers == 2
        assert keeper.watched
        later = [await anext(one) for _ in range(3)]
        assert [v.sequence for v in later] == sorted({v.sequence for v in later})
        assert later[-1].at > first.at
        assert later[-1].gauges.cpu_ours == 0.0
        assert later[-1].services[0].requests == later[-1].contribution.today.requests == 1
    await eventually(lambda: not feed.watchers, "nobody to look")
    assert not keeper.watched
    before = counted
    await asyncio.sleep(0.1)
    assert counted == before
    async with contextlib.aclosing(feed.follow()) as again:
        assert (await anext(again)).sequence > 0
