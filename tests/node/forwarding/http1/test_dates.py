"""The Date line, made once a second."""

from __future__ import annotations

from node.forwarding.http1.dates import Dates


def test_the_line_is_kept_for_its_second() -> None:
    now = [784111777.2]
    dates = Dates(lambda: now[0])
    line = dates.line()
    assert line == b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    now[0] += 0.5
    assert dates.line() is line
    now[0] += 0.5
    assert dates.line() == b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
