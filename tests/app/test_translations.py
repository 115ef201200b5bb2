"""Every text that is shown can be translated, and German is whole."""

from __future__ import annotations

import os
import platform
import re
import string
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QLabel

from app import figures, translations, wording
from app.application import Application
from app.counted import counted
from app.goodbye import Goodbye
from app.translations import keep_language, kept_language, wanted
from app.tray_picture import tray_picture
from app.wizard.offers import usual_offers
from node.rules.settings import Rules
from tests.support import samples
from tests.support.pseudo import outside, pseudo_language, shown_texts, strings_in
from tests.support.samples import NOW
from tests.support.scenes import SCENES, opened, scenes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "resources" / "translations"
SIZE = (940, 680)

# Names that are the same in every language, and what is read from this computer.
NAMES = (
    platform.node(),
    "RMA Mesh",
    "English",
    "Deutsch",
    "Docker",
    "Podman",
    "Ctrl+",
    "Qt",
    "NVIDIA",
    str(ROOT),
    sys.executable,
)


@pytest.fixture
def german(qapp: Application) -> Iterator[None]:
    translations.install(qapp, "de")
    yield
    translations.install(qapp, "en")


# --- everything can be translated --------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_nothing_is_shown_that_cannot_be_translated(scene: Any, qapp: Application) -> None:
    with pseudo_language(qapp), opened(scene, SIZE) as window:
        known = " \n ".join(
            (*strings_in(scene_data(scene)), *strings_in(usual_offers()), *NAMES, *days_and_months())
        )
        found = [
            (type(widget).__name__, piece, text)
            for widget, text in shown_texts(window)
            for piece in outside(text)
            if re.sub(r"\s*\d+$", "", piece) not in known  # such as the year after a month
        ]
    assert not found, found[:20]


def test_the_search_finds_what_cannot_be_translated() -> None:
    with_a_hole = "\u27e6Name\u27e7: reception, \u27e6at {x}\u27e7 now"
    assert outside(with_a_hole) == ["reception", "now"]
    label = QLabel("Not translated")
    label.show()
    assert [text for _, text in shown_texts(label)] == ["Not translated"]
    label.close()


def scene_data(scene: Any) -> tuple[object, ...]:
    done = getattr(scene.then, "args", ())  # what a dialog is told, too
    told = (scene.picture, scene.sight, scene.mesh, scene.routing, scene.activity, scene.look)
    files = tuple((one.name, one.about + ".", one.text) for one in scenes.BUNDLE)
    log = (scenes.LOG.path, *scenes.LOG.lines)
    return (
        *told,
        *(one for one in done if isinstance(one, Goodbye)),
        str(scenes.DATA_DIR),
        scenes.LINK,
        files,
        log,
    )


def days_and_months() -> Iterator[str]:
    locale = QLocale("de")
    for form in (QLocale.FormatType.LongFormat, QLocale.FormatType.ShortFormat):
        yield from (locale.dayName(day, form) for day in range(1, 8))
        yield from (locale.standaloneDayName(day, form) for day in range(1, 8))
        yield from (locale.monthName(month, form) for month in range(1, 13))


# --- German is whole ---------------------------------------------------------------------------------------------


def messages(file: Path) -> dict[tuple[str, str, str], ET.Element]:
    """Return a language's texts by context, source and comment."""
    root = ET.parse(file).getroot()
    return {
        (context.findtext("name", ""), one.findtext("source", ""), one.findtext("comment", "")): one
        for context in root.iter("context")
        for one in context.iter("message")
    }


