"""Leaving for good, with a real node and a real coordinator: what was there is gone, what stays is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import keyring
import msgspec
import pytest

from app.child_process import child_environment
from app.control_client import ControlClient
from app.embedded_node import EmbeddedNode, node_command
from app.goodbye_crew import GoodbyeCrew
from app.intents import EnrolmentWish, NodeUnreachable
from app.node_model import NodeModel
from node.identity.keyring_store import SERVICE
from node.identity.keys import KEY_FILE, NOTE_FILE, Note, entry_name, load_or_create_identity
from node.identity.nebula_key import load_or_create_nebula_key
from node.program.data_dir import hold_data_dir
from node.program.tasks import TaskSet
from node.wire.invites import parse_link
from tests.support import samples
from tests.support.keyrings import LockedKeyring, MemoryKeyring
from tests.support.real_mesh import ENVIRONMENT, RealMesh, real_mesh
from tests.support.waiting import eventually

DEADLINE = 240.0


class PlayedAutostart:
    """Is on, until it is switched off; or does not let itself be switched."""

    def __init__(self, error: OSError | None = None) -> None:
        self.on, self.error = True, error

    def enabled(self) -> bool:
        return self.on

    def enable(self) -> None:
        self.on = True

    def disable(self) -> None:
        if self.error is not None:
            raise self.error
        self.on = False


@dataclass
class PlayedChannel:
    """Hears intents; nobody is behind it where `gone`."""

    gone: bool = False
    heard: list[str] = field(default_factory=list)

    async def send(self, path: str, body: object = None, *, wait: float = 10.0) -> bytes:
        self.heard.append(path)
        if self.gone:
            raise NodeUnreachable
        return b""


async def nothing() -> None:
    """End a node that is not there."""


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as made:
        made.start_coordinator()
        yield made


@pytest.mark.timeout(600)
@pytest.mark.parametrize("coordinator", ["there", "gone"])
async def test_a_real_node_leaves_and_nothing_of_it_is_left(
    mesh: RealMesh, model: NodeModel, tmp_path: Path, coordinator: str
) -> None:
    data_dir, tasks = tmp_path / "volunteer", TaskSet("test")
    settings = {
        "RMA_PORT": "0", "RMA_DHT_PORT": "0", "RMA_KEYRING": "false", "RMA_VPN": "off",
        "RMA_WORKER_HEARTBEAT": "1", "RMA_DHT_REPUBLISH": "2", "RMA_DRAIN_DEADLINE": "2",
    }  # fmt: skip
    environment = {**child_environment(ENVIRONMENT), **settings, "PYTHONPATH": str(Path.cwd())}
    autostart = PlayedAutostart()
    with hold_data_dir(data_dir, "app"):
        async with ControlClient(data_dir) as client:
            node = EmbeddedNode(
                data_dir, client, model.life_changed, command=node_command(data_dir), environment=environment
            )
            model.connect_to(client)
            tasks.start(client.follow(model), "follow")
            supervisor = tasks.start(node.run(), "supervise")
            await eventually(lambda: model.picture.connected, "the node", DEADLINE)
            link = parse_link(mesh.invite())
            model.enroll(EnrolmentWish(link.coordinator, link.invite.code))
            await eventually(lambda: model.picture.phase == "online", "the mesh", DEADLINE)
            worker = model.picture.state and model.picture.state.worker_id
            if coordinator == "gone":
                assert mesh.coordinator is not None
                mesh.coordinator.kill()
            before = {one.name for one in data_dir.iterdir()}
            assert {"membership.json", "identity.key", "control.json", "app.lock"} <= before

            hurry = asyncio.Event()

            async def end_node() -> None:
                supervisor.cancel()
                await node.stop(hurry)

            crew = GoodbyeCrew(data_dir, model, client, end_node, autostart, helper=tmp_path / "no-helper")
            told = await crew.leave()
            assert told is (coordinator == "there")
            assert await crew.stop() == ""
            assert await crew.delete() == ()
            assert not autostart.on
            assert {one.name for one in data_dir.iterdir()} <= {"app.lock"}
        await tasks.stop()
        await model.stop()
    if coordinator == "there":
        workers = mesh.admin("worker", "list")["workers"]
        assert worker not in [one["id"] for one in workers if one.get("status") == "active"]


async def test_without_a_mesh_there_is_nothing_to_leave(model: NodeModel, tmp_path: Path) -> None:
    channel = PlayedChannel()
    crew = GoodbyeCrew(tmp_path, model, channel, nothing, None)
    model.view_arrived(samples.view(samples.UNENROLLED))
    assert await crew.leave() is None
    assert channel.heard == []
    await model.stop()


@pytest.mark.parametrize("gone", [True, False])
async def test_a_node_that_cannot_leave_has_told_nobody(model: NodeModel, tmp_path: Path, gone: bool) -> None:
    channel = PlayedChannel(gone)
    crew = GoodbyeCrew(tmp_path, model, channel, nothing, None, leave_wait=0.2)
    model.view_arrived(samples.view(samples.ONLINE))
    assert await crew.leave() is False
    assert channel.heard == ["/leave"]
    await model.stop()


async def test_what_a_coordinator_heard_is_waited_for(model: NodeModel, tmp_path: Path) -> None:
    channel, tasks = PlayedChannel(), TaskSet("test")
    crew = GoodbyeCrew(tmp_path, model, channel, nothing, None)
    model.view_arrived(samples.view(samples.ONLINE))
    leaving = tasks.start(crew.leave(), "leave")
    await eventually(lambda: channel.heard, "the wish")
    left = msgspec.structs.replace(samples.UNENROLLED, membership=None)
    model.view_arrived(samples.view(left, sequence=2))
    await eventually(lambda: model.picture.view and model.picture.view.sequence == 2, "the first word")
    assert not leaving.done(), "the files are not forgotten yet"
    model.view_arrived(samples.view(msgspec.structs.replace(left, left="told"), sequence=3))
    assert await leaving is True
    await model.stop()


async def test_a_node_that_runs_on_keeps_its_files(model: NodeModel, tmp_path: Path) -> None:
    crew = GoodbyeCrew(tmp_path, model, PlayedChannel(), nothing, None)
    with hold_data_dir(tmp_path, "rma-mesh-node"):
        assert "could not be ended" in await crew.stop()
    assert await crew.stop() == ""


async def test_a_coordinators_keys_are_not_taken_for_ours(model: NodeModel, tmp_path: Path) -> None:
    (tmp_path / "mesh.key").touch()
    crew = GoodbyeCrew(tmp_path, model, PlayedChannel(), nothing, None)
    assert "A coordinator keeps its keys" in await crew.stop()


async def test_what_stays_is_told(model: NodeModel, tmp_path: Path) -> None:
    data_dir, helper = tmp_path / "data", tmp_path / "helper.sock"
    data_dir.mkdir()
    helper.touch()
    for number in range(12):
        (data_dir / f"theirs-{number:02}").touch()
    (data_dir / KEY_FILE).touch()
    (data_dir / NOTE_FILE).write_bytes(msgspec.json.encode(Note("systemd", "x" * 43)))
    autostart = PlayedAutostart(PermissionError(13, "Permission denied"))
    crew = GoodbyeCrew(data_dir, model, PlayedChannel(), nothing, autostart, helper=helper)
    rest = await crew.delete()
    expected = ("provided by the system", "Permission denied", "theirs-07 and others", "an administrator")
    assert len(rest) == len(expected)
    assert all(words in one for words, one in zip(expected, rest, strict=True))
    assert len(list(data_dir.iterdir())) == 12


@pytest.fixture
def use_keyring() -> Iterator[Callable[[MemoryKeyring], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


async def test_the_keyring_lets_go_of_both_keys(
    model: NodeModel, tmp_path: Path, use_keyring: Callable[[MemoryKeyring], None]
) -> None:
    backend, data_dir = MemoryKeyring(), tmp_path / "data"
    backend.entries["another program", "secret"] = "theirs"
    use_keyring(backend)
    data_dir.mkdir()
    await load_or_create_identity(data_dir)
    await load_or_create_nebula_key(data_dir)
    assert len(backend.entries) == 3
    crew = GoodbyeCrew(data_dir, model, PlayedChannel(), nothing, None, helper=tmp_path / "no-helper")
    assert await crew.delete() == ()
    assert backend.entries == {("another program", "secret"): "theirs"}
    assert not data_dir.exists()


async def test_a_locked_keyring_is_told_with_the_name_of_the_key(
    model: NodeModel, tmp_path: Path, use_keyring: Callable[[MemoryKeyring], None]
) -> None:
    use_keyring(MemoryKeyring())
    await load_or_create_identity(tmp_path)
    use_keyring(LockedKeyring())
    crew = GoodbyeCrew(tmp_path, model, PlayedChannel(), nothing, None, helper=tmp_path / "no-helper")
    (rest,) = await crew.delete()
    assert f"“{entry_name(tmp_path)}” of “{SERVICE}”" in rest
