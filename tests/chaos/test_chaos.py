"""Real coordinators on real etcd and on SQLite while things break: no acknowledged write is lost, and calls go on.

What is tried longer, and in any mixture: `make soak`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.support.chaos.running import Told, run_chaos
from tests.support.namespaces import why_impossible

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.needs("etcd", "etcdctl", "nft", "unshare"),
    pytest.mark.processes,
]
TRIES = 3  # a machine that is busy with other things has to be calm in one of them
SHORT = {"machines": 300, "let_in": 299, "refused": 1, "addresses": 299, "worker_ids": 299}
why_not = cache(why_impossible)


@pytest.fixture(autouse=True)
def _possible() -> None:
    why = why_not()
    if why is not None:
        pytest.skip(why)


def told_of(folder: Path, store: str, *words: str, faults: str) -> Told:
    """Have these faults, those again in which calls failed for too long, and say what came of the first time."""
    told = again = run_chaos(folder / "log", "--store", store, "--faults", faults, *words)
    for seed in range(2, TRIES + 1):
        names = again.too_long()
        if not names:
            break
        asked = ",".join(word for word in faults.split(",") if word.partition("=")[0] in names)
        again = run_chaos(folder / "log", "--store", store, "--faults", asked, "--seed", str(seed))
        assert again.violations == []
    assert told.violations == []
    assert again.too_long() == {}
    return told


def refusals(told: Told, what: str) -> set[str]:
    return {why for one in told.suffered if one["what"] == what for why in one["refused"].values()}


def storm(told: Told) -> dict[str, int]:
    return {name: value for name, value in told.figures["storm"].items() if name != "seconds"}


def test_three_coordinators_with_etcd(tmp_path: Path) -> None:
    faults = (
        "kill-coordinator=2,halt-coordinator=13,kill-leader=2,halt-leader=3,no-majority=3,no-store=6,disk-full=2,"
        "cut-off=6,bad-line=3,leader-and-one=4,clock-ahead=1"
    )
    told = told_of(tmp_path, "etcd", "--storm", "300", faults=faults)
    assert storm(told) == SHORT
    assert refusals(told, "no-majority") == refusals(told, "no-store") == {"store-unavailable"}
    assert len(told.suffered) == len(faults.split(","))


def test_two_coordinators_with_one_database(tmp_path: Path) -> None:
    faults = "kill-coordinator=1,disk-full=1,clock-ahead=1,clock-behind=1"
    told = told_of(tmp_path, "sqlite", "--coordinators", "2", "--storm", "300", "--kills", "3", faults=faults)
    assert storm(told) == SHORT
    assert refusals(told, "disk-full") == {"store-unavailable"}
    assert 0 < told.figures["storm_with_kills"]["let_in"] <= 299
