"""A counter that rises becomes requests per second of the last minute."""

from app.activity import SECONDS, Activity


def test_the_first_value_is_where_counting_starts() -> None:
    activity = Activity()
    assert not activity.add(100.0, 50)
    assert sum(activity.counts(100.0)) == 0


def test_growth_is_counted_in_its_second_and_moves_on() -> None:
    activity = Activity()
    activity.add(100.0, 0)
    assert activity.add(100.5, 3)
    assert activity.add(102.1, 4)
    assert activity.counts(102.9)[-3:] == (3, 0, 1)
    assert activity.counts(104.0)[-5:] == (3, 0, 1, 0, 0)


def test_a_minute_later_it_is_forgotten() -> None:
    activity = Activity()
    activity.add(0.0, 0)
    activity.add(0.1, 9)
    assert sum(activity.counts(59.0)) == 9
    assert sum(activity.counts(60.0)) == 0
    assert len(activity.counts(10_000.0)) == SECONDS


def test_another_nodes_counter_starts_anew() -> None:
    activity = Activity()
    activity.add(0.0, 100)
    assert not activity.add(1.0, 2)
    activity.forget()
    assert not activity.add(2.0, 500)
    assert activity.add(2.0, 501)
