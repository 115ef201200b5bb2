"""Values with IPv4 addresses as JSON and back, strictly: msgspec leaves addresses to us."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def to_json(value: object) -> bytes:
    """Return one line of JSON."""
    return msgspec.json.encode(value, enc_hook=_text)


def from_json(data: bytes, kind: type[T]) -> T:
    """Return a value of this kind; raise msgspec.MsgspecError or ValueError for anything else."""
    return msgspec.json.decode(data, type=kind, dec_hook=_address)


def _text(value: object) -> str:
    if isinstance(value, IPv4Address):
        return str(value)
    raise NotImplementedError(type(value))


def _address(kind: type, value: Any) -> IPv4Address:
    if kind is not IPv4Address:
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise ValueError("not an IPv4 address")
    try:
        return IPv4Address(value)
    except AddressValueError:
        raise ValueError("not an IPv4 address") from None
