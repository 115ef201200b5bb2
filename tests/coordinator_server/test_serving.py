"""The life of a coordinator: it starts whole or says why not, drains, and loses nothing when it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.front import FRONT
from coordinator_server.serving import (
    drain,
    read_catalogue,
)
from coordinator_server.store.database import open_database
from node.program.errors import EXIT_IN_USE, EXIT_USAGE, UserFacingError
from node.program.tasks import TaskSet
from tests.support.certificates import self_signed
from tests.support.coordinators import Worker, coordinator_room, quick_config
from tests.support.front import running_front
from tests.support.real_mesh import ENVIRONMENT, Program, RealMesh, real_mesh, run, wait_until
from tests.support.waiting import eventually


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


# --- in this process ------------------------------------------------------------------------------------------


async def test_it_leaves_the_admin_file_only_while_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "c" / "admin.json"
    async with coordinator_room(tmp_path / "c") as room:
        found = json.loads(file.read_bytes())
        assert found == {"url": room.url, "token": room.coordinator.admin_token}
        if os.name == "posix":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()


async def test_a_failed_start_gives_back_what_it_had_taken(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserFacingError) as caught:
            async with coordinator_room(tmp_path / "c", dht_port=taken.getsockname()[1]):
                pass
        assert caught.value.exit_code == EXIT_IN_USE
    async with coordinator_room(tmp_path / "c") as room:
        assert room.coordinator.readiness.ready


LOOKED_THROUGH = """
import sys
from coordinator_server import serving
from coordinator_server.cli import main
from node.program.errors import UserFacingError

def looked_through(served):
    raise UserFacingError(f"Garbage is looked for, and {served()} have channels.", "That is all.")

