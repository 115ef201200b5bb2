"""What the pictures show: for each scene the sample data, and the page, dialog or menu that is drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QScrollArea, QWidget

from app.diagnostics.dialog import DiagnosticsDialog
from app.diagnostics.job import BundleJob
from app.goodbye import Goodbye
from app.main_window import MainWindow
from app.mesh_model import MeshSight
from app.node_model import NodeModel
from app.panels.service_log import ServiceLogDialog
from app.panels.settings_groups.goodbye import GoodbyeCard
from app.panels.settings_groups.goodbye_dialog import GoodbyeDialog
from app.panels.settings_groups.limits import LimitsCard
from app.panels.settings_groups.power import PowerCard
from app.panels.settings_groups.presence import PresenceCard
from app.panels.settings_groups.times import TimesCard
from app.past_model import ActivitySight, RoutingSight
from app.picture import NodeLife, Notice, Picture
from app.requests.card import RequestsCard
from app.topology.board import MeshBoard
from app.tray_menu import TrayMenu
from app.tray_picture import tray_picture
from app.vitals_model import Sight
from app.wizard.survey_model import Look
from app.wizard.wizard import JOIN, MACHINE, Wizard
from node.activity.entries import Code, Entry
from node.diagnostics.bundle import BundleFile
from node.hardware.containers import ContainerEngine
from node.routing.journeys import Journey, Try, Why
from node.routing.samples import Sample, Series
from node.rules.settings import Rules, Schedule
from node.survey import Survey
from node.vitals.values import LogTail
from node.wire.invites import InviteLink, make_invite
from node.wire.messages import Assignment
from tests.support import meshes, pasts, samples, settings, surveys, vitals
from tests.support.samples import NOW

DATA_DIR = Path("/home/volunteer/.local/share/rma-mesh")
LINK = InviteLink("https://mesh.debtadvice.example", make_invite(bytes(10), bytes(32))).url
BACKDROP = QColor(0, 0, 0, 90)

# --- what nodes tell ----------------------------------------------------------------------------------------------

USED_UP = Notice(
    "enroll",
    "This invite does not work",
    "The invite was used already.",
    "Ask the person who sent it for a new one.",
)
BLOCKED = NodeLife(
    "blocked", trouble="Port 8000 on 127.0.0.1 is in use. Another program listens there.", retry_at=NOW + 60
)
SILENT = replace(
    samples.TYPICAL,
    connected=False,
    life=NodeLife("restarting", restarts=1, trouble="The node ended by itself (exit code 1).", retry_at=NOW + 8),
)
JUST_JOINED = samples.picture(
    msgspec.structs.replace(
        samples.ONLINE, services=(), assignment=Assignment(role="cpu"), dht_contacts=0, load=0.01
    )
)
BY_RULE = samples.picture(samples.ON_BATTERY, view=samples.view(samples.ON_BATTERY, stats=samples.STATS))
TROUBLE = samples.picture(samples.DEGRADED, view=samples.view(samples.DEGRADED, stats=samples.STATS))
LONG = samples.picture(samples.LONG_NAMES)
SCHEDULED = samples.picture(
    msgspec.structs.replace(
        samples.ONLINE,
        rules=Rules(
            schedule=Schedule(enabled=True), exclusive_programs=("blender", "zoom"), caps=settings.FULL.caps
        ),
    )
)
POOR = Survey(
    capabilities=msgspec.structs.replace(
        settings.without_gpu(),
        ram_bytes=4 * samples.GIB,
        ram_free_bytes=2 * samples.GIB,
        disk_free_bytes=3 * samples.GIB,
    ),
    gpu_note="the driver did not answer",
    card_makers=("NVIDIA",),
    containers=ContainerEngine(),
    vpn="no-program",
    vpn_text="Install Nebula from your system's packages.",
)
WORKERS = (
    ("w-0b51e7", "direct"), ("w-3c90fa", "vpn"), ("w-8842d1", "relay"), ("w-7f3a9c21d4", "local"),
    ("w-e17c05", "vpn"),
)  # fmt: skip


def journey(number: int) -> Journey:
    """Return a request; most are answered by another computer, some at the second try, one by none."""
    worker, route = WORKERS[number % 5]
    service = ("document-processing", "ner-extraction", "rag-embeddings")[number % 3]
    took = (18.2, 4.6, 121.0, 44.3)[number % 4]
    if number % 23 == 4:
        failed = (Try(worker="w-8842d1", route="relay", after_ms=0.4, took_ms=30000.0, failed="timed out"),)
        return pasts.journey(
            number, service="vision-ocr", worker=None, route=None, status=503, ms=30001.0, attempts=1,
            why=Why(code="nobody"), tries=failed,
        )  # fmt: skip
    tries = (Try(worker=worker, route=route, after_ms=0.4, took_ms=took),)  # type: ignore[arg-type]
    why = Why(code="here") if route == "local" else Why(code="least-loaded", known=5, load=0.12)
    if number % 9 == 2:
        first = Try(worker="w-e17c05", route="vpn", after_ms=0.4, took_ms=2.1, failed="connection refused")
        tries, why = (first, *tries), Why(code="instead", known=4)
    return pasts.journey(
        number,
        service=service,
        worker=worker,
        route=route,
        ms=took + 0.6,
        attempts=len(tries),
        why=why,
        tries=tries,
    )


def routing() -> RoutingSight:
    journeys = tuple(journey(number) for number in range(120, 0, -1))
    return RoutingSight(waves(1.0, 300), waves(60.0, 1440), 7, journeys, live=True)


def waves(step: float, count: int) -> Series:
    """Return requests that come and go as they do in an office."""
    found = []
    for number in range(count):
        requests = max(0, (number * 7) % 11 - 3) + (number // 60) % 3
        slow = 1.0 + (number % 40) / 20
        found.append(
            Sample(
                requests=requests, hits=requests - (number % 9 == 0), misses=int(number % 9 == 0),
                lookups=int(number % 9 == 0), failovers=int(number % 60 == 7), retries=int(number % 60 == 7),
                failed=number % 97 == 0, local=requests // 2, direct=requests - requests // 2,
                p50=12.0 * slow, p95=60.0 * slow, p99=210.0 * slow,
            )
            if requests
            else Sample()
        )  # fmt: skip
    return Series(step=step, ends_at=NOW, samples=tuple(found))


STORY: tuple[tuple[float, Code, str, str], ...] = (
    (0.02, "service-recovered", "ner-extraction", ""),
    (0.03, "service-restarting", "ner-extraction", "The next start is in 8 s."),
    (0.03, "service-failed", "ner-extraction", "It ended with exit code 1."),
    (0.5, "resumed", "", ""),
    (1.2, "paused", "on-battery", "This computer runs on its battery."),
    (2.0, "rules-changed", "", ""),
    (5.5, "coordinator-found", "https://mesh.debtadvice.example", ""),
    (5.6, "coordinator-lost", "https://mesh.debtadvice.example", "It refused the connection."),
    (22.0, "vpn-up", "10.42.0.17", ""),
    (22.0, "service-started", "rag-embeddings", ""),
    (22.0, "service-started", "document-processing", ""),
    (22.1, "key-renewed", "", ""),
    (22.2, "node-started", "0.1.0", ""),
    (31.0, "node-stopping", "", ""),
    (40.0, "gpu-paused", "user-active", "Somebody uses this computer."),
    (46.0, "service-started", "ner-extraction", ""),
    (46.1, "joined", "https://mesh.debtadvice.example", "w-7f3a9c21d4"),
    (46.2, "node-started", "0.1.0", ""),
)
ENTRIES = tuple(
    Entry(number=len(STORY) - place, at=NOW - hours * 3600, code=code, subject=subject, detail=detail)
    for place, (hours, code, subject, detail) in enumerate(STORY)
)

LOG = LogTail(
    name="ner-extraction",
    path=str(DATA_DIR / "services" / "ner-extraction" / "service.log"),
    lines=tuple(
        f"2026-05-28 20:{number:02}:07 INFO answered POST /extract with 200 after {number % 7 + 3}.2 ms"
        for number in range(2, 26)
    ),
)
BUNDLE = (
    BundleFile("node/status.json", "How the node is", '{\n  "phase": "online",\n  "worker_id": "w-7f3a9c21d4"\n}'),
    BundleFile("node/log.txt", "The node's log of the last days", "The node started.\n" * 40),
    BundleFile("system.txt", "The system, without names of people", "Debian GNU/Linux 13, x86_64\n"),
)

# --- how a scene is drawn -----------------------------------------------------------------------------------------


THREE = MeshSight(meshes.mesh(3, peers=2), live=True)
NO_REQUESTS = RoutingSight(live=True)
NO_ENTRIES = ActivitySight((), live=True)
GOOD = Look(surveys.GOOD)


@dataclass(frozen=True)
class Scene:
    """A name, the page that is open, what is known, and what is done in the window before the picture is taken.

    A page of `None` is the tray's menu. `kept` scenes are in the repository at every size, others at the smallest.
    """

    name: str
    page: str | None = "overview"
    picture: Picture = samples.TYPICAL
    then: Callable[[MainWindow, NodeModel], object] = lambda _window, _model: None
    sight: Sight | None = None
    mesh: MeshSight = THREE
    routing: RoutingSight = NO_REQUESTS
    activity: ActivitySight = NO_ENTRIES
    look: Look = GOOD
    kept: bool = False

    def model(self) -> NodeModel:
        made = NodeModel()
        made.data_dir = DATA_DIR
        made.picture = self.picture
        made.mesh.sight = self.mesh
        made.routing.sight = self.routing
        made.activity.sight = self.activity
        made.survey.look = self.look
        if self.sight is not None:
            made.vitals.sight = self.sight
        return made


def window_of(scene: Scene, size: tuple[int, int]) -> QPixmap:
    """Return the window as it looks, with any dialog in the middle of it."""
    model = scene.model()
    window = MainWindow(model)
    window.resize(*size)
    window.open_panel(scene.page or "overview")
    window.show()
    settle()
    scene.then(window, model)
    settle()
    taken = window.grab()
    for dialog in window.findChildren(QDialog):
        if dialog.isVisible():
            lay_over(taken, dialog)
    window.prepare_to_quit()
    window.close()
    window.deleteLater()
    settle()
    return taken


def menu_of(scene: Scene) -> QPixmap:
    """Return the tray's menu with its services beside it."""
    model = scene.model()
    menu = TrayMenu(model)
    state = scene.picture.state
    menu.draw(tray_picture(scene.picture, state.rules if state else Rules(), NOW))
    menu.popup(QPoint(0, 0))
    settle()
    taken = menu.grab()
    menu.close()
    menu.deleteLater()
    return taken


