"""A bad row is told once, left out, and forgotten when it is mended or gone."""

from __future__ import annotations

import logging

import msgspec
import pytest

from coordinator_server.store.interface import Versioned
from coordinator_server.store.unreadable import Unreadable


class Row(msgspec.Struct, frozen=True):
    """What the rows hold."""

    name: str


def entry(value: bytes) -> Versioned:
    return Versioned(value, 1)


def test_what_is_good_is_read_and_what_is_bad_is_remembered_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    rows = Unreadable()
    every = [("x/a", entry(b'{"name": "a"}')), ("x/b", entry(b"?")), ("x/c", entry(b'{"name": 5}'))]
    every.append(("x/d", entry(b'{"x":' + b"[" * 5000)))
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert rows.read_all(every, Row) == [Row("a")]
    assert sorted(rows.rows) == ["x/b", "x/c", "x/d"]
    assert "name" in rows.rows["x/c"]
    assert caplog.text.count("x/b") == caplog.text.count("x/c") == 1


def test_what_was_mended_or_has_gone_is_no_matter_any_more() -> None:
    rows = Unreadable()
    assert rows.read("x/a", b"?", Row) is None
    assert rows.read("x/a", b'{"name": "a"}', Row) == Row("a")
    assert rows.rows == {}
    assert rows.read("x/b", b"?", Row) is None
    assert rows.read_all([("x/a", entry(b'{"name": "a"}'))], Row) == [Row("a")]
    assert rows.rows == {}
