"""A node whose only way out is an HTTP proxy with a password: it joins, is told at once, and serves by relay."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from coordinator_server.listening import read_tls
from coordinator_server.serving import running
from node.cli_client import status_document
from node.cli_doctor import doctor_lines
from node.config import NodeConfig
from node.control import EnrollIntent
from node.coordinator_client import CoordinatorClient, CoordinatorError
from node.doctor import Diagnosis
from node.program.proxies import System, ThroughProxies, open_session
from node.program.web import bind
from node.runtime import NodeRuntime
from node.wire.messages import CoordinatorInfo
from node.wire.tokens import TokenIssuer
from tests.support.certificates import self_signed
from tests.support.coordinators import Room, coordinator_room, quick_config
from tests.support.http_proxy import LOOPBACK, SmallProxy, small_proxy
from tests.support.relays import CATALOGUE, RelayedWorker, hub
from tests.support.waiting import eventually

NAME = "mesh.test"  # known to the proxy alone
SECRET = "s3cretword"
SIZE = 3_000_000
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    """A coordinator with a certificate for its name, which everybody here trusts."""
    cert, key = self_signed(tmp_path, NAME)
    trusting = ssl.create_default_context(cafile=str(cert))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    config = quick_config(
        tmp_path / "c",
        tls_cert=str(cert),
        tls_key=str(key),
        vpn="off",
        anonymous=True,
        address_rate="100000/s",
        connect_timeout=30.0,
    )
    config.directory.mkdir()
    async with running(config, CATALOGUE, read_tls(config)) as site, aiohttp.ClientSession() as session:
        yield Room(site, session, time.time)  # type: ignore[arg-type]  # it is called, no more


@pytest.fixture
async def proxy() -> AsyncIterator[SmallProxy]:
    async with small_proxy(SmallProxy({NAME: LOOPBACK}, f"ann:{SECRET}")) as proxy:
        yield proxy


def at_name(room: Room) -> str:
    return f"https://{NAME}:{room.url.rpartition(':')[2]}"


@contextlib.asynccontextmanager
async def worker_behind(room: Room, proxy: SmallProxy, user: str) -> AsyncIterator[RelayedWorker]:
    """Run a worker without an open port that calls its coordinator through the proxy only."""
    worker = await room.worker("w1")
    made = RelayedWorker(worker)
    await made.http.close()
    through = ThroughProxies(System(lambda: {"https": proxy.url(user)}, lambda _host: False))
    made.http = open_session(through, connector=aiohttp.TCPConnector(limit=0))
    made.info = CoordinatorInfo(id=worker.audience, url=at_name(room))
    issuer = TokenIssuer(worker.key, worker.worker_id, worker.credential, worker.clock)
    made.client = CoordinatorClient(made.http, issuer, worker.worker_id, worker.key)
    closed = bind(LOOPBACK, 0)
    try:
        await made.start()
        assert (await worker.register(port=closed.getsockname()[1])).status == 200
        assert (await worker.heartbeat("ner")).status == 200
        closed.close()
        yield made
    finally:
        closed.close()
        await made.stop()


async def test_requests_come_by_relay_through_a_slow_proxy_with_a_password(room: Room, proxy: SmallProxy) -> None:
    proxy.delay = 0.1
    async with worker_behind(room, proxy, f"ann:{SECRET}") as made, aiohttp.ClientSession() as client:
        await made.open_channel()
        await eventually(lambda: hub(room).offers("w1"), "the relay is offered")
        service = f"{room.url}/service/ner"
        body = bytes(range(256)) * (SIZE // 256)
        async with client.post(f"{service}/digest", data=io.BytesIO(body)) as answer:
            assert answer.headers["X-RMA-Route"] == "relay"
            assert (await answer.json())["digest"] == hashlib.sha256(body).hexdigest()
        async with client.get(f"{service}/much/{SIZE}") as answer:
            assert len(await answer.read()) == SIZE
        proxy.cut()
        await eventually(lambda: made.channel is not None and made.channel.closed, "the channel is cut")
        await made.open_channel()
        async with client.post(f"{service}/echo", data=b"again") as answer:
            assert await answer.read() == b"again"
    assert {line.split()[0] for line in proxy.asked} == {"CONNECT"}, "the proxy never sees what is asked"


@pytest.mark.parametrize("user", ["", "ann:wrongword"])
async def test_without_the_right_password_it_is_said_and_never_shown(
    room: Room, proxy: SmallProxy, user: str
) -> None:
    async with worker_behind(room, proxy, user) as made:
        for attempt in (made.open_channel(), made.client.open_relay(made.http, made.info, "x" * 22)):
            with pytest.raises(CoordinatorError, match="wants a user name and a password") as refused:
                await attempt
            assert "wrongword" not in str(refused.value)
        proxy.password, proxy.refuses_with = "", 403
        with pytest.raises(CoordinatorError, match="does not let the connection through"):
            await made.open_channel()


async def test_a_proxy_that_knows_no_websockets_lets_calls_through_only(tmp_path: Path, proxy: SmallProxy) -> None:
    proxy.strips_upgrade, proxy.password = True, ""
    async with coordinator_room(tmp_path / "plain", vpn="off") as room:
        worker = await room.worker("w1")
        assert (await worker.register()).status == 200
        through = ThroughProxies(System(lambda: {"http": proxy.url()}, lambda _host: False))
        async with open_session(through) as http:
            issuer = TokenIssuer(worker.key, worker.worker_id, worker.credential, worker.clock)
            client = CoordinatorClient(http, issuer, worker.worker_id, worker.key)
            info = CoordinatorInfo(id=worker.audience, url=room.url.replace(LOOPBACK, NAME))
            assert (await client.seen(info, knock=False)).address == LOOPBACK
        async with open_session(through) as http:
            client = CoordinatorClient(http, issuer, worker.worker_id, worker.key)
            with pytest.raises(CoordinatorError):
                await client.open_channel(info, 20.0)


def route(found: Diagnosis, name: str) -> tuple[bool | None, str]:
    return next((one.works, one.text) for one in found.routes if one.route == name)


async def test_a_whole_node_lives_behind_it_and_tells_what_is_wrong(
    room: Room,
    proxy: SmallProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url(f"ann:{SECRET}"))
    told: list[object] = []
    folder = tmp_path / "node"
    folder.mkdir()
    config = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", probe_timeout=20.0)
    node = NodeRuntime(config, folder)
    await node.start()
    try:
        await node.desk.enroll(EnrollIntent(coordinator=at_name(room), invite=await room.invite()))
        await eventually(lambda: node.state.registered and node.state.channel.open, "it is connected")
        assert hub(room).offers(str(node.state.worker_id))
        well = await node.desk.diagnose()
        works, said = route(well, "relay")
        assert works
        assert said == f"Requests can come through {at_name(room)}, by way of the proxy {LOOPBACK}:{proxy.port}."
        told += [well, status_document(node.state), node.desk.view()]

        before = len(proxy.asked)
        proxy.cut()
        await eventually(lambda: len(proxy.asked) > before and node.state.channel.open, "it came back")

        proxy.password = "ann:another"
        proxy.cut()
        await eventually(lambda: "password" in node.state.channel.detail, "the proxy does not let it in")
        wrong = await node.desk.diagnose()
        assert route(wrong, "relay")[0] is False
        lines = doctor_lines(wrong)
        assert f"The proxy {LOOPBACK}:{proxy.port} does not accept the user name and password" in " ".join(lines)
        told += [wrong, lines, status_document(node.state), node.desk.view()]
    finally:
        await node.stop()
    shown = msgspec.json.encode(told).decode() + caplog.text
    assert SECRET not in shown
    assert "YW5uOnMzY3JldHdvcmQ" not in shown, "nor as it is sent"
    assert {line.split()[0] for line in proxy.asked} == {"CONNECT"}
