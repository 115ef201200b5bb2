"""Rules that hold for every test: what a test needs is there or said, and with CI=true nothing is skipped."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from node.program.logs import JsonFormatter, TextFormatter

# A busy machine is no bug: examples have no time limit of their own, each test has one. What decides about a change
# draws the same examples every time; everywhere else each run looks at new ones.
hypothesis.settings.register_profile(
    "mesh",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
hypothesis.settings.load_profile("mesh")

# Nodes that tests start as programs shall not rest because somebody uses the machine, or runs it on its battery.
os.environ.setdefault("RMA_SENSORS", "off")
# Nor shall their services give way to everything else that a loaded machine does.
os.environ.setdefault("RMA_SERVICE_NICE", "0")
# What takes long and mostly waits, the longest first: for leases that end, for routes that are found, for windows.
TESTS = Path(__file__).parent
WAITING = tuple(
    TESTS / name
    for name in (
        "netns",
        "chaos/test_chaos.py",
        "coordinator_server/fleet/test_deaths.py",
        "coordinator_server/fleet/test_over_etcd.py",
        "coordinator_server/fleet/test_together.py",
        "coordinator_server/operation/test_clock_jumps.py",
        "desktop",
    )
)


@pytest.fixture(autouse=True)
def no_log_handler_is_left() -> Iterator[None]:
    """Take away the log handler of a program that a test ran in this process: its stream is gone afterwards."""
    yield
    root = logging.getLogger()
    root.handlers[:] = [
        one for one in root.handlers if not isinstance(one.formatter, TextFormatter | JsonFormatter)
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what mostly waits, so that at the end nobody waits for it.

    Each process begins with a share of all, one after the other: the first with networks of their own, the second
    with the rest of what waits, and the others compute.
    """
    places = {path: number for number, path in enumerate(WAITING)}
    place = {item: min(places.get(path, len(places)) for path in (item.path, item.path.parent)) for item in items}
    items.sort(key=place.__getitem__)
    networks = sum(not number for number in place.values())
    waiting = sum(number < len(places) for number in place.values())
    share = max(networks, len(items) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "4")))
    late = items[networks:waiting]
    del items[networks:waiting]
    items[share:share] = late


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        missing = [program for program in marker.args if shutil.which(program) is None]
        if missing:
            pytest.skip("needs " + ", ".join(missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if not hasattr(report, "wasxfail"):
        refuse_skips(report, call.excinfo.value if call.excinfo else "skipped")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):  # type: ignore[no-untyped-def]
    report = yield
    refuse_skips(report, report.longrepr)
    return report


def refuse_skips(report: pytest.TestReport | pytest.CollectReport, why: object) -> None:
    """Make a failure of a skipped test or file where nothing may be skipped."""
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"with CI=true nothing is skipped: {why}"
