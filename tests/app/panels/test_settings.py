"""The settings: every rule can be changed and undone, whatever state the node is in; everything has a name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
import pytest_asyncio
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app import translations
from app.application import Application
from app.node_model import NodeModel
from app.panels.settings import SettingsPanel
from app.picture import Picture
from app.widgets.question import Question
from node.rules.settings import Caps, Rules
from tests.support import samples
from tests.support.palettes import dark_palette
from tests.support.samples import NOW, picture
from tests.support.settings import CONTROLS, FULL, nameless, pixels, resting, untold
from tests.support.waiting import eventually
from tests.support.widgets import texts

BUSY = msgspec.structs.replace(samples.LONG_NAMES, rules=FULL, verdict=untold("metered", "It cannot be told. " * 9))
UNREADABLE = msgspec.structs.replace(
    samples.PAUSED, paused=False, verdict=resting("rules-unreadable", "The file is damaged.")
)
STATES = {
    "not known": Picture(),
    "not in a mesh": picture(samples.UNENROLLED),
    "online": picture(samples.ONLINE),
    "all rules, long names": picture(BUSY),
    "on battery": picture(samples.ON_BATTERY),
    "coordinator gone": picture(samples.DEGRADED),
    "node gone": picture(samples.ONLINE, connected=False),
    "rules unreadable": picture(UNREADABLE),
}


@pytest.fixture
def panel(model: NodeModel, qtbot: QtBot) -> Iterator[SettingsPanel]:
    made = SettingsPanel(model)
    made.resize(640, 480)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def draw(panel: SettingsPanel, model: NodeModel, shown: Picture) -> None:
    model.picture = shown
    panel.draw(shown, NOW)
    QApplication.processEvents()


@pytest.mark.parametrize("name", list(STATES))
def test_every_control_has_a_name_in_every_state(panel: SettingsPanel, model: NodeModel, name: str) -> None:
    draw(panel, model, STATES[name])
    assert len([one for one in panel.findChildren(QWidget) if isinstance(one, CONTROLS)]) > 40
    assert nameless(panel) == []


@pytest.mark.parametrize("name", list(STATES))
def test_rules_can_be_changed_exactly_while_a_node_would_hear_it(
    panel: SettingsPanel, model: NodeModel, name: str
) -> None:
    shown = STATES[name]
    draw(panel, model, shown)
    usable = shown.connected and name != "rules unreadable"
    content = panel.content
    for switch in (content.times.mesh, content.presence.active, content.power.metered, content.limits.cpu):
        assert switch.switch.isEnabled() is usable
    assert content.unusable.isVisible() is not usable
    assert content.anew.isVisible() is (name == "rules unreadable")


@pytest.mark.parametrize("name", ["all rules, long names", "online", "rules unreadable"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_wider_than_the_page(panel: SettingsPanel, model: NodeModel, name: str, scale: float) -> None:
    font = panel.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    panel.setFont(font)
    panel.resize(538, 480)  # what a window of 800 × 600 leaves at 200 %
    draw(panel, model, STATES[name])
    panel.content.times.editor.as_text.setChecked(True)
    QApplication.processEvents()
    assert panel.content.whole.minimumSizeHint().width() + 40 <= panel.viewport().width()


def test_it_is_made_when_it_is_looked_at(model: NodeModel) -> None:
    made = SettingsPanel(model)
    assert made._content is None
    made.deleteLater()


def test_the_keyboard_reaches_everything_in_order(panel: SettingsPanel, model: NodeModel, qtbot: QtBot) -> None:
    draw(panel, model, picture(BUSY))
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow, timeout=60_000)
    content = panel.content
    content.times.mesh.switch.setFocus()
    reached: list[QWidget] = []
    for _ in range(200):
        focus = QApplication.focusWidget()
        if focus is None or focus in reached:
            break
        reached.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    wanted = [
        content.times.mesh.switch,
        content.times.schedule.switch,
        content.times.editor.grid,
        content.presence.active.switch,
        content.presence.scope,
        content.presence.programs.rows,
        content.power.battery.switch,
        content.graphics.celsius,
        content.limits.percent,
        content.patience.grace_seconds,
        content.resetting,
    ]
    places = [reached.index(one) for one in wanted]
    assert all(one < other for one, other in pairwise(places))
    assert all(panel.isAncestorOf(one) for one in reached[: places[-1]])


def test_light_and_dark_are_drawn(panel: SettingsPanel, model: NodeModel, qapp: QApplication) -> None:
    draw(panel, model, picture(BUSY))
    light, before = pixels(panel), qapp.palette()
    qapp.setPalette(dark_palette())
    try:
        QApplication.processEvents()
        assert pixels(panel) != light
    finally:
        qapp.setPalette(before)


class Told:
    """What a node was told, and what it says to that."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.told: list[tuple[str, object]] = []

    async def ask(self, method: str, _path: str, body: object) -> bytes:
        self.told.append((method, body))
        return msgspec.json.encode(self.rules)


@pytest_asyncio.fixture
async def node(model: NodeModel) -> Told:
    made = Told()
    model.rules.connect_to(made)
    model.rules._forgetting.setInterval(3_600_000)  # a slow machine shall not lose the way back
    return made


