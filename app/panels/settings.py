"""The settings: all rules of the volunteer, and what concerns the app itself. Drawn from what the node tells.

A change is sent at once and shown until the node has answered; then its answer is shown, and a refusal says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QResizeEvent

from app.node_model import NodeModel
from app.panels import Panel
from app.picture import Picture

if TYPE_CHECKING:
    from app.panels.settings_groups.page import Content


class SettingsPanel(Panel):
    """Made when it is looked at for the first time, so that the window need not wait for it."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._content: Content | None = None
        self._drawn: tuple[Picture, float] | None = None
        model.rules.changed.connect(self._draw_again)

    @property
    def content(self) -> Content:
        if self._content is None:
            from app.panels.settings_groups.page import Content  # the first window need not wait for all of it

            self._content = Content(self._model, self)
            self.column.addWidget(self._content.whole)
            self.column.addStretch(1)
            self._content.foot.setParent(self)
        return self._content

    def draw(self, picture: Picture, now: float) -> None:
        self._drawn = (picture, now)
        self.content.draw(picture, now)
        self._place_foot()

    def _draw_again(self) -> None:
        """Show at once what was asked of the rules, and what came of it."""
        if self._drawn is not None and self.isVisible():
            picture, now = self._drawn
            self.content.draw(self._model.picture if self._model.picture.view else picture, now, anew=True)
            self._place_foot()

    def _place_foot(self) -> None:
        """Keep what was changed last in sight, wherever somebody has scrolled to."""
        foot = self.content.foot
        foot.draw()
        layout = foot.layout()
        height = layout.totalHeightForWidth(self.width()) if layout is not None and not foot.isHidden() else 0
        self.setViewportMargins(0, 0, 0, height)
        foot.setGeometry(0, self.height() - height, self.width(), height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._content is not None:
            self._place_foot()
