"""Makes the pictures of this folder: the app's pages, dialogs and menu, light and dark, at three sizes.

`python docs/screenshots/make.py` makes those that are kept in the repository: each scene at 800x600, and the main
ones at 1920x1080 and at 200 % of 800x600, too. `--all DIR` makes every scene at every size, and with text twice as
large. `--desktop` takes pictures of the whole app on a screen of its own (Xvfb) with a tray. Everything else is
drawn from the samples that the tests use, by one clock, in one font, without a node: the same code makes the same
pictures.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path[:0] = [str(ROOT), str(FOLDER)]

from PySide6.QtGui import QFont, QFontInfo, QImage  # noqa: E402

from app import translations  # noqa: E402
from app.application import Application  # noqa: E402
from tests.support.palettes import dark_palette  # noqa: E402
from tests.support.samples import NOW  # noqa: E402

if TYPE_CHECKING:
    from scenes import Scene

FONT, POINTS = "DejaVu Sans", 9.5
COLOURS = 256
SCHEMES = ("light", "dark")


@dataclass(frozen=True)
class Format:
    """A size of the window, how many pixels of the screen make one of it, and how large its text is."""

    name: str
    size: tuple[int, int]
    scale: int = 1
    text: int = 1


SMALL = Format("800x600", (800, 600))
FORMATS = (
    SMALL,
    Format("1920x1080", (1920, 1080)),
    Format("200", (800, 600), scale=2),
    Format("large-text", (1280, 960), text=2),
)


@dataclass(frozen=True)
class Wanted:
    """What shall be made: all or what is kept, and of these those that are named, if any are."""

    folder: Path
    everything: bool = False
    scenes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    schemes: tuple[str, ...] = SCHEMES

    def has(self, scene: Scene, form: Format) -> bool:
        kept = form == SMALL or (scene.kept and form.text == 1)
        if scene.page is None and form.size != SMALL.size:
            return False  # a menu has the size that it has
        named = (not self.scenes or scene.name in self.scenes) and (not self.formats or form.name in self.formats)
        return named and (kept or self.everything)


def file_name(scene: Scene, scheme: str, form: Format) -> str:
    return f"{scene.name}-{scheme}-{form.name}.png"


def kept_files() -> Iterator[str]:
    """Name every picture that the repository keeps, but for those of the desktop."""
    from scenes import SCENES

    wanted = Wanted(FOLDER)
    for scene in SCENES:
        for form in FORMATS:
            if wanted.has(scene, form):
                yield from (file_name(scene, scheme, form) for scheme in SCHEMES)


# --- drawing, in a process of its own for each scheme and scale --------------------------------------------------


def draw(wanted: Wanted, scheme: str, scale: int, language: str) -> None:
    """Draw what is wanted at one scale of the screen, which a process can choose but once."""
    time.time = lambda: NOW  # before anybody keeps the true one
    platform.node = lambda: "reception-pc"
    sys.frozen = True  # type: ignore[attr-defined]  # as volunteers have it: nothing of this folder is told
    application = make_application(scheme)
    translations.install(application, language)
    from scenes import SCENES, menu_of, window_of

    for form in FORMATS:
        for scene in SCENES:
            if form.scale == scale and wanted.has(scene, form):
                application.setFont(QFont(FONT, round(POINTS * form.text)))
                taken = window_of(scene, form.size) if scene.page else menu_of(scene)
                small(taken.toImage()).save(str(wanted.folder / file_name(scene, scheme, form)), "PNG", 0)


def make_application(scheme: str) -> Application:
    application = Application(["rma-mesh"])
    found = QFontInfo(QFont(FONT)).family()
    if found != FONT:
        sys.exit(f"The pictures are drawn in {FONT}, and this system has {found} only (Debian: fonts-dejavu-core).")
    if scheme == "dark":
        application.setPalette(dark_palette())
    return application


def small(image: QImage) -> QImage:
    """Return the picture in 256 colours: those that it has most of, and one of each kind that is left."""
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    counted = [colour for colour, _ in Counter(memoryview(plain.constBits()).cast("I")).most_common()]
    chosen = dict.fromkeys(counted[: COLOURS // 4])
    for bits in (0xE0E0E0, 0xF0F0F0, 0xF8F8F8, 0xFFFFFF):
        kinds = {colour & bits for colour in chosen}
        for colour in counted:
            if colour & bits not in kinds and len(chosen) < COLOURS:
                kinds.add(colour & bits)
                chosen[colour] = None
    table = sorted(colour | 0xFF000000 for colour in chosen)
    return plain.convertToFormat(QImage.Format.Format_Indexed8, table)


# --- the command -------------------------------------------------------------------------------------------------


def make(wanted: Wanted) -> None:
    """Draw everything that is wanted, one process after the other."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for scheme in wanted.schemes:
        for scale in sorted({form.scale for form in FORMATS if not wanted.formats or form.name in wanted.formats}):
            with tempfile.TemporaryDirectory() as home:
                subprocess.run(
                    [sys.executable, __file__, *sys.argv[1:], "--draw", scheme, str(scale)],
                    env=environment(home, scale),
                    check=True,
                )


def environment(home: str, scale: int) -> dict[str, str]:
    """Return an environment in which nothing of this computer can be seen."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
    return kept | {
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "QT_QPA_PLATFORM": "offscreen",
        "QT_SCALE_FACTOR": str(scale),
        "QT_FONT_DPI": "96",
        "PYTHONHASHSEED": "0",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", metavar="DIR", type=Path, help="make every scene at every size, in this folder")
    parser.add_argument("--out", metavar="DIR", type=Path, default=FOLDER, help="where else to put what is kept")
    parser.add_argument("--only", metavar="SCENE", action="append", default=[], help="make this scene only")
    parser.add_argument("--format", action="append", default=[], choices=[form.name for form in FORMATS])
    parser.add_argument("--scheme", action="append", default=[], choices=SCHEMES)
    parser.add_argument("--language", default="en", choices=sorted(translations.LANGUAGES))
    parser.add_argument("--list", action="store_true", help="name the pictures that are kept, and make none")
    parser.add_argument("--desktop", action="store_true", help="take pictures of the app on a real screen")
    parser.add_argument("--draw", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    wanted = Wanted(
        folder=(arguments.all or arguments.out).resolve(),
        everything=arguments.all is not None,
        scenes=tuple(arguments.only),
        formats=tuple(arguments.format),
        schemes=tuple(arguments.scheme) or SCHEMES,
    )
    if arguments.list:
        sys.stdout.writelines(f"{name}\n" for name in kept_files())
    elif arguments.desktop:
        import real_desktop

        real_desktop.make(wanted.folder, wanted.schemes)
    elif arguments.draw:
        draw(wanted, arguments.draw[0], int(arguments.draw[1]), arguments.language)
    else:
        make(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
