"""When a channel is opened again: soon, spread out, later and later, and without haste where there are none."""

from __future__ import annotations

from node.tunnel.reconnect import CUT, FIRST, LONGEST, NONE_THERE, SOON, STEADY, TRIES, Reconnect


def ceilings(lived: float, times: int) -> list[float]:
    reconnect, found = Reconnect(), []
    for _ in range(times):
        reconnect, pause = reconnect.after(lived, 1.0)
        found.append(pause)
    return found


def test_pauses_grow_to_a_minute() -> None:
    assert ceilings(0.0, TRIES) == [0.5, 1.0] + [SOON] * (TRIES - 2), "a coordinator may be back soon"
    assert ceilings(0.0, TRIES + 6)[TRIES:] == [4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert ceilings(0.0, 100_000)[-1] == LONGEST


def test_they_are_drawn_from_the_whole_range() -> None:
    assert [Reconnect(3).after(0.0, chance)[1] for chance in (0.0, 0.25, 1.0)] == [0.0, 0.5, 2.0]


def test_a_channel_that_lived_for_long_was_a_good_one() -> None:
    assert ceilings(STEADY, 5) == [FIRST] * 5
    assert Reconnect(99).after(CUT - 0.1, 1.0) == (Reconnect(100), LONGEST)


def test_where_every_channel_is_cut_the_pauses_are_short_beside_their_lives() -> None:
    assert ceilings(10.0, 100)[-1] == 2.5
    assert ceilings(CUT, 100)[-1] == CUT / 4
    assert ceilings(STEADY - 1, 2) == [0.5, 1.0]


def test_who_was_sent_away_to_register_is_soon_back_unless_that_happens_again_and_again() -> None:
    assert Reconnect(5).after(0.1, 1.0, sent_away=True) == (Reconnect(6), FIRST)
    assert Reconnect(99).after(0.1, 1.0, sent_away=True)[1] == LONGEST


def test_a_coordinator_that_knows_none_is_asked_every_five_minutes() -> None:
    for chance in (0.0, 0.5, 1.0):
        again, pause = Reconnect(7).after_none_there(chance)
        assert again == Reconnect()
        assert 0.9 * NONE_THERE <= pause <= NONE_THERE
