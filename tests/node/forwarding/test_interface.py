from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from node.forwarding.aiohttp_forwarder import AiohttpForwarder
from node.forwarding.body import Body, BodyGoneError
from node.forwarding.interface import Exchange, Forwarder, ForwardingError, UpstreamReset


class Nothing:
    """A body of no bytes."""

    async def readany(self) -> bytes:
        return b""


def exchange(body: Body | None) -> Exchange:
    return Exchange(make_mocked_request("PUT", "/"), "vision-ocr", "/", CIMultiDict(), body)


async def test_a_request_without_a_body_can_always_be_sent_again() -> None:
    bare = exchange(None)
    assert (bare.method, bare.replayable) == ("PUT", True)
    await bare.close()


async def test_closing_an_exchange_closes_its_body() -> None:
    body = Body(Nothing(), limit=10)
    await exchange(body).close()
    with pytest.raises(BodyGoneError):
        await anext(aiter(body))


def test_whoever_catches_forwarding_errors_catches_all_of_them() -> None:
    forwarder: Forwarder = AiohttpForwarder(lambda worker_id: worker_id)
    assert callable(forwarder.attempt)
    assert issubclass(UpstreamReset, ForwardingError)
