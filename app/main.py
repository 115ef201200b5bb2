"""The tray app's entry: arguments, one app per data directory, the Qt and asyncio loop in one, the exit code."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import platformdirs
import qasync
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox

from app import translations, wording
from app.application import Application
from app.compose import Options, run
from app.data_files import refuse_shared_place
from app.garbage import collected_here
from app.single_instance import Handover, hand_over
from app.traces import Traces
from app.wizard.qr import FLAG as READ_PICTURE
from node import __version__
from node.program.data_dir import hold_data_dir
from node.program.errors import EXIT_IN_USE, UserFacingError
from node.program.lifetime import print_error
from node.program.logs import configure_logging

LONGEST_LINK = 4000  # characters
NO_SCREEN = UserFacingError(
    "There is no screen to show RMA Mesh on.",
    "Neither DISPLAY nor WAYLAND_DISPLAY is set.",
    "Start it on a desktop, or run a node without a screen: rma-mesh-node run.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == [READ_PICTURE]:  # this program was made into one file, so it is its own helper
        from app.wizard import qr_program

        return qr_program.main(list(given[1:]))
    options = parse(given)
    configure_logging("text", os.environ.get("RMA_LOG_LEVEL", "warning"))
    if not has_screen(os.environ, sys.platform):
        print_error(NO_SCREEN, sys.stderr)
        return NO_SCREEN.exit_code
    existing = QApplication.instance()
    application = existing if isinstance(existing, Application) else Application(sys.argv[:1])
    kept = translations.kept_language(options.data_dir)
    language = translations.wanted(options.language, kept, translations.system_languages())
    if language != "en":
        translations.install(application, language)
    try:
        return start(options, application)
    except UserFacingError as error:
        report(error, application)
        return error.exit_code


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether there is a desktop to show anything on; Qt itself would end the program without a word to users."""
    if platform in ("win32", "darwin"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def parse(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="rma-mesh",
        description="RMA Mesh: lets this computer help, from an icon in the tray.",
        epilog="What the node behind it needs is taken from the environment: RMA_PORT, RMA_HOST, RMA_DHT_PORT, …",
    )
    parser.add_argument("link", nargs="?", default="", metavar="LINK", help="an invite link: rma-mesh://enroll?…")
    parser.add_argument(
        "--data-dir", metavar="DIR", default=default_data_dir(), help="where keys are kept (default: %(default)s)"
    )
    parser.add_argument("--minimized", action="store_true", help="start in the tray, without a window")
    parser.add_argument("--attach-only", action="store_true", help="use a node that runs already; start none")
    parser.add_argument("--language", choices=tuple(translations.LANGUAGES), default="", help="speak this language")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    found = parser.parse_args(list(arguments))
    return Options(
        data_dir=Path(found.data_dir).expanduser().absolute(),  # a start at login begins in another directory
        minimized=found.minimized,
        attach_only=found.attach_only,
        link=found.link[:LONGEST_LINK],
        language=found.language,
    )


def default_data_dir() -> str:
    """Return the directory that the node's own commands use too, so that they find the app's node."""
    return os.environ.get("RMA_DATA_DIR") or platformdirs.user_data_dir("rma-mesh", appauthor=False)


def start(options: Options, application: Application) -> int:
    """Run the app, or hand over to the one that has the data directory already; raise UserFacingError."""
    refuse_shared_place(options.data_dir)
    traces = Traces(options.data_dir)
    try:
        with (
            hold_data_dir(options.data_dir, "app"),
            collected_here(),
            asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner,
        ):
            code = runner.run(run(options, application, traces))
        traces.remove()
        return code
    except UserFacingError as error:
        activation = os.environ.get("XDG_ACTIVATION_TOKEN", "")
        handover = Handover(options.link, activation, options.minimized)
        if error.exit_code == EXIT_IN_USE and hand_over(options.data_dir, handover):
            return 0
        raise


def report(error: UserFacingError, application: Application) -> None:
    """Say on standard error what went wrong, and in a dialog where nobody would read that."""
    if sys.stderr is not None:
        print_error(error, sys.stderr)
        if sys.stderr.isatty():
            return
    if application.platformName() in ("offscreen", "minimal"):
        return
    box = QMessageBox(QMessageBox.Icon.Critical, wording.PROGRAM, error.title)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(" ".join(part for part in (error.message, error.hint) if part))
    box.exec()
