"""Durations: what people type becomes seconds, what cannot be one is refused with an example."""

from __future__ import annotations

import pytest

from node.program.durations import DurationError, parse_duration, say_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("30min", 1800),
        ("24h", 86400),
        ("7d", 604800),
        ("2w", 1209600),
        (" 1h 30M ", 5400),
    ],
)
def test_durations_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1y", "0s", "999999999w", "1h x"])
def test_what_is_not_a_duration_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(DurationError, match=r"allowed|24h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (119, "119 s"), (720, "12 min"), (18000, "5 h"), (604800, "7 d")]
)
def test_durations_are_said_short(seconds: float, text: str) -> None:
    assert say_duration(seconds) == text
