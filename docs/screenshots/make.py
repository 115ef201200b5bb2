"""Makes the pictures of this folder: every panel, light and dark, and the tray's menu on a real X server.

Run `python docs/screenshots/make.py` from the repository's root. It needs Xvfb, openbox, trayer, xdotool and
ImageMagick. Panels are drawn from the sample states that the tests use; the desktop pictures show the real app,
attached to a control server that stands in for a node.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from app.application import Application  # noqa: E402
from app.main import main as app_main  # noqa: E402
from app.main_window import MainWindow  # noqa: E402
from app.node_model import NodeModel  # noqa: E402
from app.picture import NodeLife, Notice, Picture  # noqa: E402
from tests.support import samples, vitals  # noqa: E402
from tests.support.desktop import Desktop, desktop, end, wait_until  # noqa: E402
from tests.support.palettes import dark_palette  # noqa: E402

SCHEMES = ("light", "dark")
USUAL, SMALL = (940, 680), (800, 600)
REFUSED = Notice(
    "enroll",
    "This invite does not work",
    "The invite was used already.",
    "Ask the person who sent it for a new one.",
)
BLOCKED = NodeLife(
    "blocked",
    trouble="Port 8000 on 127.0.0.1 is in use. Another program listens there.",
    retry_at=samples.NOW + 60,
)
PANELS: tuple[tuple[str, str, Picture, tuple[int, int]], ...] = (
    ("overview", "overview", samples.TYPICAL, USUAL),
    ("services", "services", samples.TYPICAL, USUAL),
    ("routing", "routing", samples.TYPICAL, USUAL),
    ("enrolment", "overview", samples.picture(samples.UNENROLLED), USUAL),
    ("enrolment-refused", "overview", samples.picture(samples.UNENROLLED, notices=(REFUSED,)), SMALL),
    ("paused", "services", samples.picture(samples.SNOOZED), SMALL),
    ("trouble", "overview", samples.picture(samples.DEGRADED), SMALL),
    ("trouble-services", "services", samples.picture(samples.DEGRADED), SMALL),
    ("long-names", "services", samples.picture(samples.LONG_NAMES), SMALL),
    ("not-running", "overview", Picture(life=BLOCKED), SMALL),
)


def make_panels(scheme: str) -> None:
    """Draw every panel into a file; runs in a process of its own, because it makes the application."""
    application = make_application(scheme)
    time.time = lambda: samples.NOW  # the samples' own clock
    for name, panel, picture, size in PANELS:
        model = NodeModel()
        model.picture = picture
        if picture.connected:
            model.vitals.sight = vitals.sight()
        window = MainWindow(model)
        window.resize(*size)
        window.open_panel(panel)
        window.show()
        for _ in range(3):
            application.processEvents()
        window.grab().save(str(FOLDER / f"{name}-{scheme}.png"))
        window.prepare_to_quit()
        window.close()


def run_app(scheme: str, data_dir: str) -> int:
    make_application(scheme)
    return app_main(["--data-dir", data_dir, "--attach-only"])


def make_application(scheme: str) -> Application:
    application = Application(["rma-mesh"])
    if scheme == "dark":
        application.setPalette(dark_palette())
    return application


def make_desktop(scheme: str) -> None:
    """Take the window and the tray's menu from a real screen."""
    with tempfile.TemporaryDirectory() as data_dir, desktop("1100x760") as screen:
        node = screen.start(
            sys.executable, "-m", "tests.support.control_server", "run", "--data-dir", data_dir, "--lively"
        )
        screen.start_tray()
        app = screen.start(sys.executable, __file__, "--app", scheme, "--data-dir", data_dir)
        wait_until(screen.tray_icons, "the tray icon")
        time.sleep(30)  # lets the chart of the last minute fill
        open_menu(screen)
        screen.screenshot(FOLDER / f"tray-menu-{scheme}.png")
        screen.keys("Escape")
        end(app)
        end(node)


def open_menu(screen: Desktop) -> None:
    screen.click(screen.tray_icons()[0].centre, button=3)
    wait_until(screen.menu, "the menu")
    screen.keys("Down")
    time.sleep(0.3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", choices=SCHEMES, help="only draw the panels of one scheme")
    parser.add_argument("--app", choices=SCHEMES, help="run the app in one scheme")
    parser.add_argument("--data-dir", default="")
    arguments = parser.parse_args()
    if arguments.panels:
        make_panels(arguments.panels)
        return 0
    if arguments.app:
        return run_app(arguments.app, arguments.data_dir)
    os.chdir(ROOT)
    for scheme in SCHEMES:
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        subprocess.run([sys.executable, __file__, "--panels", scheme], env=environment, check=True)
        make_desktop(scheme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
