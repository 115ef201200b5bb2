"""What is printed for people: aligned, on one line each, and harmless whatever strangers named themselves."""

from __future__ import annotations

import io

import pytest

from coordinator_server.tables import (
    ago,
    cells,
    plain,
    print_fields,
    print_table,
    say,
    say_bytes,
    table_lines,
    when,
    wrapped,
)


def test_columns_are_aligned_and_absent_values_are_dashes() -> None:
    stream = io.StringIO()
    rows = [{"id": "a", "services": ["x", "y"]}, {"id": "longer", "services": []}]
    print_table(rows, (("ID", "id"), ("SERVICES", "services")), "nothing", stream)
    assert stream.getvalue().splitlines() == ["ID      SERVICES", "a       x, y", "longer  -"]


def test_a_table_is_as_wide_as_the_terminal_and_nothing_of_it_is_lost() -> None:
    row = (
        "4d115239f95b",
        "The website of the charity of Northmoor",
        "ner-extraction, document-processing",
        "計算機",
    )
    lines = list(table_lines([("ID", "NAME", "SERVICES", "WHERE"), row], 50))
    assert lines == [
        "ID            NAME           SERVICES       WHERE",
        "4d115239f95b  The website    ner-           計算機",
        "              of the         extraction,",
        "              charity of     document-",
        "              Northmoor      processing",
    ]
    assert all(cells(line) <= 50 for line in lines)
    assert list(table_lines([row], None)) == ["  ".join(row)]
    assert len(list(table_lines([("4d115239f95b", "w-294bd9bdbf")], 20))) == 1, (
        "ids are whole, however narrow it is"
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", [""]), ("a bc", ["a bc"]), ("ab cde", ["ab", "cde"]), ("abcdefghi", ["abcd", "efgh", "i"]),
     ("a-bcdef", ["a-", "bcde", "f"]), ("計算機 x", ["計算", "機 x"]), ("a  b", ["a  b"])],
)  # fmt: skip
def test_a_text_is_broken_between_words_after_hyphens_or_anywhere(text: str, lines: list[str]) -> None:
    assert wrapped(text, 4) == lines


def test_no_rows_are_a_sentence() -> None:
    stream = io.StringIO()
    print_table([], (("ID", "id"),), "There are none.", stream)
    assert stream.getvalue() == "There are none.\n"


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "two\nlines", "bell\x07", "\u202eright to left", "nul\x00"])
def test_a_stranger_cannot_steer_the_terminal(hostile: str) -> None:
    said = say(hostile)
    assert all(letter.isprintable() for letter in said.replace("\ufffd", ""))
    assert plain("ordinary, ñandú 日本") == "ordinary, ñandú 日本"


def test_fields_are_nested_by_indent() -> None:
    stream = io.StringIO()
    print_fields(
        {"worker_id": "w1", "ready": True, "workers": {"total": 2}, "gpus": [{"name": "X", "load": 0.5}]}, stream
    )
    assert stream.getvalue().splitlines() == [
        "worker id: w1", "ready: yes", "workers:", "  total: 2", "gpus:", "  - name X, load 0.50",
    ]  # fmt: skip


def test_moments_among_fields_are_dates() -> None:
    shown = io.StringIO()
    keys = [{"expires_at": 86400 * 365, "number": 7}]
    print_fields({"rotation_since": 0.0, "keys": keys, "last_seen": 9e8}, shown)
    told = shown.getvalue()
    assert "rotation since: never" in told
    assert "- expires at 197" in told
    assert "number 7" in told
    assert "last seen: 1998-07-" in told


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (25_276_514_304, "25.3 GB"), (7e16, "70000.0 TB")],
)
def test_bytes_are_said_in_units(count: float, said: str) -> None:
    assert say_bytes(count) == said
    stream = io.StringIO()
    print_fields({"ram_bytes": count, "disks": [{"free_bytes": count}]}, stream)
    assert stream.getvalue().splitlines() == [f"ram: {said}", "disks:", f"  - free {said}"]


def test_times_are_said_for_people() -> None:
    assert ago(None) == "never"
    assert ago(100.0, now=105.0) == "5 s ago"
    assert ago(200.0, now=100.0) == "0 s ago"
    assert when(None) == "never"
    assert when(86400.0 * 365).startswith(("1970-12-31", "1971-01-01"))