def lay_over(taken: QPixmap, dialog: QWidget) -> None:
    shown = dialog.grab()
    ratio = taken.devicePixelRatio()
    width, height = taken.width() / ratio, taken.height() / ratio
    left, top = round((width - dialog.width()) / 2), round((height - dialog.height()) / 2)
    painter = QPainter(taken)
    painter.fillRect(0, 0, round(width), round(height), BACKDROP)
    painter.drawPixmap(left, top, shown)
    painter.setPen(QColor("#808080"))
    painter.drawRect(left - 1, top - 1, dialog.width() + 1, dialog.height() + 1)
    painter.end()


def settle() -> None:
    """Let layouts and everything that waits for the next turn come to rest."""
    for _ in range(6):
        QApplication.sendPostedEvents()
        QApplication.processEvents()


# --- what is done in the window -----------------------------------------------------------------------------------


def go_to(step: int, window: MainWindow, _model: NodeModel) -> Wizard:
    wizard = window.findChildren(Wizard)[0]
    wizard.go_to(step)
    return wizard


def paste_invite(window: MainWindow, model: NodeModel) -> None:
    go_to(JOIN, window, model).offer_link(LINK)


def scroll_to(kind: type[QWidget], window: MainWindow, _model: NodeModel) -> None:
    """Bring a card to the top of its page."""
    card = next(one for one in window.findChildren(kind) if one.isVisible())
    page: QWidget | None = card
    while page is not None and not isinstance(page, QScrollArea):
        page = page.parentWidget()
    inside = page.widget() if page is not None else None
    if isinstance(page, QScrollArea) and inside is not None:
        page.verticalScrollBar().setValue(card.mapTo(inside, QPoint(0, 0)).y() - 10)


