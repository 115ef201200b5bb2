"""Which proxy a call goes through, with its password and never showing it."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from node.program.proxies import (
    Proxy,
    System,
    ThroughProxies,
    open_session,
    parse_proxy,
    proxy_for,
)
from tests.support.certificates import self_signed
from tests.support.http_proxy import LOOPBACK, SmallProxy, small_proxy
from tests.support.web_site import web_site

SECRET = "s#c/r@t"
WRITTEN = "s%23c%2Fr%40t"


def system(settings: Mapping[str, str], *bypassed: str) -> System:
    return System(lambda: settings, lambda host: host in bypassed)


@pytest.mark.parametrize(
    ("setting", "url", "shown"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", "proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128", "proxy.example:3128"),
        (" http://PROXY.example/ ", "http://proxy.example:80", "proxy.example:80"),
        ("https://proxy.example", "https://proxy.example:443", "proxy.example:443"),
        ("user:word@[::1]:8080", "http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_proxies_are_written_in_several_ways(setting: str, url: str, shown: str) -> None:
    proxy = parse_proxy(setting)
    assert (proxy.url, proxy.shown, proxy.flaw) == (url, shown, "")


def test_user_and_password_are_sent_as_they_were_meant() -> None:
    assert parse_proxy(f"http://ann%40x:{WRITTEN}@p:1").authorization == "Basic YW5uQHg6cyNjL3JAdA=="
    assert parse_proxy("http://p:1").authorization == ""


@pytest.mark.parametrize(
    "setting",
    [
        "http://ann:12#secret@p:1",
        "http://ann:12/secret@p:1",
        "http://ann:1?secret@p:1",
        "http://p:port",
        "http://",
        "//",
    ],
)
def test_what_cannot_be_read_is_not_shown_in_part(setting: str) -> None:
    proxy = parse_proxy(setting)
    assert (proxy.flaw, proxy.shown) == ("unreadable", "(it cannot be read)")
    assert "ann" not in repr(proxy)


def test_a_kind_that_we_do_not_speak_is_told_without_its_password() -> None:
    proxy = parse_proxy("socks5://ann:secret@p")
    assert (proxy.flaw, proxy.shown) == ("scheme", "socks5://p:1080")
    assert "secret" not in repr(proxy)
    assert parse_proxy("http://ann:secret@p:1").authorization not in repr(parse_proxy("http://ann:secret@p:1"))


def test_each_scheme_has_its_own_and_some_hosts_have_none() -> None:
    here = system({"http": "a:1", "https": "b:2"}, "inside.example")

    def shown(url: str, where: System = here) -> str | None:
        proxy = proxy_for(url, where)
        return proxy.shown if proxy is not None else None

    assert shown("http://x.example/path") == "a:1"
    assert shown("https://x.example") == "b:2"
    assert shown("https://inside.example") is None
    assert shown("https://x.example", system({"all": "c:3"})) == "c:3"
    assert shown("https://x.example", system({"https": " ", "http": "a:1"})) is None
    for host in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST."):
        assert shown(f"http://{host}:8080") is None, "a proxy would find itself there"


def test_the_environment_is_read_as_others_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:secret@p:1")
    monkeypatch.setenv("NO_PROXY", "inside.example,.lan")
    assert proxy_for("https://x.example", System()) == Proxy("http", "p", 1, "Basic YW5uOnNlY3JldA==")
    assert proxy_for("https://inside.example", System()) is None
    assert proxy_for("https://a.lan", System()) is None
    assert proxy_for("http://x.example", System()) is None


@contextlib.asynccontextmanager
async def served(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(message.data[::-1])
            return socket
        return web.json_response(dict(request.headers))

    app = web.Application()
    app.router.add_get("/", answer)
    async with web_site(app, tls) as url:
        yield int(url.rpartition(":")[2])


async def test_calls_and_websockets_go_through_with_the_password_and_nobody_else_sees_it() -> None:
    async with served() as port:
        url = f"http://mesh.test:{port}/"
        async with small_proxy(SmallProxy({"mesh.test": LOOPBACK}, f"ann:{SECRET}")) as proxy:
            through = ThroughProxies(system({"http": proxy.url(f"ann:{WRITTEN}")}))
            async with open_session(through) as session:
                async with session.get(url, headers={"Authorization": "Bearer x"}) as answer:
                    told = await answer.json()
                async with session.ws_connect(url) as socket:
                    await socket.send_str("abc")
                    assert (await socket.receive()).data == "cba"
            assert told["Authorization"] == "Bearer x", "ours stays ours"
            assert "Proxy-Authorization" not in told
            assert proxy.let_through


async def test_the_way_to_the_proxy_may_be_encrypted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = self_signed(tmp_path, "mesh.test")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(cert)))
    async with served(tls) as port:
        url = f"https://mesh.test:{port}/"
        async with small_proxy(SmallProxy({"mesh.test": LOOPBACK}, "ann:word"), tls) as proxy:
            setting = f"https://ann:word@{LOOPBACK}:{proxy.port}"
            async with open_session(ThroughProxies(system({"https": setting}))) as session:
                async with session.get(url) as answer:
                    assert "Proxy-Authorization" not in await answer.json()
                async with session.ws_connect(url) as socket:
                    await socket.send_str("abc")
                    assert (await socket.receive()).data == "cba"
            assert {line.split()[0] for line in proxy.asked} == {"CONNECT"}
            assert proxy.let_through


async def test_a_wrong_password_is_a_407_and_stays_out_of_what_is_said() -> None:
    async with small_proxy(SmallProxy(password=f"ann:{SECRET}")) as proxy:
        settings = {name: proxy.url("ann:wrongword") for name in ("http", "https")}
        async with open_session(ThroughProxies(system(settings))) as session:
            async with session.get("http://mesh.test/") as answer:
                assert answer.status == 407
            with pytest.raises(aiohttp.ClientHttpProxyError) as refused:
                await session.get("https://mesh.test/")
            assert refused.value.status == 407
            assert "wrongword" not in str(refused.value)
        assert [line.split()[0] for line in proxy.asked] == ["GET", "CONNECT"]


async def test_an_unusable_proxy_is_said_once_and_calls_go_out_without(caplog: pytest.LogCaptureFixture) -> None:
    here = System(lambda: {"http": "socks5://ann:secret@p:1"}, lambda _host: False)
    try:
        async with served() as port, open_session(ThroughProxies(here)) as session:
            # A name of this machine that is not told apart from others: 127.0.0.1 in another spelling.
            for _ in range(2):
                async with session.get(f"http://[::ffff:127.0.0.1]:{port}/", raise_for_status=False) as answer:
                    assert answer.status == 200
    except aiohttp.ClientConnectorError:
        pytest.fail("it went to the proxy")
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "socks5://p:1" in said[0]
    assert "secret" not in caplog.text


async def test_what_stands_in_netrc_is_nobodys_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with (
        served() as port,
        open_session() as session,
        session.get(f"http://{LOOPBACK}:{port}/") as answer,
    ):
        assert "Authorization" not in await answer.json()
