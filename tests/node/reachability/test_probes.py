"""Everything is looked at at once and in time: a real coordinator, strangers, proxies, and nobody at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from node.coordinator_client import CoordinatorError
from node.dht.messages import MESH_TAG_BYTES
from node.program.proxies import System, ThroughProxies, open_session
from node.reachability.observations import CoordinatorSeen, Observations
from node.reachability.probes import Scene, look_up, observe
from node.wire.encoding import fingerprint
from node.wire.messages import SeenAs
from tests.support.coordinators import Room, coordinator_room
from tests.support.http_proxy import LOOPBACK, SmallProxy, small_proxy
from tests.support.web_site import web_site

LONG = 30.0  # seconds


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", vpn="off", clock=None) as room:
        yield room


async def look(scene: Scene, through: ThroughProxies | None = None, limit: float = LONG) -> Observations:
    through = through or ThroughProxies(System(dict, lambda _host: False))
    async with open_session(through) as http:
        return await observe(scene, http, through, limit)


def proxied(url: str) -> ThroughProxies:
    return ThroughProxies(System(lambda: {"http": url, "https": url}, lambda _host: False))


async def test_a_coordinator_answers_with_its_clock_and_what_it_sees(room: Room) -> None:
    async def ask(knock: bool) -> SeenAs:
        return SeenAs(address="192.0.2.1", reached=knock)

    found = await look(Scene(room.url, ("192.168.1.5",), ask_outside=ask))
    assert found.coordinator is not None
    assert (found.coordinator.outcome, found.coordinator.status) == ("answers", 200)
    assert found.coordinator.clock_offset is not None
    assert found.outside == SeenAs(address="192.0.2.1", reached=True)
    assert (found.own_addresses, found.proxy, found.name) == (("192.168.1.5",), None, None)


async def test_the_dht_of_a_coordinator_says_where_it_sees_us(room: Room) -> None:
    contact = (LOOPBACK, room.coordinator.dht.port)
    tag = fingerprint(room.coordinator.keyring.keys.founding)[:MESH_TAG_BYTES]
    found = await look(Scene(room.url, udp=(contact,), mesh_tag=tag))
    assert found.udp_asked == 1
    assert [(one.asked, one.seen[0]) for one in found.mappings] == [(contact, LOOPBACK)]


@pytest.mark.parametrize("text", ["Please log in.", "\udcff", "[" * 60_000, '{"a":' * 12_000])
async def test_a_stranger_is_no_coordinator(text: str) -> None:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(body=text.encode("utf-8", "surrogateescape"))

    app = web.Application()
    app.router.add_get("/health", hello)
    async with web_site(app) as url:
        found = await look(Scene(url))
        assert found.coordinator == CoordinatorSeen("stranger", 200)


async def test_proxies_are_named_without_their_password_and_nobody_knocks_at_them(room: Room) -> None:
    knocked = []

    async def ask(knock: bool) -> SeenAs:
        knocked.append(knock)
        raise CoordinatorError("no")

    port = int(room.url.rpartition(":")[2])
    scene = Scene(f"http://mesh.test:{port}", ask_outside=ask)
    async with small_proxy(SmallProxy({"mesh.test": LOOPBACK}, "ann:secret")) as proxy:
        right = await look(scene, proxied(proxy.url("ann:secret")))
        wrong = await look(scene, proxied(proxy.url("ann:another")))
        hidden = await look(Scene(f"https://mesh.test:{port}"), proxied(proxy.url()))
        proxy.password, proxy.refuses_with = "", 403
        refused = await look(Scene(f"https://mesh.test:{port}"), proxied(proxy.url()))
    gone = await look(Scene("https://mesh.test"), proxied(proxy.url()))
    ends = [one.coordinator.outcome for one in (right, wrong, hidden, refused, gone) if one.coordinator is not None]
    assert ends == ["answers", "proxy-password", "proxy-password", "proxy-refuses", "proxy-unreachable"]
    assert knocked == [False, False]
    assert right.proxy is not None
    assert (right.proxy.has_password, right.proxy.shown) == (True, f"{LOOPBACK}:{proxy.port}")
    assert "secret" not in repr(right)


async def test_names_are_known_unknown_or_nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Exception] = [
        socket.gaierror(socket.EAI_NONAME, "no"), socket.gaierror(socket.EAI_AGAIN, "no"), UnicodeError(),
    ]  # fmt: skip

    async def resolve(*_: object, **__: object) -> list[object]:
        if not ends:
            return []
        raise ends.pop(0)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    found = [await look_up("https://mesh.example") for _ in range(4)]
    assert found == ["unknown", "nobody-says", "unknown", "found"]
    assert [await look_up(url) for url in (None, "http://192.0.2.1", "http://localhost")] == [None] * 3


async def test_where_everything_is_dead_it_ends_in_time() -> None:
    deaf = socket.create_server((LOOPBACK, 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((LOOPBACK, 0))

    async def ask(_knock: bool) -> SeenAs:
        await asyncio.Event().wait()
        raise AssertionError

    url = f"http://{LOOPBACK}:{deaf.getsockname()[1]}"
    try:
        async with asyncio.timeout(60):  # each look has its limit, and they run side by side
            found = await look(Scene(url, udp=(udp.getsockname(),), mesh_tag=b"mesh", ask_outside=ask), limit=0.5)
    finally:
        deaf.close()
        udp.close()
    assert found.coordinator == CoordinatorSeen("timeout")
    assert (found.outside, found.mappings, found.udp_asked) == (None, (), 1)
