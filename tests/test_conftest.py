"""With CI=true nothing is skipped, in one process and in several; what mostly waits is where the suite begins."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKIPPING = """
import pytest
needs = pytest.mark.needs

@needs("no-such-program")
def test_with_a_program(): ...

@pytest.mark.skip(reason="not today")
def test_marked(): ...

def test_within(): pytest.skip("not here")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail(): raise AssertionError

def test_good(): ...
"""


WHOLE_FILE = """
import pytest
pytest.importorskip("no_such_module")
"""
SETTINGS = """
[pytest]
addopts = -n{processes} --dist worksteal -ra -p no:cacheprovider -p no:asyncio -p no:pytest-qt
markers = needs(*programs): what it runs
"""


def run(folder: Path, processes: int, ci: str, tests: str) -> tuple[int, str]:
    """Run a file of tests under our rules; return the exit code and what pytest says."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "pytest.ini").write_text(SETTINGS.format(processes=processes))
    (folder / "test_it.py").write_text(tests)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest"], cwd=folder, env={**environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("processes", [0, 2])
def test_with_ci_a_skipped_test_is_a_failure(tmp_path: Path, processes: int) -> None:
    code, said = run(tmp_path, processes, "true", SKIPPING)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    for reason in ("needs no-such-program", "not today", "not here"):
        assert f"with CI=true nothing is skipped: {reason}" in said, said
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in said, said


@pytest.mark.parametrize("processes", [0, 2])
def test_with_ci_a_skipped_file_is_a_failure(tmp_path: Path, processes: int) -> None:
    code, said = run(tmp_path, processes, "true", WHOLE_FILE)
    assert code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED), said
    assert "with CI=true nothing is skipped: " in said, said
    assert "no_such_module" in said, said


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    code, said = run(tmp_path, 2, "", SKIPPING)
    assert code == pytest.ExitCode.OK, said
    assert "1 passed, 3 skipped, 1 xfailed" in said, said


class Item:
    """A test as far as the order goes."""

    def __init__(self, path: Path) -> None:
        self.path = path


def test_what_mostly_waits_is_where_processes_begin_and_all_else_stays_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    spec = importlib.util.spec_from_file_location("rules", ROOT / "tests" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    assert [path for path in rules.WAITING if not path.exists()] == []
    tests = ROOT / "tests"
    first, second = tests / "netns" / "test_vpn.py", next(path for path in rules.WAITING if path.is_file())
    others = [tests / "test_docs.py", second.with_name("test_another.py"), tests / "test_conftest.py"]
    items = [Item(path) for path in (*others, second, first)]
    rules.pytest_collection_modifyitems(items)
    assert [item.path for item in items] == [first, second, *others]
    items = [Item(path) for path in (*others, second, first, *others)]
    rules.pytest_collection_modifyitems(items)
    assert [item.path for item in items] == [first, others[0], second, *others[1:], *others]
    items = [Item(first), Item(second)]
    rules.pytest_collection_modifyitems(items)
    assert [item.path for item in items] == [first, second]
