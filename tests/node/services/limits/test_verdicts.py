"""Who has to go when all together have too much."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from node.services.limits.verdicts import disk_full, heaviest, no_room, size, too_much

USED = st.dictionaries(st.text("abc", min_size=1), st.integers(0, 2**40), max_size=8)


@given(USED, st.integers(1, 2**42), st.dictionaries(st.text("abc", min_size=1), st.integers(0, 2**40), max_size=8))
def test_nobody_goes_while_there_is_enough_and_else_who_is_most_above_its_share(
    used: dict[str, int], cap: int, share: dict[str, int]
) -> None:
    found = heaviest(used, cap, share)
    if sum(used.values()) <= cap:
        assert found is None
    else:
        assert found is not None
        over = {name: used[name] - share.get(name, 0) for name in used}
        assert over[found] == max(over.values())


def test_without_a_cap_nobody_goes() -> None:
    assert heaviest({"a": 2**50}, None, {}) is None


def test_a_small_service_stays_when_a_large_one_is_within_its_share() -> None:
    assert heaviest({"large": 90, "small": 20}, 100, {"large": 95, "small": 5}) == "small"


def test_the_sentences_say_what_and_how_much() -> None:
    text = too_much("memory", 3 * 2**30, 2**29, 2**30)
    assert text == (
        "It was ended because it had 3.0 GB of memory (its share is 512.0 MB), and all services together may have "
        "1.0 GB by your rules."
    )
    assert "(" not in too_much("memory", 1, None, 1)
    assert "2.0 kB" in disk_full(2048, 1)
    assert "100 bytes" in no_room(100, 2**30)
    assert size(0) == "0 bytes"
