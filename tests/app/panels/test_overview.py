"""The overview in its states: empty, typical, in trouble, with very long names."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.node_model import NodeModel
from app.panels.overview import OverviewPanel, coordinator_text, others_text
from app.picture import Picture
from app.widgets.question import Question
from node.state import VpnStatus
from tests.support import samples, vitals
from tests.support.samples import NOW, picture


@pytest.fixture
def panel(model: NodeModel, qtbot: QtBot) -> Iterator[OverviewPanel]:
    made = OverviewPanel(model)
    made.resize(624, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_before_anything_is_known_it_shows_dashes(panel: OverviewPanel) -> None:
    panel.draw(Picture(), NOW)
    assert panel._work._answered.accessibleName() == "answered here: –"
    assert not panel._mesh.isVisible()
    assert panel._machine._waiting.isVisible()
    assert not panel._reasons.isVisible()


def test_a_typical_machine(panel: OverviewPanel) -> None:
    panel.draw(samples.TYPICAL, NOW)
    assert panel._work._answered.accessibleName() == "answered here: 1,284"
    assert panel._work._services.accessibleName() == "services ready: 2"
    assert panel._work._load.value() == 340
    assert panel._mesh._coordinator.value.text() == "mesh.debtadvice.example"
    assert panel._mesh._trust.value.text() == "Public and personal documents"
    assert not panel._mesh._vpn.isVisible()


def test_the_private_network_is_told_with_its_address_and_what_it_means(panel: OverviewPanel) -> None:
    vpn = VpnStatus("relayed", "10.42.0.7", "Others are reached through a coordinator.")
    panel.draw(picture(msgspec.structs.replace(samples.ONLINE, vpn=vpn)), NOW)
    assert panel._mesh._vpn.isVisible()
    assert panel._mesh._vpn.value.text() == "Through a coordinator, 10.42.0.7"
    assert panel._mesh._vpn.toolTip() == vpn.text


def test_trouble_is_listed_with_its_reasons(panel: OverviewPanel) -> None:
    panel.draw(picture(samples.DEGRADED), NOW)
    assert panel._reasons.isVisible()
    assert sum(line.isVisible() for line in panel._reasons._lines) == 2
    assert sum(line.isVisible() for line in panel._remarks._lines) == 1
    panel.draw(picture(samples.ONLINE), NOW)
    assert not panel._reasons.isVisible()


def test_long_names_are_elided_and_told_whole(panel: OverviewPanel) -> None:
    panel.draw(picture(samples.LONG_NAMES), NOW)
    name = panel._mesh._name.value
    assert name.toolTip() == samples.LONG
    assert panel.horizontalScrollBar().maximum() == 0


def test_leaving_asks_first(panel: OverviewPanel, model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[bool] = []
    monkeypatch.setattr(model, "_intend", lambda about, path, body=None, wait=10.0: left.append(path == "/leave"))
    panel.draw(picture(samples.ONLINE), NOW)
    for text, expected in (("Stay", []), ("Leave", [True])):
        panel._mesh._leave.click()
        box = next(box for box in panel.findChildren(Question) if box.isVisible())
        next(b for b in box.findChildren(QPushButton) if b.text() == text).click()
        assert left == expected


def test_leaving_is_not_offered_twice_or_without_a_node(panel: OverviewPanel) -> None:
    for shown in (picture(samples.ONLINE, pending=frozenset({"leave"})), picture(samples.ONLINE, connected=False)):
        panel.draw(shown, NOW)
        assert not panel._mesh._leave.isEnabled()


def test_what_is_said_about_coordinator_and_others() -> None:
    assert "does not answer" in coordinator_text(samples.DEGRADED)
    assert coordinator_text(samples.UNENROLLED) == ""
    assert others_text(None) == "No other computers yet"
    alone = samples.view(msgspec.structs.replace(samples.ONLINE, dht_contacts=1))
    assert others_text(alone) == "No other computers yet", "the coordinator is no other worker"
    assert others_text(samples.view(samples.ONLINE, peers=samples.PEERS)) == "4 other computers"


def test_gauges_and_what_was_given_are_live(panel: OverviewPanel, model: NodeModel) -> None:
    model.picture = samples.TYPICAL
    panel.draw(samples.TYPICAL, NOW)
    assert panel._live.cpu.accessibleName() == "Processor: –"
    model.vitals.sight = vitals.sight()
    model.vitals.changed.emit()
    assert panel._live.cpu.accessibleName() == "Processor: 34 %. 12 % by the mesh's services"
    assert panel._contribution.cells["requests", 0].text() == "133"


def test_what_rests_is_said_with_its_end(panel: OverviewPanel) -> None:
    panel.draw(picture(samples.ON_BATTERY), NOW)
    line = panel._reasons._lines[0]
    assert line._title.text() == "Running on battery"
    assert line._text.text().endswith("a minute after it is plugged in.")
    panel.draw(picture(samples.SNOOZED), NOW)
    assert "Until " in panel._reasons._lines[0]._text.text()


def test_it_is_measured_and_painted_only_while_the_page_can_be_seen(panel: OverviewPanel, model: NodeModel) -> None:
    assert model.vitals.watched
    panel.hide()
    assert not model.vitals.watched
    model.vitals.sight = vitals.sight()
    model.vitals.changed.emit()
    assert panel._live.cpu.accessibleName() == "Processor: –"
    panel.show()
    assert model.vitals.watched
    assert panel._live.cpu.accessibleName().startswith("Processor: 34 %")


def test_keys_reach_what_is_further_down(panel: OverviewPanel, model: NodeModel) -> None:
    panel.resize(400, 300)
    panel.draw(samples.TYPICAL, NOW)
    QApplication.processEvents()
    panel.setFocus(Qt.FocusReason.TabFocusReason)
    bar = panel.verticalScrollBar()
    assert bar.maximum() > 0
    QTest.keyClick(panel, Qt.Key.Key_PageDown)
    assert bar.value() > 0


@pytest.mark.parametrize("width", [400, 700, 1700])
def test_no_page_is_wider_than_its_window(panel: OverviewPanel, model: NodeModel, width: int) -> None:
    model.picture = picture(samples.LONG_NAMES)
    panel.resize(width, 500)
    panel.draw(model.picture, NOW)
    model.vitals.sight = vitals.sight()
    model.vitals.changed.emit()
    QApplication.processEvents()
    assert panel.horizontalScrollBar().maximum() == 0
