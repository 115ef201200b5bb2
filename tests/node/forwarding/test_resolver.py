"""A name that a worker claims must not lead into somebody's network."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from node.forwarding.resolver import PublicResolver, is_public


class Names(AbstractResolver):
    """A resolver that an attacker answers."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.5", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1%eth0", "fd00::1",
     "::ffff:127.0.0.1", "0.0.0.0"],
)  # fmt: skip
async def test_addresses_inside_a_network_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(OSError, match="no public address"):
        await PublicResolver(Names(address)).resolve("worker.example.org", 443)


async def test_only_the_public_ones_of_several_addresses_are_used() -> None:
    found = await PublicResolver(Names("127.0.0.1", "93.184.215.14")).resolve("worker.example.org", 443)
    assert [result["host"] for result in found] == ["93.184.215.14"]
