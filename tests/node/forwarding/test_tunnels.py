"""Workers behind a tunnel: reached by name over TLS, under a certificate for that name and nobody else's."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from node.forwarding.http1.pool import Address, connect_tcp
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.resolver import PublicConnector
from node.program.web import HttpServer, bind
from node.wire.messages import Endpoints
from tests.support.certificates import self_signed
from tests.support.routing import Front, Source, front, post, record

NAME, PUBLIC = "worker.example.org", "93.184.215.14"


async def hello(request: web.Request) -> web.Response:
    assert request.transport is not None
    assert request.transport.get_extra_info("sslcontext") is not None
    return web.Response(text=f"{request.host} {request.headers['X-RMA-Token']}", headers={"X-RMA-Attempts": "1"})


@contextlib.asynccontextmanager
async def tunnelled(folder: Path, certified: str, leads_to: str) -> AsyncIterator[Front]:
    """Run a gateway before a worker that has a tunnel only; the tunnel's name leads to some address."""
    certificate, key = self_signed(folder, certified)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", hello)
    server = HttpServer(app, bind("127.0.0.1", 0), server_side)
    await server.start()

    async def look_up(name: str, port: int) -> Sequence[str]:
        assert (name, port) == (NAME, 443)
        return [leads_to]

    async def connect(address: Address, connection: UpstreamConnection) -> None:
        assert address.host == leads_to
        await connect_tcp(replace(address, host="127.0.0.1", port=server.port), connection)

    ends = Endpoints(port=8000, direct_hosts=(), tunnel_url=f"https://{NAME}")
    worker = msgspec.structs.replace(record("w1", 8000), endpoints=ends)
    async with front(Source(records=[worker])) as gateway:
        forwarder = gateway.router._parts.forwarder
        forwarder._trust = ssl.create_default_context(cafile=str(certificate))
        forwarder._upstreams.connect = PublicConnector(look_up, connect)
        yield gateway
    await server.stop()


async def test_a_tunnel_is_reached_by_its_own_name_over_tls(tmp_path: Path) -> None:
    async with tunnelled(tmp_path, NAME, PUBLIC) as gateway:
        for _ in range(2):
            assert await post(gateway) == (200, "1", f"{NAME} token-for-w1")
        assert gateway.router.stats().requests_by_route == {"tunnel": 2}


@pytest.mark.parametrize(("certified", "leads_to"), [("other.example.org", PUBLIC), (NAME, "169.254.169.254")])
async def test_a_wrong_certificate_and_an_address_inside_our_network_are_refused(
    tmp_path: Path, certified: str, leads_to: str
) -> None:
    async with (
        tunnelled(tmp_path, certified, leads_to) as gateway,
        gateway.client.post(gateway.url("/service/ocr")) as answer,
    ):
        document = await answer.text()
        assert answer.status == 502
        assert leads_to not in document
        assert NAME not in document