def scroll_down(window: MainWindow, _model: NodeModel) -> None:
    for page in window.findChildren(QScrollArea):
        if page.isVisible() and page.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
            page.verticalScrollBar().setValue(page.verticalScrollBar().maximum())


def choose_member(window: MainWindow, _model: NodeModel) -> None:
    board = window.findChildren(MeshBoard)[0]
    board._choose(sorted(board._table.found)[1])


def show_mesh_table(window: MainWindow, _model: NodeModel) -> None:
    window.findChildren(MeshBoard)[0]._show_table(wanted=True)


def choose_request(window: MainWindow, model: NodeModel) -> None:
    card = window.findChildren(RequestsCard)[0]
    card.table.selectRow(7)
    settle()
    scroll_to(RequestsCard, window, model)


def ask_goodbye(window: MainWindow, model: NodeModel) -> None:
    scroll_down(window, model)
    window.findChildren(GoodbyeCard)[0].deleting.click()


def say_goodbye(goodbye: Goodbye, window: MainWindow, model: NodeModel) -> None:
    scroll_down(window, model)
    model.goodbye.now = goodbye
    GoodbyeDialog(window, model.goodbye).open()


def show_log(window: MainWindow, model: NodeModel) -> None:
    ServiceLogDialog(window, model.vitals, "ner-extraction", "Finding facts").open()
    model.vitals.log_arrived.emit(LOG)


