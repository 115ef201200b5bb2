"""The first run over real programs: from a picture of the invite to online, by way of errors; or no trace."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.application import Application
from app.compose import Options, run
from app.control_client import ControlClient
from app.embedded_node import node_command
from app.main_window import MainWindow
from app.node_model import NodeModel
from app.traces import Traces
from app.widgets.question import Question
from app.wizard.wizard import JOIN, Wizard
from node.program.data_dir import hold_data_dir
from node.program.tasks import TaskSet
from node.wire.invites import Invite, InviteLink, parse_link
from tests.support.qr import on_a_page, qr_image
from tests.support.real_mesh import ENVIRONMENT, RealMesh, real_mesh
from tests.support.waiting import eventually
from tests.support.widgets import texts

LIMIT = 120  # seconds for what usually takes one or two


async def join(wizard: Wizard, link: str, says: str) -> None:
    """Try to join and wait for what is said then."""
    wizard.join.invite.take_text(link)
    await eventually(wizard.next.isEnabled, "the button", LIMIT)
    wizard.next.click()
    await eventually(lambda: says in texts(wizard.join), says, LIMIT)
    assert wizard.join.invite.invite.text() == link, "what was typed stays"


def wrong(link: InviteLink) -> str:
    """Return the link with a secret that nobody was given."""
    return InviteLink(link.coordinator, Invite(bytes(10), link.invite.mesh_fingerprint)).url


async def test_from_a_picture_of_the_invite_to_online(tmp_path: Path, qt: Application, qtbot: QtBot) -> None:
    with real_mesh(tmp_path) as mesh:
        await asyncio.to_thread(mesh.start_coordinator)
        link = await asyncio.to_thread(mesh.invite, 3)
        await asyncio.to_thread(mesh.start_node, "w-here")
        model, tasks = NodeModel(), TaskSet("test")
        window = MainWindow(model)
        window.show()
        wizard = window._enrolment
        try:
            async with ControlClient(tmp_path / "w-here") as client:
                model.connect_to(client)
                model.survey.connect_to(client)
                tasks.start(client.follow(model), "follow")
                await eventually(wizard.isVisible, "the first step", LIMIT)
                await go_through(wizard, mesh, link, tmp_path)
                await eventually(lambda: model.picture.phase == "online", "online", LIMIT)
                await eventually(lambda: not wizard.isVisible(), "the overview", LIMIT)
                assert model.picture.state is not None
                workers = await asyncio.to_thread(mesh.admin, "worker", "list")
                assert "Reception" in str(workers)
                assert model.picture.state.rules.services_off == ("rag-embeddings",)
                await asyncio.to_thread(mesh.wait_for_service, "ner-extraction")
                assert mesh.workers_running("rag-embeddings") == set()
                await tasks.stop()
            await be_locked_out(mesh, link)
        finally:
            window.prepare_to_quit()
            window.close()
            await tasks.stop()
            await model.stop()
            window.deleteLater()


async def go_through(wizard: Wizard, mesh: RealMesh, link: str, folder: Path) -> None:
    wizard.next.click()
    await eventually(lambda: "Graphics card" in texts(wizard.machine), "what was found", LIMIT)
    wizard.next.click()
    assert wizard.step == JOIN
    right = parse_link(link)
    await join(wizard, wrong(right), "This invite does not work")
    encrypted = right.coordinator.replace("http:", "https:")
    await join(wizard, InviteLink(encrypted, right.invite).url, "cannot be encrypted")
    await join(wizard, InviteLink("http://127.0.0.1:9", right.invite).url, "no coordinator runs at that address")
    on_a_page(qr_image(link), 1280, 800).save(str(folder / "screenshot.png"))
    wizard.join.invite.read_picture(str(folder / "screenshot.png"))
    await eventually(lambda: wizard.join.invite.invite.text() == link, "the picture to be read", LIMIT)
    wizard.join.invite.name.setText("Reception")
    wizard.join.permissions._boxes["rag-embeddings"].click()
    await eventually(wizard.next.isEnabled, "the button", LIMIT)
    wizard.next.click()


async def be_locked_out(mesh: RealMesh, link: str) -> None:
    """Guess until the coordinator has had enough, and be told until when."""
    await asyncio.to_thread(mesh.start_node, "w-guessing")
    model, tasks = NodeModel(), TaskSet("test")
    wizard = Wizard(model)
    model.changed.connect(lambda picture: wizard.draw(picture, 0.0))
    wizard.show()
    wizard.go_to(JOIN)
    try:
        async with ControlClient(mesh.folder / "w-guessing") as client:
            model.connect_to(client)
            tasks.start(client.follow(model), "follow")
            wizard.join.invite.take_text(wrong(parse_link(link)))
            while not locked(model):
                await eventually(wizard.next.isEnabled, "the button", LIMIT)
                model.dismiss("enroll")
                wizard.next.click()
                await eventually(lambda: model.picture.notice_about("enroll") is not None, "an answer", LIMIT)
            await eventually(lambda: "Try again after" in texts(wizard.join), "when it ends", LIMIT)
            await tasks.stop()
    finally:
        wizard.close()
        await tasks.stop()
        await model.stop()
        wizard.deleteLater()


def locked(model: NodeModel) -> bool:
    notice = model.picture.notice_about("enroll")
    return notice is not None and notice.title == "Too many tries"


@pytest.fixture
def quiet_node(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"PORT": "0", "DHT_PORT": "0", "KEYRING": "false", "SENSORS": "off", "VPN": "auto"}
    for name, value in settings.items():
        monkeypatch.setenv(f"RMA_{name}", value)


async def cancel_first_run(data_dir: Path, qt: Application) -> None:
    """Run the app as its main function does, go to the last step, and cancel there by the buttons."""
    tasks, traces = TaskSet("test"), Traces(data_dir)
    with hold_data_dir(data_dir, "app"):
        app = tasks.start(run(Options(data_dir), qt, traces), "app")
        await eventually(lambda: windows(qt), "a window", LIMIT)
        (window,) = windows(qt)
        await eventually((data_dir / "identity.json").exists, "the node's key", LIMIT)
        await eventually(lambda: window._model.picture.connected, "the node", LIMIT)
        await eventually(lambda: window._model.picture.life.stage == "running", "that it is ours", LIMIT)
        window._enrolment.go_to(JOIN)
        window._enrolment.cancel.click()
        question = next(one for one in window.findChildren(Question) if one.isVisible())
        next(one for one in question.findChildren(QPushButton) if one.text() == "Stop and quit").click()
        async with asyncio.timeout(LIMIT):
            assert await app == 0
    traces.remove()


def windows(qt: Application) -> list[MainWindow]:
    return [one for one in qt.topLevelWidgets() if isinstance(one, MainWindow) and not one._closing]


@pytest.mark.usefixtures("quiet_node")
async def test_cancelled_it_leaves_nothing(tmp_path: Path, qt: Application) -> None:
    await cancel_first_run(tmp_path / "share" / "rma-mesh", qt)
    assert list(tmp_path.iterdir()) == []
    assert [
        one for one in psutil.Process().children(recursive=True) if str(tmp_path) in " ".join(one.cmdline())
    ] == []


@pytest.mark.usefixtures("quiet_node")
async def test_killed_half_way_the_next_start_begins_clean_and_leaves_nothing(
    tmp_path: Path, qt: Application
) -> None:
    data_dir = tmp_path / "rma-mesh"
    environment = {**ENVIRONMENT, "RMA_PORT": "0", "RMA_DHT_PORT": "0", "RMA_KEYRING": "false"}
    quiet = subprocess.DEVNULL
    node = await asyncio.to_thread(
        subprocess.Popen, node_command(data_dir), env=environment, stdout=quiet, stderr=quiet
    )
    try:
        await eventually((data_dir / "control.json").exists, "the node", LIMIT)
    finally:
        node.kill()
        await asyncio.to_thread(node.wait)
    assert (data_dir / "identity.key").exists()
    await cancel_first_run(data_dir, qt)
    left = {one.name for one in data_dir.iterdir()}
    assert left <= {"node.log", "activity.jsonl"}, "logs were there before, and so was the directory"
