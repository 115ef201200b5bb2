"""Services: a row each, kept while it lasts; restart asks when it would disturb; emptiness is explained."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.node_model import NodeModel
from app.panels.services import ServicesPanel, why_nothing
from app.picture import Picture
from app.widgets.question import Question
from node.wire.messages import Assignment
from tests.support import samples
from tests.support.samples import NOW, picture


@pytest.fixture
def panel(model: NodeModel, qtbot: QtBot) -> Iterator[ServicesPanel]:
    made = ServicesPanel(model)
    made.resize(624, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def restarted(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(model, "_intend", lambda about, path, body=None, wait=10.0: names.append(path))
    return names


def test_each_service_has_a_row_with_its_state(panel: ServicesPanel) -> None:
    panel.draw(picture(samples.DEGRADED), NOW)
    row = panel._rows["ner-extraction"]
    assert row.accessibleName() == "Finding facts: Failed"
    assert "exit code 1" in row._detail.text()
    assert list(panel._rows) == ["document-processing", "ner-extraction", "rag-embeddings"]
    assert not panel._empty.isVisible()


def test_rows_are_kept_when_only_the_state_changes(panel: ServicesPanel) -> None:
    panel.draw(picture(samples.ONLINE), NOW)
    before = dict(panel._rows)
    panel.draw(picture(samples.DEGRADED), NOW)
    assert panel._rows == before
    fewer = msgspec.structs.replace(samples.ONLINE, services=samples.ONLINE.services[1:])
    panel.draw(picture(fewer), NOW)
    assert list(panel._rows) == ["ner-extraction", "rag-embeddings"]
    panel.draw(picture(samples.ONLINE), NOW)
    assert list(panel._rows) == ["document-processing", "ner-extraction", "rag-embeddings"]
    assert [panel._list.indexOf(row) for row in panel._rows.values()] == [0, 1, 2]


def test_a_service_that_runs_is_restarted_after_a_question(panel: ServicesPanel, restarted: list[str]) -> None:
    panel.draw(picture(samples.ONLINE), NOW)
    for text, expected in (("Leave it running", 0), ("Restart", 1)):
        panel._rows["document-processing"]._restart.click()
        box = next(box for box in panel.findChildren(Question) if box.isVisible())
        next(b for b in box.findChildren(QPushButton) if b.text() == text).click()
        assert len(restarted) == expected
    assert restarted == ["/services/document-processing/restart"]


def test_a_service_that_failed_is_restarted_at_once(panel: ServicesPanel, restarted: list[str]) -> None:
    panel.draw(picture(samples.DEGRADED), NOW)
    panel._rows["ner-extraction"]._restart.click()
    assert restarted == ["/services/ner-extraction/restart"]


def test_restart_rests_while_it_cannot_help(panel: ServicesPanel) -> None:
    panel.draw(picture(samples.ONLINE, pending=frozenset({"service:document-processing"})), NOW)
    assert not panel._rows["document-processing"]._restart.isEnabled()
    assert panel._rows["ner-extraction"]._restart.isEnabled()
    assert not panel._rows["rag-embeddings"]._restart.isEnabled()
    panel.draw(picture(samples.ONLINE, connected=False), NOW)
    assert not panel._rows["ner-extraction"]._restart.isEnabled()


def test_very_long_names_fit(panel: ServicesPanel) -> None:
    panel.draw(picture(samples.LONG_NAMES), NOW)
    QApplication.processEvents()
    assert len(panel._rows) == 20
    row = panel._rows["service-0"]
    assert row.width() <= panel.viewport().width()
    assert row._title.toolTip().startswith("Service 0 with a very long title")


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (None, "Not known yet"),
        (samples.UNENROLLED, "No services yet"),
        (samples.PAUSED, "Nothing runs while paused"),
        (msgspec.structs.replace(samples.ON_BATTERY, services=()), "Nothing runs while this computer rests"),
        (msgspec.structs.replace(samples.ONLINE, services=()), "Nothing to do at the moment"),
    ],
)
def test_emptiness_is_explained(panel: ServicesPanel, state: object, title: str) -> None:
    panel.draw(Picture() if state is None else picture(state), NOW)  # type: ignore[arg-type]
    assert panel._empty.isVisible()
    assert panel._empty._title.text() == title
    assert panel._empty._text.text()


def test_the_coordinators_own_words_come_first() -> None:
    state = msgspec.structs.replace(
        samples.ONLINE, services=(), assignment=Assignment(role="cpu", detail="Waiting for approval.")
    )
    assert why_nothing(state)[1] == "Waiting for approval."


def test_a_service_that_is_not_in_the_catalogue_shows_its_name(panel: ServicesPanel) -> None:
    panel.draw(picture(msgspec.structs.replace(samples.ONLINE, catalogue=samples.UNENROLLED.catalogue)), NOW)
    assert panel._rows["ner-extraction"].accessibleName() == "ner-extraction: Running"
