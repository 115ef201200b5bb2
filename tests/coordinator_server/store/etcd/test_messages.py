"""What etcd answers is read as it is written: numbers as texts, zeros left out, bytes in base64."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.messages import RangeAnswer, TxnAnswer, WatchLine, decode


def test_answers_are_read() -> None:
    header = '"header":{"cluster_id":"3249525912006437195","member_id":"9","revision":"7","raft_term":"2"}'
    found = decode(
        f'{{{header},"kvs":[{{"key":"aw==","mod_revision":"5","version":"1"}}],"count":"1"}}'.encode(), RangeAnswer
    )
    assert (found.header.revision, found.kvs[0].key, found.kvs[0].value, found.kvs[0].mod_revision) == (
        7,
        b"k",
        b"",
        5,
    )
    failed = decode(
        f'{{{header},"responses":[{{"response_range":{{}}}},{{"response_put":{{}}}}]}}'.encode(), TxnAnswer
    )
    assert (failed.succeeded, len(failed.responses)) == (False, 2)
    line = decode(b'{"result":{"canceled":true,"compact_revision":"2"}}', WatchLine)
    assert line.result is not None
    assert (line.result.canceled, line.result.compact_revision) == (True, 2)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"kvs":[{"key":5}]}', b'{"kvs":[{"key":"*"}]}', b"\xff"]
)
def test_what_etcd_does_not_answer_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(body, RangeAnswer)


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_a_range_ends_after_all_that_begin_with_its_prefix(name: bytes, other: bytes) -> None:
    prefix = name + b"/"
    end = messages.after(prefix)
    assert prefix <= prefix + other < end
    assert other.startswith(prefix) == (prefix <= other < end)


def test_bytes_and_numbers_are_written_as_etcd_reads_them() -> None:
    written = messages.encode(messages.txn([messages.is_version(b"k", 5)], [messages.put(b"k", b"\xff", 9)]))
    assert b'"mod_revision":"5"' in written
    assert b'"value":"/w=="' in written
    assert b'"lease":"9"' in written
