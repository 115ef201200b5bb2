"""How an etcd cluster is named, and what is no name of one."""

from __future__ import annotations

import pytest

from coordinator_server.store.etcd.address import DEFAULT_PREFIX, parse_address


@pytest.mark.parametrize(
    ("text", "members", "prefix"),
    [
        ("etcd://h1:2379,h2:2380,H3", ("h1:2379", "h2:2380", "h3:2379"), DEFAULT_PREFIX),
        ("etcd://127.0.0.1/", ("127.0.0.1:2379",), DEFAULT_PREFIX),
        ("etcd://[::1]:1,a.example.org?prefix=our-mesh", ("[::1]:1", "a.example.org:2379"), "our-mesh"),
        ("etcd://h1,h1:2379?prefix=x", ("h1:2379",), "x"),
    ],
)
def test_members_and_a_prefix_are_read(text: str, members: tuple[str, ...], prefix: str) -> None:
    address = parse_address(text)
    assert (address.members, address.prefix) == (members, prefix)
    assert parse_address(str(address)) == address
    assert address.urls(secure=True)[0] == f"https://{members[0]}"
    assert address.hosts[0] == members[0].rpartition(":")[0].strip("[]")


@pytest.mark.parametrize(
    "text",
    [
        "", "etcd://", "http://h1:2379", "etcd://h1:0", "etcd://h1:65536", "etcd://h1,,h2", "etcd://user@h1",
        "etcd://h1/path", "etcd://h1?prefix=", "etcd://h1?prefix=a/b", "etcd://h1?other=1", "etcd://h1?prefix=a&b=c",
        "etcd://h 1", "etcd://h1:2379x", "etcd://-h", "etcd://" + ",".join(f"h{n}" for n in range(17)),
        "etcd://h1?prefix=" + "x" * 65, "etcd://h1\n", "etcd://é",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)
