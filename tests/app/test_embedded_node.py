"""The app keeps one node running: its own, an orphan of its own, or somebody else's that it leaves alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest
import pytest_asyncio

from app.child_process import Exit
from app.control_client import ControlClient, read_address
from app.embedded_node import (
    CHOOSING,
    RECORD,
    EmbeddedNode,
    Patience,
    Record,
    explain_exit,
    forget_the_dead,
    node_command,
    restart_delay,
)
from app.picture import NodeLife
from node.program.data_dir import hold_data_dir
from node.program.tasks import TaskSet
from tests.support.control_server import ControlServer
from tests.support.waiting import eventually

FAST = Patience(
    poll=0.02,
    watch=0.05,
    comeback=0.3,
    first_retry=0.05,
    longest_retry=0.4,
    ask=30.0,
    stop=60.0,
    terminate=30.0,
    kill=30.0,
)


def command(data_dir: Path, *flags: str) -> list[str]:
    return [sys.executable, "-m", "tests.support.control_server", "run", "--data-dir", str(data_dir), *flags]


def start_orphan(data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(data_dir))


class Keeper:
    """An EmbeddedNode that runs, and everything that it said about itself."""

    def __init__(self, data_dir: Path, client: ControlClient, start: list[str] | None) -> None:
        self.lives: list[NodeLife] = []
        self.tasks = TaskSet("test")
        self.node = EmbeddedNode(
            data_dir, client, self.lives.append, command=start, environment=dict(os.environ), patience=FAST
        )
        self.task = self.tasks.start(self.node.run(), "run")

    async def until(self, stage: str) -> NodeLife:
        await eventually(lambda: self.lives and self.lives[-1].stage == stage, stage)
        return self.lives[-1]

    async def stop(self, *, hurry: bool = False) -> float:
        """Stop as the app does; return the seconds that it took."""
        await self.tasks.stop()
        wish = asyncio.Event()
        if hurry:
            wish.set()
        began = time.monotonic()
        await self.node.stop(wish)
        return time.monotonic() - began


@pytest_asyncio.fixture
async def orphans(tmp_path: Path) -> AsyncIterator[None]:
    """Nothing that a test started may outlive it."""
    yield
    left = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in (p.info["cmdline"] or [])]
    for process in left:
        process.kill()
    assert not left


def pid_in(data_dir: Path) -> int:
    address = read_address(data_dir)
    assert address is not None
    return address.pid


@pytest.mark.usefixtures("orphans")
async def test_it_starts_a_node_and_stops_it_in_good_order(tmp_path: Path, client: ControlClient) -> None:
    keeper = Keeper(tmp_path, client, command(tmp_path))
    life = await keeper.until("running")
    pid = pid_in(tmp_path)
    assert life.ours
    assert msgspec.json.decode((tmp_path / "embedded-node.json").read_bytes(), type=Record).pid == pid
    await keeper.stop()
    assert not psutil.pid_exists(pid)
    assert keeper.lives[-1].stage == "stopping"
    assert not (tmp_path / "embedded-node.json").exists()


@pytest.mark.usefixtures("orphans")
async def test_a_disk_that_takes_nothing_does_not_cost_it_the_node(tmp_path: Path, client: ControlClient) -> None:
    (tmp_path / RECORD).mkdir()  # so that nothing can be written there
    keeper = Keeper(tmp_path, client, command(tmp_path))
    assert (await keeper.until("running")).ours
    pid = pid_in(tmp_path)
    await keeper.stop()
    assert not psutil.pid_exists(pid)
    assert "restarting" not in [life.stage for life in keeper.lives]


@pytest.mark.usefixtures("orphans")
async def test_a_node_that_is_killed_is_started_again_and_said_so(tmp_path: Path, client: ControlClient) -> None:
    keeper = Keeper(tmp_path, client, command(tmp_path))
    await keeper.until("running")
    first = pid_in(tmp_path)
    psutil.Process(first).kill()
    await eventually(lambda: any(life.stage == "restarting" for life in keeper.lives), "saying so")
    said = next(life for life in keeper.lives if life.trouble)
    assert said.trouble == "The node was ended by the system or by somebody else."
    assert said.retry_at is not None
    life = await keeper.until("running")
    assert life.trouble == ""
    assert pid_in(tmp_path) != first
    await keeper.stop()


async def test_a_node_that_cannot_start_tells_its_own_words(tmp_path: Path, client: ControlClient) -> None:
    keeper = Keeper(tmp_path, client, command(tmp_path, "--fail", "3"))
    life = await keeper.until("blocked")
    assert life.trouble == "Port 8000 on 127.0.0.1 is in use. Another program listens there."
    await eventually(lambda: keeper.lives[-1].restarts >= 2, "another try")
    await keeper.stop()


@pytest.mark.usefixtures("orphans")
async def test_where_the_usual_ports_are_taken_the_node_gets_free_ones(
    tmp_path: Path, client: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CHOOSING:
        monkeypatch.delenv(name, raising=False)
    keeper = Keeper(tmp_path, client, command(tmp_path, "--taken"))
    assert (await keeper.until("running")).ours
    await keeper.stop()
    assert "blocked" not in [life.stage for life in keeper.lives]


async def test_the_usual_ports_are_kept_where_it_is_the_directory_that_is_in_use(
    tmp_path: Path, client: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CHOOSING:
        monkeypatch.delenv(name, raising=False)
    with hold_data_dir(tmp_path, "rma-mesh-node"):
        keeper = Keeper(tmp_path, client, command(tmp_path, "--taken"))
        await keeper.until("blocked")
        await eventually(lambda: keeper.lives[-1].restarts >= 2, "another try")
        assert not keeper.node._ports
        await keeper.stop()


@pytest.mark.parametrize("name", CHOOSING)
async def test_ports_that_a_person_chose_are_not_given_up(
    name: str, tmp_path: Path, client: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "8001")
    keeper = Keeper(tmp_path, client, command(tmp_path, "--taken"))
    assert "in use" in (await keeper.until("blocked")).trouble
    await keeper.stop()


async def test_a_person_can_cut_the_pause_short(tmp_path: Path, client: ControlClient) -> None:
    keeper = Keeper(tmp_path, client, ["/nowhere/rma-mesh-node"])
    keeper.node._patience = Patience(first_retry=60.0)
    await eventually(lambda: keeper.lives and keeper.lives[-1].retry_at, "the pause")
    assert "could not be started" in keeper.lives[-1].trouble
    keeper.node.try_now()
    await eventually(lambda: keeper.lives[-1].restarts == 2, "the next try")
    await keeper.stop()


@pytest.mark.usefixtures("orphans")
async def test_a_node_that_hears_nothing_is_killed_after_its_deadlines(
    tmp_path: Path, client: ControlClient
) -> None:
    keeper = Keeper(tmp_path, client, command(tmp_path, "--deaf"))
    await keeper.until("running")
    pid = pid_in(tmp_path)
    keeper.node._patience = Patience(ask=0.2, stop=0.2, terminate=0.2, kill=30.0)
    await keeper.stop()
    assert not psutil.pid_exists(pid)


@pytest.mark.usefixtures("orphans")
async def test_in_a_hurry_nothing_is_asked(tmp_path: Path, client: ControlClient) -> None:
    keeper = Keeper(tmp_path, client, command(tmp_path, "--deaf"))
    await keeper.until("running")
    keeper.node._patience = Patience(ask=60.0, stop=60.0, terminate=0.3, kill=30.0)
    assert await keeper.stop(hurry=True) < 60


@pytest.mark.usefixtures("orphans")
async def test_a_node_that_is_only_just_starting_is_not_waited_for(tmp_path: Path, client: ControlClient) -> None:
    silent = [sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)]
    keeper = Keeper(tmp_path, client, silent)
    await keeper.until("starting")
    assert await keeper.stop() < FAST.stop


async def test_somebody_elses_node_is_used_and_left_alone(
    server: ControlServer, tmp_path: Path, client: ControlClient
) -> None:
    keeper = Keeper(tmp_path, client, command(tmp_path))
    life = await keeper.until("running")
    assert not life.ours
    await keeper.stop()
    assert "stop" not in server.names


@pytest.mark.usefixtures("orphans")
async def test_when_somebody_elses_node_ends_one_of_ours_takes_its_place(
    tmp_path: Path, client: ControlClient
) -> None:
    other = ControlServer(tmp_path)
    await other.start()
    keeper = Keeper(tmp_path, client, command(tmp_path))
    await keeper.until("running")
    await other.stop()
    await eventually(lambda: keeper.lives[-1].stage == "running" and keeper.lives[-1].ours, "our own")
    assert any("has ended" in life.trouble for life in keeper.lives)
    await keeper.stop()


@pytest.mark.usefixtures("orphans")
async def test_an_orphan_of_an_earlier_app_is_ours_again(tmp_path: Path, client: ControlClient) -> None:
    orphan = start_orphan(tmp_path)
    await eventually(lambda: read_address(tmp_path), "the orphan")
    (tmp_path / "embedded-node.json").write_bytes(msgspec.json.encode(Record(orphan.pid)))
    keeper = Keeper(tmp_path, client, command(tmp_path))
    life = await keeper.until("running")
    assert life.ours
    assert pid_in(tmp_path) == orphan.pid
    await keeper.stop()
    assert orphan.wait(60) == 0


def start_bystander(data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()", str(data_dir)], stdin=subprocess.PIPE)


async def test_another_program_that_has_got_an_old_nodes_number_is_not_ended(
    tmp_path: Path, client: ControlClient
) -> None:
    bystander = start_bystander(tmp_path)
    address = {"url": "http://127.0.0.1:9", "token": "old", "pid": bystander.pid}
    (tmp_path / "control.json").write_bytes(msgspec.json.encode(address))
    (tmp_path / "embedded-node.json").write_bytes(msgspec.json.encode(Record(bystander.pid)))
    node = EmbeddedNode(tmp_path, client, lambda _life: None, command=None, environment={}, patience=FAST)
    try:
        await node.stop(asyncio.Event())
        assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n", timeout=60)
    assert bystander.returncode == 0


async def test_nobody_who_listens_where_a_dead_node_did_is_taken_for_it(
    tmp_path: Path, client: ControlClient
) -> None:
    squatter = ControlServer(tmp_path)
    await squatter.start()
    (tmp_path / "rma-mesh-node.lock").touch()  # as a node leaves it that was killed
    with hold_data_dir(tmp_path, "rma-mesh-node"):
        forget_the_dead(tmp_path)
        assert read_address(tmp_path) is not None, "it is alive"
    keeper = Keeper(tmp_path, client, [sys.executable, "-c", "raise SystemExit(3)"])
    await eventually(lambda: keeper.lives and keeper.lives[-1].restarts, "its own")
    assert read_address(tmp_path) is None
    assert all(life.stage != "running" for life in keeper.lives)
    await keeper.stop()
    await squatter.stop()


@pytest.mark.usefixtures("orphans")
async def test_a_stale_control_file_does_not_deceive_it(tmp_path: Path, client: ControlClient) -> None:
    (tmp_path / "control.json").write_text('{"url":"http://127.0.0.1:9","token":"old","pid":1}')
    keeper = Keeper(tmp_path, client, command(tmp_path))
    assert (await keeper.until("running")).ours
    await keeper.stop()


async def test_attach_only_waits_and_starts_nothing(tmp_path: Path, client: ControlClient) -> None:
    keeper = Keeper(tmp_path, client, None)
    life = await keeper.until("restarting")
    assert "No node is running" in life.trouble
    server = ControlServer(tmp_path)
    await server.start()
    assert not (await keeper.until("running")).ours
    await keeper.stop()
    await server.stop()


def test_pauses_double_up_to_a_limit() -> None:
    patience = Patience()
    assert [restart_delay(n, patience) for n in (1, 2, 3, 7, 500)] == [1.0, 2.0, 4.0, 60.0, 60.0]


def test_last_words_are_sentences_not_log_lines() -> None:
    lines = ("12:00:00 info node: up", "Setting port is bad.", "Choose another.")
    assert explain_exit(Exit(2, lines)) == "Setting port is bad. Choose another."
    assert explain_exit(Exit(1, ("12:00:00 info node: up",))) == "The node ended unexpectedly (exit code 1)."
    assert explain_exit(Exit(None)) == "The node was ended by the system or by somebody else."


def test_a_traceback_is_not_shown_to_a_volunteer() -> None:
    lines = ("Traceback (most recent call last):", '  File "x.py", line 1', "ValueError: boom")
    assert explain_exit(Exit(1, lines)) == "The node ended unexpectedly (exit code 1)."


def test_the_command_gets_nothing_but_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *python, package, verb, flag, data_dir = node_command(tmp_path)
    assert (program, python[-1]) == (sys.executable, "-m")
    assert not [option for option in python if option.startswith("-O")], "its asserts stay in"
    assert (package, verb, flag, data_dir) == ("node", "run", "--data-dir", str(tmp_path))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/rma-mesh/rma-mesh")
    assert node_command(tmp_path)[0] == "/opt/rma-mesh/rma-mesh-node"
