from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.hardware.texts import clean, clean_path


def test_text_becomes_one_printable_line() -> None:
    assert clean("  Intel(R)\tCore \n\x07i7 ") == "Intel(R) Core i7"
    assert clean(None) == "None"


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_can_be_sent_afterwards(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= 200
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned


def test_a_path_is_kept_whole_or_not_at_all() -> None:
    assert clean_path("/mnt/My Disk") == "/mnt/My Disk"
    assert clean_path("/mnt/\udcff") is None
    assert clean_path("/mnt/a\nb") is None
    assert clean_path("/" + "x" * 1024) is None
