"""Addresses as JSON: text in, address out, and nothing else."""

from __future__ import annotations

from ipaddress import IPv4Address

import msgspec
import pytest

from node.vpn.coding import from_json, to_json


def test_an_address_is_its_text() -> None:
    assert to_json(IPv4Address("10.42.0.1")) == b'"10.42.0.1"'
    assert from_json(b'"10.42.0.1"', IPv4Address) == IPv4Address("10.42.0.1")


@pytest.mark.parametrize("text", [b"1", b'"10.42.0.256"', b'"::1"', b'""', b"null", b'"10.42.0.1\\n"', b"{"])
def test_what_is_no_address_is_refused(text: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        from_json(text, IPv4Address)


def test_other_things_have_no_text() -> None:
    with pytest.raises(NotImplementedError):
        to_json(object())
