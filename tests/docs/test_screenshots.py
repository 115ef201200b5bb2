"""The pictures in the documents: those that are kept are those that the script makes, the same every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screenshots"
DESKTOP = {"desktop-light.png", "desktop-dark.png"}  # taken by hand: they need a whole desktop, and half a minute
MOST_BYTES = 6_000_000


def run(*arguments: str) -> str:
    program = [sys.executable, str(FOLDER / "make.py"), *arguments]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=240, check=False)
    if "this system has" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(folder: Path, scene: str, *formats: str, schemes: tuple[str, ...] = ("light", "dark")) -> dict[str, bytes]:
    wanted = [part for name in formats for part in ("--format", name)]
    wanted += [part for name in schemes for part in ("--scheme", name)]
    run("--out", str(folder), "--only", scene, *wanted)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_pictures_that_are_kept_are_those_that_the_script_makes() -> None:
    assert {*run("--list").split(), *DESKTOP} == {path.name for path in FOLDER.glob("*.png")}


def test_the_pictures_are_no_burden_to_the_repository() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) < MOST_BYTES


def test_the_documents_show_pictures_that_are_there() -> None:
    shown = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
        for name in re.findall(r"screenshots/([\w.-]+\.png)", path.read_text("utf-8"))
    ]
    assert len(shown) >= 2
    assert [one for one in shown if not (FOLDER / one[1]).exists()] == []


def test_a_page_is_drawn_light_and_dark_at_each_size(tmp_path: Path) -> None:
    made = make(tmp_path, "mesh", "800x600", "200")
    sizes = {}
    for name, data in made.items():
        image = QImage.fromData(data)
        sizes[name] = (image.width(), image.height())
        colours = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
        assert len(colours) > 10, f"{name} is empty"
    assert sizes == {
        "mesh-dark-200.png": (1600, 1200),
        "mesh-dark-800x600.png": (800, 600),
        "mesh-light-200.png": (1600, 1200),
        "mesh-light-800x600.png": (800, 600),
    }
    corner = {name: QImage.fromData(data).pixelColor(5, 590).lightness() for name, data in made.items()}
    assert corner["mesh-dark-800x600.png"] < 100 < corner["mesh-light-800x600.png"]


@pytest.mark.parametrize("scene", ["goodbye-question", "tray-menu"])
def test_the_same_code_makes_the_same_picture(tmp_path: Path, scene: str) -> None:
    first = make(tmp_path / "1", scene, "800x600", schemes=("light",))
    assert list(first) == [f"{scene}-light-800x600.png"]
    assert make(tmp_path / "2", scene, "800x600", schemes=("light",)) == first