def forms(message: ET.Element) -> list[str]:
    """Return the translation, or its forms for one and for many."""
    found = message.find("translation")
    assert found is not None
    several = [one.text or "" for one in found.iter("numerusform")]
    return several or [found.text or ""]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[tuple[str, str, str], ET.Element]]:
    """What pyside6-lupdate finds in the source now."""
    tools, folder = Path(sys.executable).parent, tmp_path_factory.mktemp("texts")
    found = {}
    for language, flags in (("en", ["-pluralonly"]), ("de", [])):
        file = folder / f"{language}.ts"
        command = [
            str(tools / "pyside6-lupdate"),
            "-silent",
            "-extensions",
            "py",
            "-locations",
            "none",
            *flags,
            "app",
        ]
        subprocess.run([*command, "-ts", str(file)], cwd=ROOT, check=True, timeout=300)
        found[language] = messages(file)
    return found


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_text_of_the_source_has_its_translation(
    language: str, collected: dict[str, dict[tuple[str, str, str], ET.Element]]
) -> None:
    kept = messages(FOLDER / f"rma-mesh_{language}.ts")
    assert set(kept) == set(collected[language]), "make translations collects them; then translate what is new"
    assert not [key for key, one in kept.items() if not all(forms(one))]
    unfinished = 'type="unfinished"'
    assert unfinished not in (FOLDER / f"rma-mesh_{language}.ts").read_text("utf-8")


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_is_filled_in_is_in_every_translation(language: str) -> None:
    places = re.compile(r"\{\w*\}|%(?:\d|Ln|n)")
    for (_, source, _), message in messages(FOLDER / f"rma-mesh_{language}.ts").items():
        wanted_places = set(places.findall(source))
        for form in forms(message):
            assert set(places.findall(form)) | {"%Ln"} == wanted_places | {"%Ln"}, (source, form)
            list(string.Formatter().parse(form))  # raises for braces that nothing could be filled into
            assert source.startswith(" ") == form.startswith(" "), source


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_is_loaded_is_what_was_translated(language: str, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.qm"
    tool = Path(sys.executable).parent / "pyside6-lrelease"
    command = [str(tool), "-silent", str(FOLDER / f"rma-mesh_{language}.ts"), "-qm", str(fresh)]
    subprocess.run(command, check=True, timeout=300)
    assert fresh.read_bytes() == (FOLDER / f"rma-mesh_{language}.qm").read_bytes(), "make translations"


def test_every_language_has_a_file_and_every_file_a_language() -> None:
    assert {one.stem.partition("_")[2] for one in FOLDER.glob("*.qm")} == set(translations.LANGUAGES)
    assert {one.stem for one in FOLDER.glob("*.qm")} == {one.stem for one in FOLDER.glob("*.ts")}
    assert not QTranslator().load(str(FOLDER / "rma-mesh_xx.qm"))


def test_german_says_states_numbers_and_plurals_in_german(german: None) -> None:
    assert wording.look(samples.picture(samples.ONLINE), NOW).sentence == "Hilft mit 2 Diensten."
    assert counted.requests(1) == "1 Anfrage"
    assert counted.requests(12345) == "12.345 Anfragen"
    assert figures.size(int(1.5 * 2**30)) == "1,5 GB"
    assert figures.ago(NOW - 86400 * 5, NOW) == "vor 5 Tagen"
    assert figures.clock_time(NOW + 86400 * 2, NOW).partition(" ")[0] in {
        QLocale("de").dayName(n) for n in range(1, 8)
    }


def test_what_the_node_says_in_english_is_said_by_its_code_in_german(german: None) -> None:
    paused = wording.look(samples.picture(samples.ON_BATTERY), NOW)
    assert paused.sentence == "Läuft im Akkubetrieb. Es geht weiter, sobald der Rechner am Stromnetz ist."
    degraded = wording.look(samples.picture(samples.DEGRADED), NOW)
    assert degraded.sentence == "Die Arbeit geht ohne den Koordinator weiter."


def test_the_tooltip_of_a_rest_has_reason_and_end_in_german(german: None) -> None:
    assert tray_picture(samples.picture(samples.ON_BATTERY), Rules(), NOW).tooltip.endswith(
        "; es geht weiter, sobald der Rechner am Stromnetz ist."
    )
    told = tray_picture(samples.picture(samples.SNOOZED), Rules(), NOW).tooltip
    assert "Sie haben um Ruhe gebeten; es geht um " in told


def test_qt_speaks_the_same_language(german: None, qapp: Application) -> None:
    assert qapp.translate("QPlatformTheme", "Cancel") == "Abbrechen"


SAYS = (
    "from PySide6.QtCore import QCoreApplication, QLocale; from app import translations;"
    "application = QCoreApplication([]); translations.install(application, 'de'); own = QLocale();"
    "print(own.dayName(1), own.toString(1.5, 'f', 1), translations.speaks_english())"
)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the environment does not say how numbers look")
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LANGUAGE": "de", "LANG": "C"}, "Montag 1,5 False"),
        ({"LANGUAGE": "de", "LANG": "C.UTF-8"}, "Montag 1,5 False"),
        ({"LANGUAGE": "de", "LANG": "en_US.UTF-8"}, "Montag 1,5 False"),
        ({"LANG": "de_DE.UTF-8"}, "Montag 1,5 False"),
        ({"LANG": "de_CH.UTF-8"}, "Montag 1.5 False"),
    ],
)
def test_days_and_numbers_are_in_the_language_of_the_texts(environment: dict[str, str], said: str) -> None:
    locale = re.compile(r"LANG|LANGUAGE|LC_.*")
    kept = {name: value for name, value in os.environ.items() if not locale.fullmatch(name)}
    command = [sys.executable, "-X", "utf8", "-c", SAYS]
    done = subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, encoding="utf-8", check=True, timeout=300
    )
    assert done.stdout.strip() == said


# --- which language ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "kept", "system", "spoken"),
    [
        ("", "system", ["de-AT", "en-US"], "de"),
        ("", "system", ["fr-FR", "de-DE"], "de"),
        ("", "system", ["ja-JP"], "en"),
        ("", "system", ["C"], "en"),
        ("", "en", ["de-DE"], "en"),
        ("de", "en", ["fr"], "de"),
        ("", "system", [], "en"),
        ("", "system", ["de_DE"], "de"),
    ],
)
def test_the_language_is_the_one_asked_for_or_kept_or_the_systems(
    asked: str, kept: str, system: list[str], spoken: str
) -> None:
    assert wanted(asked, kept, system) == spoken


def test_the_choice_is_kept_until_it_is_taken_back(tmp_path: Path) -> None:
    assert kept_language(tmp_path) == "system"
    keep_language(tmp_path, "de")
    assert kept_language(tmp_path) == "de"
    keep_language(tmp_path, "system")
    keep_language(tmp_path, "system")
    assert kept_language(tmp_path) == "system"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"xx", b"../../etc/passwd", b"\xff\xfe", b"d" * 100000])
def test_a_file_with_something_else_is_no_choice(content: bytes, tmp_path: Path) -> None:
    (tmp_path / translations.FILE_NAME).write_bytes(content)
    assert kept_language(tmp_path) == "system"


def test_a_language_without_a_file_leaves_english(qapp: Application) -> None:
    translations.install(qapp, "xx")
    assert wording.look(samples.picture(samples.PAUSED), NOW).title == "Paused"
    translations.install(qapp, "en")
