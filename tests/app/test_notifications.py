"""Which notification comes when: what needs a person, once, after it has lasted, never two in a row."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import msgspec
import pytest

from app.notifications import FORGET, NEEDS, REASONS, SPACING, Memory, Notification, notify, words
from app.picture import NodeLife, Notice, Picture
from node.state import Reason, ReasonCode
from node.wire.messages import ServiceReport
from tests.support import samples
from tests.support.samples import NOW, picture

LATER = 2 * 86400.0  # longer than any cause has to last
ONLINE = picture(samples.ONLINE)
BLOCKED = Picture(life=NodeLife("blocked", restarts=3, trouble="It ended."))


def because(*codes: ReasonCode) -> Picture:
    reasons = tuple(Reason(code, "A sentence with /home/maria in it.") for code in codes)
    return picture(msgspec.structs.replace(samples.ONLINE, reasons=reasons))


def failing(name: str | None) -> Picture:
    report = ServiceReport(name=name or "ner-extraction", state="failed" if name else "running")
    return picture(msgspec.structs.replace(samples.ONLINE, services=(report,)))


class Story:
    """One person's day: what is shown at which time, and what was told."""

    def __init__(self) -> None:
        self.now = NOW
        self.memory = Memory()
        self.before = ONLINE
        self.told: list[Notification] = []

    def goes_on(self, seconds: float, after: Picture, *, seen: bool = False) -> list[str]:
        """Let time pass, then look; return the causes that were told until now."""
        self.now += seconds
        self.memory, told = notify(self.before, after, self.memory, self.now, seen=seen)
        self.before = after
        if told is not None:
            self.told.append(told)
        return [one.cause for one in self.told]


@pytest.mark.parametrize("cause", sorted(REASONS))
def test_each_cause_is_told_once_after_it_has_lasted(cause: ReasonCode) -> None:
    story = Story()
    story.goes_on(0, because(cause))
    assert story.goes_on(NEEDS[cause].after * 0.9, because(cause)) == []
    assert story.goes_on(NEEDS[cause].after * 0.2, because(cause)) == [cause]
    for _ in range(5):
        assert story.goes_on(LATER, because(cause)) == [cause]


@pytest.mark.parametrize("code", sorted(set(get_args(ReasonCode)) - REASONS))
def test_what_mends_itself_or_was_asked_for_is_never_told(code: ReasonCode) -> None:
    story = Story()
    for _ in range(3):
        assert story.goes_on(LATER, because(code)) == []


def test_every_cause_has_words_of_ours_and_a_panel() -> None:
    assert set(words()) == set(NEEDS)
    assert len({title for title, _ in words().values()}) == len(NEEDS)
    for cause, (title, text) in words().items():
        assert len(title) < 60 and len(text) < 100
        assert text.endswith(".")
        assert NEEDS[cause].panel in ("overview", "services", "settings")


def test_nothing_of_what_others_wrote_is_shown() -> None:
    story = Story()
    story.goes_on(0, because("coordinator-refused"))
    story.goes_on(LATER, because("coordinator-refused"))
    assert "maria" not in story.told[0].title + story.told[0].text


def test_two_causes_keep_their_distance() -> None:
    story = Story()
    both = because("coordinator-refused", "rules-unreadable")
    story.goes_on(0, both)
    assert story.goes_on(60, both) == ["coordinator-refused"]
    assert story.goes_on(SPACING - 1, both) == ["coordinator-refused"]
    assert story.goes_on(2, both) == ["coordinator-refused", "rules-unreadable"]


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    story = Story()
    story.goes_on(0, because("coordinator-refused"))
    story.goes_on(60, because("coordinator-refused"))
    story.goes_on(-LATER, because("rules-unreadable"))
    assert story.goes_on(60, because("rules-unreadable")) == ["coordinator-refused", "rules-unreadable"]


def test_a_cause_that_comes_and_goes_is_told_once_but_again_after_a_long_time() -> None:
    story = Story()
    refused = because("coordinator-refused")
    for _ in range(4):
        story.goes_on(300, refused)
        story.goes_on(300, refused)
        assert story.goes_on(300, ONLINE) == ["coordinator-refused"]
    story.goes_on(FORGET, ONLINE)
    story.goes_on(1, refused)
    assert story.goes_on(60, refused) == ["coordinator-refused"] * 2


def test_time_without_a_node_is_no_time_in_which_a_cause_was_gone() -> None:
    story = Story()
    refused = because("coordinator-refused")
    story.goes_on(0, refused)
    story.goes_on(60, refused)
    story.goes_on(LATER, replace(refused, connected=False))
    story.goes_on(LATER, refused)
    assert story.goes_on(60, refused) == ["coordinator-refused"]


def test_who_sees_the_window_is_told_nothing_then_or_afterwards() -> None:
    story = Story()
    story.goes_on(0, because("rules-unreadable"))
    assert story.goes_on(60, because("rules-unreadable"), seen=True) == []
    assert story.goes_on(LATER, because("rules-unreadable")) == []


def test_a_node_that_only_restarts_is_not_told_one_that_cannot_start_is() -> None:
    story = Story()
    restarting = Picture(life=NodeLife("restarting", restarts=1, trouble="It ended."))
    assert story.goes_on(0, restarting) == []
    assert story.goes_on(LATER, restarting) == []
    story.goes_on(1, BLOCKED)
    assert story.goes_on(60, BLOCKED) == ["node-blocked"]


def test_a_node_of_another_version_is_told() -> None:
    story = Story()
    other = Picture(notices=(Notice("version", "Another version"),))
    story.goes_on(0, other)
    assert story.goes_on(60, other) == ["version"]


def test_a_service_that_fails_again_and_again_is_told_one_that_failed_once_is_not() -> None:
    story = Story()
    for expected in ([], [], ["service-fails"]):
        assert story.goes_on(60, failing("ner-extraction")) == expected
        assert story.goes_on(60, failing("ner-extraction")) == expected  # the same failure
        story.goes_on(60, failing(None))
    slow = Story()
    for _ in range(6):
        slow.goes_on(600, failing("ner-extraction"))
        assert slow.goes_on(600, failing(None)) == []


def test_what_is_remembered_has_an_end() -> None:
    memory, before = Memory(), ONLINE
    for number in range(3000):
        after = failing(f"service-{number}")
        memory, _ = notify(before, after, memory, NOW + number / 100)
        before = after
    assert len(memory.failures) <= 100


def test_before_anything_is_known_nothing_is_told_or_forgotten() -> None:
    memory = Memory(told=frozenset({"vpn-no-permission"}))
    assert notify(Picture(), Picture(), memory, NOW) == (memory, None)
    assert notify(Picture(), Picture(), memory, NOW + LATER) == (memory, None)
