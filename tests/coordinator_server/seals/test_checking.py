"""Checking a log: whatever somebody does to lines or seals is found, and the first thing that is wrong is named."""

from __future__ import annotations

import random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.seals.chain import encode
from coordinator_server.seals.checking import LATE, Check, parse_mark
from tests.support.seals import NOW, Notary, check, line_of, lines_to


@pytest.fixture
def notary() -> Notary:
    return Notary()


def test_a_log_that_nobody_touched_holds(notary: Notary) -> None:
    lines = lines_to(10)
    found = check(lines, notary.seals(lines, 3, 4, 8), notary.keys)
    assert (found.holds, found.lines, found.sealed, found.unsealed, found.seals) == (True, 10, 8, 2, 3)
    assert check([], [], notary.keys).holds


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (1, "1 line is as it was sealed; the newest 2 wait for the next seal."),
        (2, "2 lines are as they were sealed; the newest one waits for the next seal."),
        (3, "All 3 lines are as they were sealed."),
    ],
)
def test_good_news_is_in_plain_english(notary: Notary, last: int, told: str) -> None:
    lines = lines_to(3)
    assert check(lines, notary.seals(lines, last), notary.keys).text == told
    assert check(lines[:1], notary.seals(lines[:1], 1), notary.keys).text == "The only line is as it was sealed."


def test_any_change_of_a_sealed_line_is_named(notary: Notary) -> None:
    lines = lines_to(9)
    seals = notary.seals(lines, 2, 5, 9)
    dice = random.Random(8)
    for _ in range(60):
        number = dice.randint(1, 9)
        field = dice.choice(["time", "actor", "action", "subject", "detail", "address", "outcome"])
        value = {"time": 1.0, "outcome": "refused"}.get(field, "else")
        spoilt = list(lines)
        spoilt[number - 1] = msgspec.structs.replace(lines[number - 1], **{field: value})
        found = check(spoilt, seals, notary.keys)
        assert (found.holds, found.line, found.seal) == (False, number, 1 + (number > 2) + (number > 5))


def test_a_line_that_is_taken_away_put_in_or_moved_is_named(notary: Notary) -> None:
    lines = lines_to(6)
    seals = notary.seals(lines, 6)
    without = [*lines[:2], *lines[3:]]
    assert check(without, seals, notary.keys).line == 3
    closed_up = [msgspec.structs.replace(line, number=number) for number, line in enumerate(without, 1)]
    assert check(closed_up, seals, notary.keys).line == 3
    swapped = [lines[0], lines[2], lines[1], *lines[3:]]
    assert check(swapped, seals, notary.keys).line == 2


def test_a_log_that_lost_its_end_is_found_by_its_seals_or_by_an_earlier_mark(notary: Notary) -> None:
    lines = lines_to(6)
    seals = notary.seals(lines, 4, 6)
    short = check(lines[:5], seals, notary.keys)
    assert (short.holds, short.line, short.seal) == (False, 6, 2)
    mark = parse_mark(check(lines, seals, notary.keys).mark)
    assert check(lines, seals, notary.keys, mark).holds
    assert check(lines_to(8), seals, notary.keys, mark).holds, "what came later does no harm"
    cut = check(lines[:4], seals[:1], notary.keys)
    assert cut.holds, "nothing in a log tells that it once was longer"
    assert check(lines[:4], seals[:1], notary.keys, mark).line == 5
    other = [*lines[:5], line_of(6, detail="another end")]
    assert check(other, seals[:1], notary.keys, mark).line == 6


def test_seals_that_are_missing_or_forged_are_named(notary: Notary) -> None:
    lines = lines_to(6)
    seals = notary.seals(lines, 2, 4, 6)
    assert check(lines, [seals[0], seals[2]], notary.keys).seal == 2
    assert check(lines, seals[1:], notary.keys).seal == 1
    spoilt = msgspec.structs.replace(seals[1], time=1.0)
    assert check(lines, [seals[0], spoilt, seals[2]], notary.keys).seal == 2
    walk = Check([encode(seals[0]), b"garbage"], notary.keys)
    walk.take(lines)
    assert walk.finish(NOW).seal == 2


@pytest.mark.parametrize("other", ["another mesh", "a worker", "before it was let in"])
def test_only_a_coordinator_of_this_mesh_can_seal(notary: Notary, other: str) -> None:
    lines = lines_to(3)
    forger = (
        Notary()
        if other == "another mesh"
        else Notary(notary.mesh, "worker" if other == "a worker" else "coordinator")
    )
    time = NOW - 9e6 if other == "before it was let in" else NOW
    found = check(lines, [forger.seal(None, lines, time)], notary.keys)
    assert (found.holds, found.seal, found.sealed) == (False, 1, 0)


def test_what_a_retired_key_of_the_mesh_vouched_for_still_counts(notary: Notary) -> None:
    lines = lines_to(4)
    old = notary.seals(lines, 2)
    after = Ed25519PrivateKey.generate()
    keys = notary.keys.begin(notary.mesh, after).onwards().onwards()
    seals = [*old, Notary(after).seal(old[0], lines[2:])]
    assert check(lines, seals, keys).holds
    assert check(lines, seals, notary.keys).seal == 2, "who knows the first key alone cannot tell"


def test_lines_that_no_seal_covers_for_long_are_suspicious(notary: Notary) -> None:
    lines = lines_to(4)
    late = NOW + LATE + 60
    assert check(lines, notary.seals(lines, 4), notary.keys, now=late).holds
    found = check(lines, notary.seals(lines, 2), notary.keys, now=late)
    assert (found.holds, found.line, found.sealed) == (False, 3, 2)


@pytest.mark.parametrize("text", ["", "7", "7:", "7:xyz", ":" + "0" * 64, "x:" + "0" * 64, "-1:" + "0" * 64])
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUMBER:HASH"):
        parse_mark(text)
