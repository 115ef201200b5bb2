"""A bundle is a ZIP file with bounds that leads nowhere, and says what is in it."""

from __future__ import annotations

import io
import zipfile

from node.diagnostics.bundle import (
    CONTENTS,
    CUT,
    FOLDER,
    LARGEST,
    LARGEST_FILE,
    MOST_FILES,
    BundleFile,
    Source,
    bounded,
    cleaned,
    default_name,
    zipped,
)
from node.diagnostics.redaction import Redactor
from tests.support.planted import HOME, USER, planted

NOW = 1_780_000_000.0


def test_sources_are_cleaned_in_name_explanation_and_content() -> None:
    redactor = Redactor(home=HOME, user=USER)
    for whole, core in planted(3).values():
        for content in (whole, {"a": [whole]}, {whole: whole}):
            file = cleaned(Source(f"services/{whole}.log", f"About {whole}", content), redactor)
            assert core not in file.name + file.about + file.text


def test_names_lead_nowhere_else() -> None:
    for name in ("../../etc/passwd", "/etc/x", "a/../b", "..", "C:\\x", "a\nb"):
        file = cleaned(Source(name, "", "x"), Redactor())
        assert ".." not in file.name.split("/")
        assert not file.name.startswith("/")
        assert "\n" not in file.name
        assert "\\" not in file.name


def test_what_is_too_long_loses_its_beginning() -> None:
    text = "".join(f"line {n}\n" for n in range(60_000))
    file = cleaned(Source("node.log", "", text), Redactor())
    assert file.size <= LARGEST_FILE
    assert file.text.startswith(CUT + "line ")
    assert file.text.endswith("line 59999\n")


def test_all_together_are_bounded_in_number_and_size() -> None:
    files = [BundleFile(f"f{n}", "", "some words\n" * 20_000) for n in range(200)]
    kept = bounded(files)
    assert len(kept) <= MOST_FILES
    assert sum(file.size for file in kept) <= LARGEST
    assert [file.name for file in kept] == [f"f{n}" for n in range(len(kept))]
    many = bounded([BundleFile(f"f{n}", "", "x") for n in range(200)])
    assert len(many) == MOST_FILES


def test_the_zip_says_what_is_inside() -> None:
    files = (BundleFile("status.json", "What it does", "{}\n"), BundleFile("services/ner.log", "Its log", "ä\n"))
    with zipfile.ZipFile(io.BytesIO(zipped(files, NOW))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [f"{FOLDER}/{name}" for name in (CONTENTS, "status.json", "services/ner.log")]
        page = archive.read(names[0]).decode()
        assert archive.read(names[2]).decode() == "ä\n"
    assert "What it does" in page
    assert "services/ner.log" in page
    assert "2026-05-28" in page


def test_its_default_name_has_the_day() -> None:
    assert default_name(NOW) == "rma-mesh-diagnostics-2026-05-28.zip"
