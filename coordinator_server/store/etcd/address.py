"""Reads where an etcd cluster is: `etcd://h1:2379,h2:2379,h3:2379?prefix=our-mesh`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SCHEME: Final = "etcd://"
DEFAULT_PREFIX: Final = "rma-mesh"
DEFAULT_PORT: Final = 2379
MOST_ENDPOINTS: Final = 16
ALLOWED: Final = (
    "sqlite, or etcd://HOST:PORT,HOST:PORT,… with ?prefix=NAME at its end where several meshes share it"
)
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ENDPOINT = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|(?=[^:]{1,253}(:|\Z))[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class EtcdAddress:
    """The members that may be asked, as HOST:PORT, and what all keys of this mesh begin with."""

    members: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX

    def urls(self, *, secure: bool) -> tuple[str, ...]:
        return tuple(f"{'https' if secure else 'http'}://{member}" for member in self.members)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(member.rpartition(":")[0].strip("[]") for member in self.members)

    def __str__(self) -> str:
        return f"{SCHEME}{','.join(self.members)}?prefix={self.prefix}"


def parse_address(text: str) -> EtcdAddress:
    """Read an address; raise ValueError for anything else."""
    if not text.startswith(SCHEME):
        raise ValueError("it does not begin with etcd://")
    names, question, query = text.removeprefix(SCHEME).partition("?")
    prefix = _prefix(query) if question else DEFAULT_PREFIX
    members = tuple(dict.fromkeys(_member(name) for name in names.removesuffix("/").split(",")))
    if len(members) > MOST_ENDPOINTS:
        raise ValueError("too many members")
    return EtcdAddress(members, prefix)


def _member(name: str) -> str:
    match = ENDPOINT.fullmatch(name)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise ValueError("a member is not HOST:PORT")
    return f"{match['host'].lower()}:{port}"


def _prefix(query: str) -> str:
    name, _, value = query.partition("=")
    if name != "prefix" or PREFIX.fullmatch(value) is None:
        raise ValueError("after the question mark stands prefix=NAME")
    return value