async def test_a_change_is_shown_sent_and_undone(panel: SettingsPanel, model: NodeModel, node: Told) -> None:
    draw(panel, model, picture(samples.ONLINE))
    power = panel.content.power
    power.metered.switch.click()
    assert not power.metered.switch.isChecked()
    assert panel.content.undoing.isVisible()
    assert "metered" in panel.content.undoing.undo.accessibleName()
    node.rules = Rules(metered=False)
    await eventually(lambda: node.told, "the change")
    assert node.told == [("PATCH", {"metered": False})]
    await eventually(lambda: model.picture.state and not model.picture.state.rules.metered, "the answer")
    panel.content.undoing.undo.click()
    assert power.metered.switch.isChecked()
    assert not panel.content.undoing.isVisible()
    node.rules = Rules()
    await eventually(lambda: len(node.told) == 2, "the undoing")
    assert node.told[1] == ("PATCH", {"metered": True})
    await model.stop()


async def test_a_refused_change_says_why_and_shows_the_old_value(panel: SettingsPanel, model: NodeModel) -> None:
    draw(panel, model, picture(samples.ONLINE))
    panel.content.power.battery.switch.click()
    assert not panel.content.power.battery.switch.isChecked()
    await eventually(panel.content.refusal.isVisible, "the refusal")
    assert panel.content.power.battery.switch.isChecked()
    await model.stop()


async def test_a_reset_asks_first(panel: SettingsPanel, model: NodeModel, node: Told) -> None:
    draw(panel, model, picture(samples.ONLINE))
    assert not panel.content.resetting.isEnabled(), "they are as they were at first"
    changed = msgspec.structs.replace(samples.ONLINE, rules=Rules(caps=Caps(cpu_percent=10), mesh_on=False))
    draw(panel, model, picture(changed))
    panel.content.resetting.click()
    next(box for box in panel.findChildren(Question) if box.isVisible()).no.click()
    panel.content.resetting.click()
    next(box for box in panel.findChildren(Question) if box.isVisible()).yes.click()
    assert panel.content.limits.percent.value() == 80
    assert not panel.content.times.mesh.switch.isChecked(), "which is switched elsewhere"
    await eventually(lambda: node.told, "the reset")
    await model.stop()


async def test_rules_that_cannot_be_read_are_begun_anew_after_a_question(
    panel: SettingsPanel, model: NodeModel, node: Told
) -> None:
    draw(panel, model, picture(UNREADABLE))
    panel.content.anew.click()
    next(box for box in panel.findChildren(Question) if box.isVisible()).yes.click()
    await eventually(lambda: node.told, "the rules")
    assert node.told[0][0] == "PUT"
    await model.stop()


def test_rules_that_cannot_be_read_are_told_in_the_language_of_the_page(
    panel: SettingsPanel, model: NodeModel, qapp: Application
) -> None:
    draw(panel, model, picture(UNREADABLE))
    assert "The file is damaged." in panel.content.unusable.accessibleName()
    translations.install(qapp, "de")
    try:
        german = SettingsPanel(model)
        german.draw(picture(UNREADABLE), NOW)
        said = german.content.unusable.accessibleName()
        german.deleteLater()
    finally:
        translations.install(qapp, "en")
    assert "The file is damaged." not in said
    assert "Er ruht, bis Sie Ihre Regeln neu speichern." in said


async def test_the_change_that_can_be_undone_reads_as_a_sentence(
    panel: SettingsPanel, model: NodeModel, node: Told
) -> None:
    draw(panel, model, picture(samples.ONLINE))
    panel.content.times.mesh.switch.click()
    assert "Changed: Taking part in the mesh." in texts(panel.content.undoing)
    assert panel.content.undoing.undo.accessibleName() == "Undo the change of: Taking part in the mesh"
    await eventually(lambda: node.told, "the change")
    await model.stop()


async def test_undo_is_in_sight_wherever_somebody_has_scrolled_to(
    panel: SettingsPanel, model: NodeModel, node: Told
) -> None:
    draw(panel, model, picture(samples.ONLINE))
    bar = panel.verticalScrollBar()
    assert panel.viewportMargins().bottom() == 0
    bar.setValue(bar.maximum())
    panel.content.patience.grace_seconds.stepUp()
    undo = panel.content.undoing.undo
    assert panel.rect().contains(undo.mapTo(panel, undo.rect().center()))
    assert panel.viewportMargins().bottom() == panel.content.foot.height() > 20
    panel.resize(600, 300)
    QApplication.processEvents()
    assert panel.rect().contains(undo.mapTo(panel, undo.rect().center()))
    undo.click()
    assert panel.viewportMargins().bottom() == 0
    await model.stop()


def test_what_is_drawn_already_is_not_drawn_again(
    panel: SettingsPanel, model: NodeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(panel, model, picture(samples.ONLINE))
    drawn: list[object] = []
    monkeypatch.setattr(panel.content.limits, "draw", drawn.append)
    draw(panel, model, picture(samples.ONLINE, busy=True))
    assert drawn == []
    draw(panel, model, picture(samples.ON_BATTERY))
    model.rules.changed.emit()
    assert len(drawn) == 2
