"""What the assigner writes."""

from __future__ import annotations

from typing import Any

from coordinator_server.fleet.assigning import PORTION, differences
from coordinator_server.fleet.roster import ASSIGNED
from coordinator_server.store.interface import MOST_TOGETHER, Write


def test_only_differences_are_written_and_who_is_gone_is_forgotten() -> None:
    wanted = {"a": ("ner",), "b": ("ner", "ocr"), "c": (), "d": ()}
    written = {"a": ("ner",), "b": ("ner",), "c": (), "e": ("ner",)}
    (writes,) = differences(wanted, written)
    assert writes == [
        Write(ASSIGNED + "b", b'["ner","ocr"]'),
        Write(ASSIGNED + "d", b"[]"),
        Write(ASSIGNED + "e", None),
    ]
    assert list(differences(wanted, wanted)) == []


class Whole(dict[str, tuple[str, ...]]):
    """May be compared, but not gone through."""

    def items(self) -> Any:
        raise AssertionError("that takes long where there are thousands")


def test_what_is_written_already_is_not_gone_through() -> None:
    assert list(differences(Whole(a=("ner",)), {"a": ("ner",)})) == []


def test_many_are_written_in_portions_that_every_store_takes_whole() -> None:
    written: dict[str, tuple[str, ...]] = {}
    portions = list(differences({f"w-{number}": ("ner",) for number in range(250)}, written))
    assert [len(portion) for portion in portions] == [PORTION, PORTION, 250 - 2 * PORTION]
    assert PORTION + 1 == MOST_TOGETHER, "with the assigner's own key"


def test_what_is_written_meanwhile_changes_nothing_of_the_portions_to_come() -> None:
    written: dict[str, tuple[str, ...]] = {}
    wanted = {f"w-{number}": ("ner",) for number in range(150)}
    seen = 0
    for portion in differences(wanted, written):
        seen += len(portion)
        written |= {write.key.removeprefix(ASSIGNED): ("ner",) for write in portion}
    assert seen == 150
