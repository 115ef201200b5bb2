"""What the groups of the settings are drawn from, and what they ask for; and names for everything on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QListView,
    QTableView,
    QWidget,
)

from app.panels.settings_groups.row import Facts
from node.rules.settings import Caps, Rules, Schedule
from node.rules.verdict import RuleCode, RuleReason, RuleUntold, Verdict
from node.wire.messages import Capabilities
from tests.support import samples

CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QListView, QTableView)
FULL = Rules(
    schedule=Schedule(enabled=True),
    battery_below_percent=40,
    exclusive_programs=("blender", "zoom", samples.LONG),
    gpu_memory_of_others_bytes=2 * 2**30,
    caps=Caps(ram_bytes=8 * 2**30, upload_bytes_per_second=2**21),
)


class Asked:
    """Everything that was asked for: what it was called, and the changes."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, what: str, changes: Mapping[str, Any]) -> None:
        self.all.append((what, changes))

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        return [changes for _, changes in self.all]


def facts(rules: Rules = FULL, **changes: Any) -> Facts:
    values: dict[str, Any] = {
        "verdict": Verdict(),
        "capabilities": samples.CAPABILITIES,
        "usable": True,
        "live": True,
        **changes,
    }
    return Facts(rules=rules, **values)


def resting(code: RuleCode, text: str = "It is so.", ends: str = "It ends.", until: float | None = None) -> Verdict:
    return Verdict(rest="all", reasons=(RuleReason(code=code, scope="all", text=text, ends=ends, until=until),))


def untold(code: RuleCode, text: str = "Nobody knows.") -> Verdict:
    return Verdict(untold=(RuleUntold(code=code, text=text),))


def without_gpu() -> Capabilities:
    return msgspec.structs.replace(samples.CAPABILITIES, gpus=(), has_gpu=False, battery=None)


def pixels(widget: QWidget) -> bytes:
    """Return a picture of a widget, to be compared with another one."""
    image = widget.grab().toImage()  # it must live for as long as its bits are read
    return bytes(image.constBits())


def nameless(page: QWidget) -> list[str]:
    """Return the controls that a screen reader has no name for."""
    found = []
    for widget in page.findChildren(QWidget):
        part_of_another = isinstance(widget.parent(), QAbstractSpinBox) or widget.window() is not page.window()
        if isinstance(widget, CONTROLS) and not part_of_another:
            interface = QAccessible.queryAccessibleInterface(widget)
            if not (interface and interface.text(QAccessible.Text.Name).strip()):
                found.append(f"{type(widget).__name__} {widget.objectName()}")
    return found
