"""The language of the app: the system's, or one of ours; a change holds from the next start."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app import translations
from app.panels.settings_groups.row import NOTHING, Choice, Status, StatusLine
from app.widgets.flow import Flow
from app.widgets.frames import Card
from app.widgets.labels import label

log = logging.getLogger(__name__)


class LanguageCard(Card):
    """One choice, which is kept beside what else is ours; it shows what is kept."""

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__(QCoreApplication.translate("LanguageCard", "Language"))
        self._data_dir = data_dir
        self._at_start = self._kept
        named = {translations.SYSTEM: self.tr("That of the system"), **translations.LANGUAGES}
        self.choice = Choice(self.tr("Language of RMA Mesh"), named)
        self.choice.chosen.connect(self._choose)
        self.choice.setEnabled(data_dir is not None)
        self.status = StatusLine()
        self.body.addLayout(Flow(label(self.tr("RMA Mesh speaks")), self.choice))
        self.body.addWidget(self.status)
        self.choice.show_value(self._kept)

    @property
    def _kept(self) -> str:
        return translations.SYSTEM if self._data_dir is None else translations.kept_language(self._data_dir)

    def _choose(self, language: str) -> None:
        if self._data_dir is None:
            return
        try:
            translations.keep_language(self._data_dir, language)
        except OSError as error:
            log.warning("the language was not kept: %s", error)
            text = self.tr("It could not be saved: {why}.").format(why=error.strerror or str(error))
            self.status.show_status(Status(text, "bad"))
        else:
            text = self.tr("RMA Mesh speaks it when you start it the next time.")
            self.status.show_status(NOTHING if self._kept == self._at_start else Status(text, "quiet"))
        self.choice.show_value(self._kept)
