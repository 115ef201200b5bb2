"""The application sees the true client, and believes nobody about it but our own processes."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from coordinator_server.gateway_processes.from_gateways import FromGateways
from node.program.errors import UserFacingError
from tests.support.certificates import self_signed
from tests.support.two_halves import TwoHalves, two_halves

LIE = {"X-RMA-Client": "https 203.0.113.9"}


async def test_the_client_is_the_one_at_the_other_end_whatever_it_says() -> None:
    async with two_halves() as halves:
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.3", 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            for url in (halves.first, halves.gateway):
                async with session.get(url, headers=LIE) as answer:
                    told = await answer.json()
                assert (told["remote"], told["scheme"]) == ("127.0.0.3", "http")
                assert "x-rma-client" not in told["fields"]


async def test_tls_ends_in_the_process_that_has_the_client(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    async with two_halves(context) as halves, aiohttp.ClientSession() as session:
        async with session.get(halves.gateway, ssl=False) as answer:
            told = await answer.json()
        assert (told["remote"], told["scheme"]) == ("127.0.0.1", "https")


@pytest.mark.parametrize("said",
    [
        [], ["http"], ["ftp 1.2.3.4 1"], ["http 1.2.3.4 1", "http 5.6.7.8 1"], ["http "], ["http  1"],
        ["http 1.2.3.4"], ["http 1.2.3.4 x"],
    ],
)  # fmt: skip
async def test_nobody_speaks_on_the_private_socket_without_saying_for_whom(said: list[str]) -> None:
    async with two_halves() as halves:
        head = "".join(f"X-RMA-Client: {one}\r\n" for one in said)
        status, _ = await raw(halves, f"GET / HTTP/1.1\r\nHost: a\r\n{head}Connection: close\r\n\r\n")
        assert status == 400
        good = "GET / HTTP/1.1\r\nHost: a\r\nX-RMA-Client: http 2001:db8::1 1\r\nConnection: close\r\n\r\n"
        status, body = await raw(halves, good)
        assert status == 200
        assert b'"remote": "2001:db8::1"' in body


async def raw(halves: TwoHalves, request: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_unix_connection(halves.private)
    writer.write(request.encode())
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]), answer


async def test_only_we_can_enter_the_folder_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with two_halves() as halves:
        folder = Path(halves.private).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


async def test_a_name_that_is_too_long_for_a_socket_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(UserFacingError, match="cannot reach each other"):
        await FromGateways(web.Application(), None).start()
    assert list(deep.iterdir()) == []