serving.looked_through = looked_through
sys.exit(main())
"""


def test_its_garbage_is_looked_for_by_how_many_channels_there_are(tmp_path: Path) -> None:
    wish = ("serve", "--port", "0", "--dht-port", "0", "--vpn", "off", "--data-dir", str(tmp_path / "c"))
    command = (sys.executable, "-c", LOOKED_THROUGH, *wish)
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=ENVIRONMENT)
    assert "Garbage is looked for, and 0 have channels." in done.stderr
    assert "ready" in done.stdout, "it serves by then"


async def test_the_dht_knows_the_coordinator(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", location="Leeds") as room:
        await eventually(lambda: room.coordinator.dht.stats().entries, "it has published itself")
        found = await room.coordinator.dht.find_coordinators()
        assert [(info.id, info.location) for info in found] == [(room.coordinator.coordinator_id, "Leeds")]


async def test_a_drain_waits_for_what_is_in_flight_and_still_serves_whoever_is_connected(tmp_path: Path) -> None:
    async with running_front(tmp_path, drain_deadline=60.0) as front:
        worker, key = await front.join("alpha"), await front.key()
        site, kept = front.site, b"".join(f"{name}: {value}\r\n".encode() for name, value in key.items())
        ask = b"POST /service/echo HTTP/1.1\r\nHost: x\r\n" + kept + b"Content-Length: 2\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
        writer.write(ask + b"h")
        await eventually(lambda: site.app[FRONT].gateway.in_flight == 1, "the request is in hand")
        async with asyncio.TaskGroup() as group, asyncio.timeout(60):
            draining = group.create_task(drain(site))
            await eventually(lambda: site.server.draining, "it drains")
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", site.server.port)
            assert not draining.done()
            writer.write(b"i")
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"Connection: close" in answer
            assert worker.worker_id.encode() in answer
        assert site.app[FRONT].gateway.in_flight == site.server.connections == 0
        writer.close()


def test_manifests_of_the_operator_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\ntitle = "Mine"\n')
    catalogue = read_catalogue(CoordinatorConfig(services_dir=(str(tmp_path),)))
    assert {"mine", "ner-extraction", "notes-coa"} <= set(catalogue.by_name())


def test_a_bad_manifest_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('name = "bad"\ntitle = "Bad"\nreplicas = "many"\n')
    with pytest.raises(UserFacingError, match="manifest cannot be used") as caught:
        read_catalogue(CoordinatorConfig(services_dir=(str(tmp_path),)))
    assert "bad.toml" in caught.value.message
    assert "replicas" in caught.value.message
    assert caught.value.exit_code == EXIT_USAGE
    with pytest.raises(UserFacingError, match="services_dir"):
        read_catalogue(CoordinatorConfig(services_dir=(str(tmp_path / "nowhere"),)))


def test_the_settings_of_tests_are_those_of_the_program(tmp_path: Path) -> None:
    assert quick_config(tmp_path).directory == tmp_path


# --- as a program ---------------------------------------------------------------------------------------------


@pytest.mark.processes
async def test_it_serves_https(mesh: RealMesh, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    coordinator = await asyncio.to_thread(mesh.start_coordinator, "--tls-cert", str(cert), "--tls-key", str(key))
    assert coordinator.url.startswith("https://")
    trusted = ssl.create_default_context(cafile=str(cert))
    url = coordinator.url.replace("127.0.0.1", "localhost") + "/health"
    async with aiohttp.ClientSession() as session, session.get(url, ssl=trusted) as response:
        assert response.status == 200


@pytest.mark.processes
def test_sigterm_ends_it_with_0_and_the_data_dir_can_be_used_again(mesh: RealMesh) -> None:
    first = mesh.start_coordinator()
    busy = start("--data-dir", str(first.data_dir), "--port", "0", "--dht-port", "0")
    assert busy.returncode == EXIT_IN_USE
    assert "in use" in busy.stderr
    assert busy.stdout == ""
    assert first.stop() == 0
    second = mesh.start_coordinator()
    assert second.ready["coordinator_id"] == first.ready["coordinator_id"]
    assert second.stop() == 0


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
def test_sigterm_turns_nobody_away_who_is_connected(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator("--idle-timeout", "600", "--drain-deadline", "600")
    with connected(coordinator) as slow, slow.makefile("rb") as told:
        fields = b"Host: mesh\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
        slow.sendall(b"POST /api/enroll HTTP/1.1\r\n" + fields + b"\r\n")
        assert told.readline().startswith(b"HTTP/1.1 100 "), "it is being served"
        coordinator.process.send_signal(signal.SIGSTOP)
        clients = [connected(coordinator) for _ in range(100)]
        for number, client in enumerate(clients):
            path = b"/service/ocr" if number % 2 else b"/health"
            client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: mesh\r\n\r\n")
        coordinator.process.send_signal(signal.SIGTERM)
        coordinator.process.send_signal(signal.SIGCONT)
        for number, client in enumerate(clients):
            with client, client.makefile("rb") as answer:
                assert answer.read().startswith(b"HTTP/1.1 401 " if number % 2 else b"HTTP/1.1 200 ")
        wait_until(lambda: is_closed(coordinator), "it takes no new connections")
        slow.sendall(b"{}")
        assert b"\r\nConnection: close\r\n" in told.read(), "connections are kept while it ends"
    assert coordinator.process.wait(60) == 0


def connected(coordinator: Program) -> socket.socket:
    place = urlsplit(coordinator.url)
    return socket.create_connection((place.hostname, place.port), timeout=120)


def is_closed(coordinator: Program) -> bool:
    try:
        connected(coordinator).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.processes
def test_a_port_in_use_is_exit_code_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = start("--data-dir", str(tmp_path / "c"), "--port", str(taken.getsockname()[1]), "--dht-port", "0")
    assert result.returncode == EXIT_IN_USE
    assert "in use" in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.processes
def test_a_damaged_database_is_said_and_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "coordinator.db").write_bytes(b"no database" * 1000)
    result = start("--data-dir", str(folder), "--port", "0", "--dht-port", "0")
    assert result.returncode == 1
    assert "damaged" in result.stderr
    assert "restore" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.processes
def test_the_ready_line_for_people(tmp_path: Path) -> None:
    words = ["serve", "--data-dir", str(tmp_path / "c"), "--port", "0", "--dht-port", "0", "--vpn", "off"]
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator_server", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(60) == 0
    assert line.startswith("RMA Mesh coordinator ready at http://127.0.0.1:")


@pytest.mark.processes
async def test_three_power_cuts_lose_no_enrolment_no_key_and_no_audit_line(mesh: RealMesh) -> None:
    enrolled: list[str] = []
    made: list[Any] = []
    for _ in range(3):
        coordinator = await asyncio.to_thread(mesh.start_coordinator)
        code = (await asyncio.to_thread(mesh.admin, "invite", "create", "--uses", "20"))["code"]
        made.append(await asyncio.to_thread(mesh.admin, "key", "create", "--name", "test"))
        async with aiohttp.ClientSession() as session:
            audience = coordinator.ready["coordinator_id"]
            workers = [Worker(coordinator.url, session, time.time, audience) for _ in range(20)]
            tasks = TaskSet("test")
            tries = [tasks.start(quietly(worker.enrol(code)), "enrol") for worker in workers]
            await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
            coordinator.kill()  # with answers on their way
            await asyncio.gather(*tries)
        enrolled += [worker.worker_id for worker in workers if worker.worker_id]
    connection = open_database(mesh.folder / "coordinator" / "coordinator.db")
    keys = {row[0] for row in connection.execute("SELECT key FROM entries")}
    lines = connection.execute("SELECT action, subject FROM audit").fetchall()
    connection.close()
    assert enrolled
    for worker_id in enrolled:
        assert f"worker/{worker_id}" in keys
        assert ("enrolled", worker_id) in lines
    for key in made:
        assert f"apikey/{key['id']}" in keys
        assert ("key-created", key["id"]) in lines
    assert sum(action == "enrolled" for action, _ in lines) == sum(key.startswith("worker/") for key in keys)


async def quietly(work: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(aiohttp.ClientError, OSError):
        await work


def start(*words: str) -> subprocess.CompletedProcess[Any]:
    return run("coordinator_server", "serve", "--json", "--vpn", "off", *words)
