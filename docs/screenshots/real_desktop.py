"""Takes pictures of the whole app on a screen of its own: window, tray icon and the tray's menu.

It needs Xvfb, openbox, trayer, xdotool and ImageMagick. The app is the real one, attached to a control server that
stands in for a node, so these pictures differ a little from run to run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.application import Application
from app.main import main as app_main
from tests.support.desktop import Desktop, desktop, end, wait_until
from tests.support.palettes import dark_palette

CHART_SECONDS = 30.0  # until the chart of the last minute has something to show


def make(folder: Path, schemes: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in schemes:
        take(folder / f"desktop-{scheme}.png", scheme)


def take(path: Path, scheme: str) -> None:
    """Take the window and the tray's menu from a real screen."""
    with tempfile.TemporaryDirectory() as data_dir, desktop("1100x760") as screen:
        server = ("-m", "tests.support.control_server", "run", "--data-dir", data_dir, "--lively")
        node = screen.start(sys.executable, *server)
        screen.start_tray()
        app = screen.start(sys.executable, __file__, scheme, data_dir)
        wait_until(screen.tray_icons, "the tray icon")
        time.sleep(CHART_SECONDS)
        open_menu(screen)
        screen.screenshot(path)
        screen.keys("Escape")
        end(app)
        end(node)


def open_menu(screen: Desktop) -> None:
    screen.click(screen.tray_icons()[0].centre, button=3)
    wait_until(screen.menu, "the menu")
    screen.keys("Down")
    time.sleep(0.3)


def run_app(scheme: str, data_dir: str) -> int:
    application = Application(["rma-mesh"])
    if scheme == "dark":
        application.setPalette(dark_palette())
    return app_main(["--data-dir", data_dir, "--attach-only"])


if __name__ == "__main__":
    sys.exit(run_app(sys.argv[1], sys.argv[2]))
