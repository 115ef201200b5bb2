"""The file of contacts: kept over a restart, never trusted, never lost to an empty table."""

from __future__ import annotations

from pathlib import Path

import pytest
from kademlia.node import Node

from node.dht import contacts


def nodes(count: int) -> list[Node]:
    return [Node(number.to_bytes(20, "big"), "127.0.0.1", 1000 + number) for number in range(1, count + 1)]


def test_they_come_back(tmp_path: Path) -> None:
    path = tmp_path / "contacts.json"
    contacts.save(path, nodes(3))
    assert contacts.load(path) == [("127.0.0.1", 1001), ("127.0.0.1", 1002), ("127.0.0.1", 1003)]


def test_no_more_than_the_cap_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "contacts.json"
    contacts.save(path, nodes(500))
    assert len(contacts.load(path)) == contacts.MOST


def test_an_empty_table_does_not_forget_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "contacts.json"
    contacts.save(path, nodes(1))
    contacts.save(path, [])
    assert contacts.load(path) == [("127.0.0.1", 1001)]


def test_a_missing_file_is_no_contacts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert contacts.load(tmp_path / "none.json") == []
    assert caplog.records == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"contacts": [{"host": "a b", "port": 1}]}', b'{"contacts":[{"port":0}]}'],
)
def test_a_broken_file_is_no_contacts_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "contacts.json"
    path.write_bytes(content)
    assert contacts.load(path) == []
    assert "contacts.json" in caplog.text


def test_a_directory_that_is_gone_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    contacts.save(tmp_path / "gone" / "contacts.json", nodes(1))
    assert "cannot be saved" in caplog.text
