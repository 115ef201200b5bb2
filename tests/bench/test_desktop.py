"""The benchmark of the app runs small, and what it sees that is no matter of time holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.control_client import read_address
from bench import desktop as bench
from bench.desktop_support import measure, mesh_frames, results
from bench.desktop_support.measure import Site, events, first
from bench.desktop_support.processes import Load, Memory
from tests.support.desktop import desktop, end, wait_until

pytestmark = [
    pytest.mark.needs("Xvfb", "openbox", "xdotool", "trayer", "dbus-daemon"),
    pytest.mark.processes,
    pytest.mark.timeout(600),
]
TOLD = 20  # frames that are waited for
HEAVY = {"aiohttp", "cryptography", "yarl", "jwt"}  # what the window has no use for


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Site]:
    with desktop() as screen:
        screen.start_tray()
        with measure.site(screen, tmp_path) as made:
            yield made


def test_every_part_is_measured_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--rounds", "1", "--settle", "1", "--watch", "1", "--rate", "300", "--workers", "20", "--json"]
    assert bench.main([*words, "--only", "start", "--only", "busy", "--only", "frames"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["program"] for one in found["start"]] == [
        "bare PySide6 window", "app", "app --minimized", "app --minimized, StatusNotifier",
    ]  # fmt: skip
    assert all(one["tray"] > 0 for one in found["start"])
    assert len(found["busy"]) == 4
    assert [one["workers"] for one in found["frames"]] == [20]


def test_the_window_is_painted_before_what_it_has_no_use_for_is_loaded(at: Site) -> None:
    report = at.place("report")
    app = at.start("bench.desktop_support.watched", str(report), "--data-dir", str(at.data_dir()))
    painted = first(report, "painted", app)
    assert "PySide6" in painted["packages"]
    assert not HEAVY & set(painted["packages"])
    assert not any(name.startswith("PySide6.Qt") and ("Qml" in name or "Web" in name) for name in painted["qt"])
    first(report, "tray", app)
    end(app)


def test_a_shown_window_paints_ten_times_a_second_and_a_hidden_one_never(at: Site) -> None:
    """Much happens all the time: the stream goes on while the window is closed, as the app's own time tells."""
    data_dir, report = at.data_dir(), at.place("report")
    at.start("bench.desktop_support.busy_node", "--data-dir", str(data_dir), "--rate", "3000", "--each")
    wait_until(lambda: read_address(data_dir), "the busy node", measure.DEADLINE)
    words = ("--data-dir", str(data_dir), "--attach-only")
    app = at.start("bench.desktop_support.watched", str(report), *words)
    wait_until(lambda: len(events(report, "told")) > TOLD, "what is told", measure.DEADLINE)
    told = [one["at"] for one in events(report, "told")]
    gaps = [late - early for early, late in itertools.pairwise(told)]
    assert min(gaps) > 0.09  # by the model's own clock, which a slow machine does not hurry
    first(report, "tray", app)  # from then on the window may be closed
    window = wait_until(lambda: measure.windows(at), "the window")[0]
    wait_until(lambda: at.desktop.focus() == window, "the focus")
    at.desktop.keys("alt+F4")
    wait_until(lambda: not measure.windows(at), "the window's end", measure.DEADLINE)
    closed = len(events(report, "told"))
    wait_until(lambda: len(events(report, "told")) > closed + 2, "what is told now", measure.DEADLINE)
    before, seen = len(events(report, "frame")), len(events(report, "told"))
    wait_until(lambda: len(events(report, "told")) > seen + TOLD, "what goes on", measure.DEADLINE)
    assert len(events(report, "frame")) == before
    assert all(one["visible"] for one in events(report, "frame"))


def test_without_a_display_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "Xvfb" else name)
    assert bench.main([]) == 0
    assert "needs Linux and Xvfb" in capsys.readouterr().err


def test_what_is_not_there_is_left_open_in_the_tables() -> None:
    starts = results.start_table([results.Start("app", 0.5, 0.25, None, None, ())])
    assert starts.splitlines()[1].split() == ["app", "0.50", "0.25", "-", "-"]
    rests = results.rest_table([results.Rest("node", Memory(1.0, 2.0, 3.0), Load(0.25, 4.0))])
    assert rests.splitlines()[1].split() == ["node", "1.0", "2.0", "3.0", "0.25", "4.0"]
    busy = results.busy_table([results.Busy("much", 1.0, 2.0, 9.9)])
    assert busy.splitlines()[1].split() == ["much", "1.0", "2.0", "9.9"]
    frames = mesh_frames.table([mesh_frames.Frames(20, *range(8))])
    assert frames.splitlines()[1].split()[0] == "20"