def show_diagnostics(window: MainWindow, _model: NodeModel) -> None:
    dialog = DiagnosticsDialog(window, BundleJob(lambda _progress, _cancelled: ()))
    dialog.open()
    dialog._show_files(BUNDLE)


NOT_MEMBER = samples.picture(samples.UNENROLLED)
SIGHT = vitals.sight()
NEW = vitals.sight(services=(), contribution=None)
MANY = MeshSight(meshes.mesh(1000, coordinators=3), live=True)
SOME = MeshSight(meshes.mesh(24, peers=12), live=True)
SCENES: tuple[Scene, ...] = (
    Scene("wizard-1-about", picture=NOT_MEMBER, kept=True),
    Scene("wizard-2-machine", picture=NOT_MEMBER, then=partial(go_to, MACHINE), kept=True),
    Scene("wizard-2-machine-poor", picture=NOT_MEMBER, then=partial(go_to, MACHINE), look=Look(POOR)),
    Scene("wizard-3-join", picture=NOT_MEMBER, then=paste_invite, kept=True),
    Scene("wizard-3-join-empty", picture=NOT_MEMBER, then=partial(go_to, JOIN)),
    Scene(
        "wizard-3-join-refused",
        picture=samples.picture(samples.UNENROLLED, notices=(USED_UP,)),
        then=partial(go_to, JOIN),
    ),
    Scene("overview", sight=SIGHT, kept=True),
    Scene("overview-empty", picture=JUST_JOINED, sight=NEW),
    Scene("overview-trouble", picture=TROUBLE, sight=SIGHT),
    Scene("overview-paused-by-rule", picture=BY_RULE, sight=SIGHT),
    Scene("overview-long-names", picture=LONG, sight=SIGHT),
    Scene("node-blocked", picture=Picture(life=BLOCKED)),
    Scene("node-silent", picture=SILENT, sight=replace(SIGHT, lost=True)),
    Scene("services", "services", sight=SIGHT, kept=True),
    Scene("services-empty", "services", JUST_JOINED, sight=NEW),
    Scene("services-trouble", "services", TROUBLE, sight=SIGHT),
    Scene("services-paused-by-rule", "services", BY_RULE, sight=SIGHT),
    Scene("services-long-names", "services", LONG),
    Scene("services-log", "services", sight=SIGHT, then=show_log),
    Scene("mesh", "mesh", kept=True),
    Scene("mesh-1000", "mesh", mesh=MANY, kept=True),
    Scene("mesh-alone", "mesh", mesh=MeshSight(meshes.mesh(1), live=True)),
    Scene("mesh-details", "mesh", then=choose_member, mesh=SOME),
    Scene("mesh-table", "mesh", then=show_mesh_table, mesh=SOME),
    Scene("mesh-long-names", "mesh", mesh=MeshSight(meshes.with_long_names(meshes.mesh(14)), live=True)),
    Scene("routing", "routing", routing=routing(), kept=True),
    Scene("routing-requests", "routing", then=choose_request, routing=routing()),
    Scene("routing-empty", "routing", JUST_JOINED),
    Scene("activity", "activity", activity=ActivitySight(ENTRIES, live=True), kept=True),
    Scene("activity-empty", "activity"),
    Scene("activity-diagnostics", "activity", activity=ActivitySight(ENTRIES, live=True), then=show_diagnostics),
    Scene("activity-long-names", "activity", activity=pasts.activity(40, long=True)),
    Scene("settings", "settings", SCHEDULED, kept=True),
    Scene("settings-schedule", "settings", SCHEDULED, then=partial(scroll_to, TimesCard), kept=True),
    Scene("settings-presence", "settings", SCHEDULED, then=partial(scroll_to, PresenceCard)),
    Scene("settings-power", "settings", SCHEDULED, then=partial(scroll_to, PowerCard)),
    Scene("settings-limits", "settings", SCHEDULED, then=partial(scroll_to, LimitsCard)),
    Scene("settings-end", "settings", then=scroll_down),
    Scene("settings-silent", "settings", SILENT),
    Scene("goodbye-question", "settings", then=ask_goodbye),
    Scene(
        "goodbye",
        "settings",
        then=partial(say_goodbye, Goodbye(step="deleting", told=True)),
        kept=True,
    ),
    Scene(
        "goodbye-done",
        "settings",
        then=partial(
            say_goodbye,
            Goodbye(step="done", told=False, rest=("A log could not be deleted: it is in use.",)),
        ),
    ),
    Scene("tray-menu", None, kept=True),
    Scene("tray-menu-paused-by-rule", None, BY_RULE),
    Scene("tray-menu-trouble", None, TROUBLE),
    Scene("tray-menu-long-names", None, LONG),
)
