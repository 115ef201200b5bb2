"""What is started and stopped, and how long a failing service waits."""

import msgspec
import pytest

from node.services.reconcile import backoff, difference, failures_after
from node.wire.manifests import Manifest

ONE, TWO = Manifest(name="one", title="One"), Manifest(name="two", title="Two")


def test_nothing_to_do_when_what_runs_is_wanted() -> None:
    assert difference({"one": ONE}, [ONE]) == difference({}, [])


def test_starts_what_is_missing_and_stops_the_rest() -> None:
    todo = difference({"one": ONE}, [TWO])
    assert todo.stop == ("one",) and todo.start == (TWO,)


def test_a_changed_manifest_is_stopped_and_started() -> None:
    changed = msgspec.structs.replace(ONE, concurrency=9)
    todo = difference({"one": ONE, "two": TWO}, [changed, TWO])
    assert todo.stop == ("one",) and todo.start == (changed,)


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)])
def test_backoff_doubles_up_to_a_minute(failures: int, ceiling: float) -> None:
    assert backoff(failures, 1.0) == ceiling
    assert backoff(failures, 0.0) == 0
    assert backoff(failures, 0.5) == ceiling / 2


def test_a_good_run_wipes_out_failures() -> None:
    assert failures_after(5, 59.9) == 6
    assert failures_after(5, 60.0) == 1
