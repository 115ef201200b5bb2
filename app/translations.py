"""The language of the app: which one is wanted, and Qt's translators for it.

English stands in the source; a file for English holds its plural forms only. What the node itself says comes in
English; other languages say by its stable codes what is so (see wording).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator
from PySide6.QtGui import QGuiApplication

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}  # each by its own name
SYSTEM = "system"
FILE_NAME = "language"
LONGEST = 32  # bytes of that file

_loaded: list[QTranslator] = []  # Qt holds no reference of its own


def QT_TRANSLATE_NOOP(_context: str, text: str) -> str:
    """Mark a text that is translated where it is shown; the name is the one that pyside6-lupdate looks for."""
    return text


def install(application: QCoreApplication, language: str) -> None:
    """Let the application speak a language of ours: texts, plurals, Qt's own dialogs, numbers, direction."""
    for old in _loaded:
        application.removeTranslator(old)
    _loaded.clear()
    QLocale.setDefault(_formats(language))
    theirs = QTranslator(application)
    if language != "en" and theirs.load(
        f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    ):
        _add(application, theirs)
    ours = QTranslator(application)
    with as_file(files("resources") / "translations" / f"rma-mesh_{language}.qm") as path:
        if ours.load(str(path)):
            _add(application, ours)
    if isinstance(application, QGuiApplication):
        application.setLayoutDirection(QLocale(language).textDirection())


def _add(application: QCoreApplication, translator: QTranslator) -> None:
    application.installTranslator(translator)
    _loaded.append(translator)


def _formats(language: str) -> QLocale:
    """Return how numbers and dates look: as the system has it where that is the same language."""
    system, own = QLocale.system(), QLocale(language)
    # With LANGUAGE=de and LANG=C the system calls itself German, and its days and numbers are English all the same.
    same = system.language() == own.language() and system.dayName(1) == own.dayName(1)
    return system if same else own


def wanted(asked: str, kept: str, system: Iterable[str]) -> str:
    """Say which language of ours to speak: the one asked for, else the one kept, else the system's, else English.

    `system` are the system's languages, the dearest first, such as `de-AT`.
    """
    for one in (asked, kept, *system):
        code = one.replace("_", "-").partition("-")[0].lower()
        if code in LANGUAGES:
            return code
    return "en"


def system_languages() -> list[str]:
    return QLocale.system().uiLanguages()


def kept_language(data_dir: Path) -> str:
    """Return the language that was chosen in the settings; SYSTEM where none was."""
    try:
        with (data_dir / FILE_NAME).open("rb") as file:
            found = file.read(LONGEST).decode("ascii", "replace").strip()
    except OSError:
        return SYSTEM
    return found if found in LANGUAGES else SYSTEM


def keep_language(data_dir: Path, language: str) -> None:
    """Keep what was chosen, for the next start; raise OSError."""
    path = data_dir / FILE_NAME
    if language == SYSTEM:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f".{FILE_NAME}.new")
    fresh.write_text(language, "ascii")
    fresh.replace(path)


def speaks_english() -> bool:
    """Whether the reader's language is the one that the node's own sentences are in."""
    return QLocale().language() in (QLocale.Language.English, QLocale.Language.C)
