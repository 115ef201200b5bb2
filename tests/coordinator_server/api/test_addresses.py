"""Where a request came from: a proxy on this machine is believed, nobody else."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from coordinator_server.api.addresses import client_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "fe80::1%\x85 anything", "fe80::1"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("127.0.0.1", "unknown", ""),
        ("127.0.0.1", "", ""),
    ],
)
def test_who_asks(peer: str, forwarded: str | None, address: str) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert client_address(request) == address


@pytest.mark.parametrize("name", ["Forwarded", "X-Real-IP", "CF-Connecting-IP"])
def test_behind_a_proxy_that_tells_it_otherwise_nobody_passes_for_this_machine(name: str) -> None:
    request = make_mocked_request("GET", "/", headers={name: "127.0.0.1"}).clone(remote="127.0.0.1")
    assert client_address(request) == ""
