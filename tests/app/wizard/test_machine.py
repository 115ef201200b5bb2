"""The second step in every state: looking, all good, no GPU, all red, long names, failed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import icons
from app.wizard.findings import findings
from app.wizard.machine import PATIENCE_MS, FindingRow, MachinePage
from app.wizard.survey_model import Look, SurveyModel
from node.survey import Survey
from node.wire.messages import Gpu
from tests.support import samples
from tests.support.samples import LONG
from tests.support.surveys import GOOD
from tests.support.widgets import narrow_enough, texts


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    looks: list[str] = []
    monkeypatch.setattr(SurveyModel, "look_again", lambda _self: looks.append("look"))
    return looks


@pytest.fixture
def page(asked: list[str], qtbot: QtBot) -> Iterator[MachinePage]:
    made = MachinePage(SurveyModel())
    made.resize(800, 600)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def show(page: MachinePage, look: Look) -> str:
    page._model.look = look
    page._model.changed.emit(look)
    QApplication.processEvents()
    return texts(page)


def test_it_looks_when_it_is_opened_and_again_when_asked(page: MachinePage, asked: list[str]) -> None:
    page.open()
    assert asked == ["look"]
    show(page, Look(GOOD))
    page.open()
    assert asked == ["look"], "what is known is not looked for again"
    QTest.mouseClick(page.again, Qt.MouseButton.LeftButton)
    assert asked == ["look", "look"]


def test_a_look_shows_that_it_goes_on_once_it_takes_long(page: MachinePage, qtbot: QtBot) -> None:
    assert "Waiting" in texts(page)
    assert "Looking at this computer" in show(page, Look(under_way=True))
    assert page._patience.isActive()
    assert page._patience.interval() == PATIENCE_MS
    page._patience.timeout.emit()
    assert page._progress.isVisible()
    assert not page.again.isEnabled()
    show(page, Look(GOOD))
    assert not page._progress.isVisible()
    assert not page._patience.isActive()
    assert page.again.isEnabled()
    show(page, Look(GOOD, under_way=True))
    assert page._rows["gpu"].isVisible(), "what was found before stays in sight"


def test_all_good(page: MachinePage) -> None:
    said = show(page, Look(GOOD))
    assert "Everything is fine." in said
    assert "GeForce RTX 3060 with 12 GB, driver 560.35" in said
    assert page._rows["gpu"].accessibleName() == "Graphics card: Good. GeForce RTX 3060 with 12 GB, driver 560.35"


def test_no_gpu_is_no_harm(page: MachinePage) -> None:
    bare = msgspec.structs.replace(GOOD.capabilities, gpus=(), has_gpu=False)
    said = show(page, Look(msgspec.structs.replace(GOOD, capabilities=bare)))
    assert "nothing has to be done" in said
    assert "Could be better" in page._rows["gpu"].accessibleName()


def test_everything_red(page: MachinePage) -> None:
    said = show(page, Look(Survey()))
    assert "Something needs attention" in said
    assert "Needs attention" in page._rows["disk"].accessibleName()
    assert page._rows["disk"]._mark.toolTip() == "Needs attention"


def test_a_failed_look_says_what_to_do_and_keeps_what_was_known(page: MachinePage) -> None:
    assert "could not be looked at" in show(page, Look(failed=True))
    assert page.again.isVisible()
    assert "GeForce" in show(page, Look(GOOD, failed=True))
    assert "could not be looked at" not in show(page, Look(GOOD))


def test_marks_differ_in_shape_as_well_as_in_colour(qtbot: QtBot) -> None:
    marks = {}
    for one in (*findings(GOOD), *findings(Survey())):
        row = FindingRow()
        qtbot.addWidget(row)
        row.show_finding(one)
        marks[one.tone] = row._mark._name
    assert set(marks) == {"good", "warn", "bad", "quiet"}
    drawn = {bytes(icons.glyph_pixmap(name, QColor("black"), 22, 1.0).toImage().bits()) for name in marks.values()}
    assert len(drawn) == 4


@pytest.mark.parametrize("width", [560, 800, 1920])
def test_long_names_are_whole_and_nothing_is_cut_off(page: MachinePage, width: int) -> None:
    capabilities = msgspec.structs.replace(
        samples.LONG_NAMES.capabilities, gpus=tuple(Gpu(name=f"{LONG} {n}", memory_bytes=9) for n in range(8))
    )
    page.resize(width, 400)
    said = show(page, Look(msgspec.structs.replace(GOOD, capabilities=capabilities)))
    assert LONG in said
    assert "and 4 more" in said
    narrow_enough(page)


def test_large_letters_and_the_other_direction(page: MachinePage, qapp: QApplication) -> None:
    before = qapp.font()
    try:
        large = qapp.font()
        large.setPointSizeF(large.pointSizeF() * 2)
        qapp.setFont(large)
        page.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        show(page, Look(GOOD))
        row = page._rows["gpu"]
        assert row._mark.x() > row._title.x(), "the mark stands where reading begins"
        narrow_enough(page)
    finally:
        qapp.setFont(before)
