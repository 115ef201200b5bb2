"""The second step: what was detected, a mark and the fix for each, and another look."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.picture import Notice
from app.widgets.frames import Banner, Card, Page
from app.widgets.glyphs import Button, Glyph
from app.widgets.labels import label
from app.widgets.tips import tip
from app.wizard.findings import Finding, findings, mark, worst
from app.wizard.survey_model import Look, SurveyModel

translate = QCoreApplication.translate

PATIENCE_MS = 1000  # a look that takes longer shows that it goes on


class MachinePage(Page):
    """Shows the newest look; asks for one when it is opened for the first time."""

    def __init__(self, model: SurveyModel) -> None:
        super().__init__()
        self._model = model
        self._rows: dict[str, FindingRow] = {}
        self._summary = label("", wrap=True)
        self._progress = QProgressBar()
        self._progress.setRange(0, 0)
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(6)
        self._progress.setAccessibleName(translate("Wizard", "Looking at this computer"))
        self._progress.hide()
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(lambda: self._progress.setVisible(self._model.look.under_way))
        self._failure = Banner(closable=False)
        self._card = Card(translate("Wizard", "What was found"))
        self.again = Button(translate("Wizard", "Look again"), "restart")
        self.again.clicked.connect(model.look_again)
        self._card.corner.addWidget(self.again)
        for widget in (self._summary, self._progress, self._failure, self._card):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        model.changed.connect(self._show)
        self._show(model.look)

    def open(self) -> None:
        """Look, unless that was done already."""
        if self._model.look.survey is None:
            self._model.look_again()

    def _show(self, look: Look) -> None:
        found = findings(look.survey) if look.survey is not None else ()
        for one in found:
            if one.key not in self._rows:
                self._rows[one.key] = FindingRow()
                self._card.body.addWidget(self._rows[one.key])
            self._rows[one.key].show_finding(one)
        self._card.setVisible(bool(found) or look.failed)
        self._summary.setText(summary(look, found))
        self.again.setEnabled(not look.under_way)
        self._failure.show_notice(failure() if look.failed else None)
        if not look.under_way:
            self._patience.stop()
            self._progress.hide()
        elif not self._patience.isActive():
            self._patience.start()


def summary(look: Look, found: tuple[Finding, ...]) -> str:
    """Say in a sentence or two what all marks come to."""
    if look.under_way:
        return translate("Wizard", "Looking at this computer. This takes a few seconds; nobody outside is asked.")
    if look.survey is None:
        return translate("Wizard", "Waiting for the part of RMA Mesh that looks at this computer.")
    texts = {
        "good": translate("Wizard", "Everything is fine."),
        "warn": translate(
            "Wizard", "This computer can help. What is marked could be better, but nothing has to be done."
        ),
    }
    bad = translate(
        "Wizard", "Something needs attention before this computer can help well. You can join all the same."
    )
    return texts.get(worst(found), bad)


def failure() -> Notice:
    return Notice(
        "survey",
        translate("Wizard", "This computer could not be looked at"),
        translate("Wizard", "The part of RMA Mesh that does it does not answer just now."),
        translate("Wizard", "Look again in a moment. You can join without it, too."),
        "warn",
    )


class FindingRow(QWidget):
    """A mark that is told by shape, colour and word; what it is; what was found; the fix."""

    def __init__(self) -> None:
        super().__init__()
        self._mark = Glyph("quiet", 22)
        self._title = label("", "strong", wrap=True)
        self._text = label("", wrap=True)
        self._fix = label("", "muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        for widget in (self._title, self._text, self._fix):
            widget.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(widget)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 2, 0, 2)
        line.setSpacing(12)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)

    def show_finding(self, finding: Finding) -> None:
        word = mark(finding.tone)
        self._mark.show_glyph(finding.tone, finding.tone)
        self._mark.setToolTip(tip(word))
        self._title.setText(finding.title)
        self._text.setText(finding.text)
        self._fix.setText(finding.fix)
        self._fix.setVisible(bool(finding.fix))
        self.setAccessibleName(" ".join(f"{finding.title}: {word}. {finding.text} {finding.fix}".split()))
