"""The command line of a coordinator, as operators and scripts use it: real processes, exit codes, sentences."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.front import StandIn
from tests.support.real_mesh import RealMesh, http, real_mesh
from tests.support.real_mesh import run as run_program

pytestmark = pytest.mark.processes
LINES = "[2Jgone\x07"  # what a hostile machine might be named


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesh]:
    with real_mesh(tmp_path_factory.mktemp("cli")) as made:
        made.start_coordinator("--vpn", "auto")  # on this machine alone, where it starts no Nebula
        yield made


@pytest.fixture
async def worker(mesh: RealMesh) -> AsyncIterator[StandIn]:
    """A machine with a nasty name that runs one service."""
    assert mesh.coordinator is not None
    async with aiohttp.ClientSession() as session:
        made = StandIn(mesh.coordinator.url, session, ("ner-extraction",))
        await made.start()
        await made.enroll(mesh.admin("invite", "create")["code"], LINES)
        await made.register()
        await made.heartbeat()
        yield made
        await made.stop()


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_program("coordinator_server", *words, **environment)


def command(mesh: RealMesh, *words: str, code: int = 0) -> str:
    """Run a command against the running coordinator; return what it says."""
    result = run(*words, "--data-dir", str(mesh.folder / "coordinator"))
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout if code == 0 else result.stderr


def test_help_and_version_need_nothing() -> None:
    top = run("--help")
    assert top.returncode == 0
    for word in (
        "serve",
        "invite",
        "key",
        "worker",
        "mesh",
        "audit",
        "backup",
        "restore",
        "status",
        "doctor",
        "exit codes",
    ):
        assert word in top.stdout
    assert "ban (revoke) machines" in top.stdout
    assert "ban a machine for good" in run("worker", "--help").stdout
    assert run("--version").stdout.startswith("rma-mesh-coordinator 0.")
    serve = run("serve", "--help").stdout
    for flag in ("--host", "--port", "--data-dir", "--public-url", "--dht-port", "--vpn", "--edge", "--anonymous"):
        assert flag in serve
    assert "--worker-heartbeat SECONDS" in serve and "--edge URL" in serve and "has no effect" in serve
    assert "--url" in run("backup", "--help").stdout
    for words in (("restore",), ("migrate",), ("keys", "unseal")):
        assert "--url" not in run(*words, "--help").stdout, "it asks no coordinator"


@pytest.mark.parametrize(
    "words",
    [
        (), ("frobnicate",), ("invite",), ("invite", "create", "--uses", "0"), ("invite", "create", "--uses", "x"),
        ("invite", "create", "--expires", "soon"), ("invite", "create", "--trust", "blind"), ("invite", "revoke"),
        ("key", "create"), ("key", "create", "--name", "x", "--rate", "lots"), ("worker", "show"), ("mesh",),
        ("audit", "--limit", "0"), ("backup",), ("serve", "--frobnicate"), ("key", "create", "--name", ""),
        ("key", "create", "--name", "x" * 101), ("worker", "show", ""), ("status", "--workers", "501"),
        ("status", "--workers", "0000000501"), ("worker", "show", "w\udcff"), ("key", "create", "--name", "\udcff"),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2_and_says_what_is_right(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.returncode == 2
    assert "usage: rma-mesh-coordinator" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (("--port", "70000"), {}, "Setting port (--port) is '70000'; allowed is a whole number from 0 to 65535."),
        ((), {"RMA_PORT": "x"}, "Setting port (environment RMA_PORT) is 'x'"),
        (("--worker-stale", "1", "--worker-heartbeat", "2"), {}, "Setting worker_stale"),
        (("--host", "0.0.0.0", "--anonymous"), {}, "Setting anonymous"),
        (("--config", "/nonexistent.toml"), {}, "Setting config (--config) is '/nonexistent.toml'"),
        (("--address-rate", "lots"), {}, "Setting address_rate"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    words: tuple[str, ...], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    result = run("serve", "--data-dir", str(tmp_path / "d"), "--dht-port", "0", *words, **environment)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith(said)
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_port_and_a_data_directory_in_use_are_said(mesh: RealMesh, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run("serve", "--data-dir", str(tmp_path), "--port", port, "--dht-port", "0")
    assert result.returncode == 3
    assert f"Port {port} on 127.0.0.1 is in use." in result.stderr
    held = str(mesh.folder / "coordinator")
    for words in (("serve", "--port", "0", "--dht-port", "0"), ("restore", str(tmp_path / "x"), "--yes")):
        result = run(*words, "--data-dir", held)
        assert result.returncode == 3
        assert f"The data directory {held} is in use." in result.stderr
        assert ("another --data-dir" in result.stderr) == (words[0] == "serve")


def test_without_a_coordinator_every_command_says_so(tmp_path: Path) -> None:
    for words in (("invite", "list"), ("status", "--json"), ("backup", "x"), ("doctor",)):
        result = run(*words, "--data-dir", str(tmp_path))
        assert result.returncode == 4
        assert "The coordinator is not running." in result.stderr
        assert "serve" in result.stderr
        assert result.stdout == ""


def test_it_ends_in_good_order_and_takes_its_admin_file_along(tmp_path: Path) -> None:
    with real_mesh(tmp_path) as mesh:
        program = mesh.start_coordinator()
        assert program.ready["event"] == "ready"
        assert program.ready["coordinator_id"] == http(program.url + "/health").json["coordinator"]
        admin_file = tmp_path / "coordinator" / "admin.json"
        assert stat.S_IMODE(admin_file.stat().st_mode) == 0o600
        program.process.send_signal(signal.SIGINT)
        assert program.stop() == 0
        assert not admin_file.exists()
        mesh.start_coordinator().kill()
        assert admin_file.exists()
        assert "is not running" in command(mesh, "status", code=4)


def test_invites_on_the_command_line(mesh: RealMesh) -> None:
    made = mesh.admin("invite", "create", "--uses", "3", "--expires", "7d", "--trust", "vetted", "--service", "ner")
    assert {"id", "code", "link", "expires_at"} <= set(made)
    assert made["code"].startswith("RMA-")
    assert made["link"].startswith("rma-mesh://enroll?coordinator=")
    assert made["services"] == ["ner-extraction"]
    said = command(mesh, "invite", "create")
    assert "Code:  RMA-" in said
    assert "Link:  rma-mesh://" in said
    assert made["id"] in command(mesh, "invite", "list")
    listed = {invite["id"]: invite for invite in mesh.admin("invite", "list")["invites"]}
    assert (listed[made["id"]]["status"], listed[made["id"]]["uses"]) == ("open", 3)
    assert made["id"] in command(mesh, "invite", "revoke", made["id"])
    listed = {invite["id"]: invite for invite in mesh.admin("invite", "list")["invites"]}
    assert listed[made["id"]]["status"] == "revoked"
    assert "no invite with the id 'unheard-of'" in command(mesh, "invite", "revoke", "unheard-of", code=5)
    assert "no service is named 'unheard-of'" in command(
        mesh, "invite", "create", "--service", "unheard-of", code=5
    )


def test_keys_on_the_command_line(mesh: RealMesh) -> None:
    made = mesh.admin("key", "create", "--name", "website", "--service", "ner", "--rate", "5/s", "--expires", "30d")
    assert made["key"].startswith(f"rma_{made['id']}_")
    assert (made["rate"], made["services"]) == ("5/s", ["ner-extraction"])
    assert made["expires_at"] > 0
    assert "Key:  rma_" in command(mesh, "key", "create", "--name", "other")
    listing = command(mesh, "key", "list")
    assert "website" in listing
    assert made["key"] not in listing
    assert {key["name"] for key in mesh.admin("key", "list")["keys"]} >= {"website", "other"}
    assert mesh.call("ner", {}, made["key"]).status == 503
    assert made["id"] in command(mesh, "key", "revoke", made["id"])
    assert mesh.call("ner", {}, made["key"]).status == 401
    assert "no API key" in command(mesh, "key", "revoke", made["id"], code=5)


async def test_workers_on_the_command_line(mesh: RealMesh, worker: StandIn) -> None:
    listing = command(mesh, "worker", "list")
    assert worker.worker_id in listing
    assert "\x1b" not in listing
    assert "\x07" not in listing
    (listed,) = [item for item in mesh.admin("worker", "list")["workers"] if item["worker_id"] == worker.worker_id]
    assert (listed["name"], listed["status"], listed["services"]) == (LINES, "active", ["ner-extraction"])
    assert "direct hosts: 127.0.0.1" in command(mesh, "worker", "show", worker.worker_id)
    assert mesh.admin("worker", "show", worker.worker_id)["trust"] == "volunteer"
    command(mesh, "worker", "approve", worker.worker_id)
    assert mesh.admin("worker", "show", worker.worker_id)["trust"] == "vetted"
    assert mesh.admin("worker", "drain", worker.worker_id)["status"] == "draining"
    assert mesh.admin("worker", "show", worker.worker_id)["status"] == "draining"
    command(mesh, "worker", "undrain", worker.worker_id)
    command(mesh, "worker", "revoke", worker.worker_id)
    assert mesh.admin("worker", "show", worker.worker_id)["status"] == "revoked"
    assert "was revoked" in command(mesh, "worker", "drain", worker.worker_id, code=5)
    assert "enrolled" in command(mesh, "worker", "revoke", "lost", code=5)
    assert "lost is out" in command(mesh, "worker", "revoke", "lost", "--unknown")
    for strange in ("nobody", "../keys", "a b", "."):
        assert "enrolled" in command(mesh, "worker", "show", strange, code=5)


async def test_the_doctor_fails_while_something_does_not_work(mesh: RealMesh, worker: StandIn) -> None:
    said = await asyncio.to_thread(run, "doctor", "--data-dir", str(mesh.folder / "coordinator"))
    assert said.returncode == 1
    assert f"ok    service ner-extraction: {worker.worker_id} answered" in said.stdout
    assert "FAIL  service document-processing: Nobody runs it." in said.stdout
    data = await asyncio.to_thread(run, "doctor", "--json", "--data-dir", str(mesh.folder / "coordinator"))
    assert (data.returncode, json.loads(data.stdout)["ok"]) == (1, False)


def test_status_and_audit(mesh: RealMesh) -> None:
    assert ": ok, up " in command(mesh, "status")
    assert mesh.admin("status")["coordinator"].startswith("coordinator-")
    mesh.admin("key", "create", "--name", "for the audit")
    last = mesh.admin("audit", "--limit", "1")["audit"]
    assert [(entry["action"], entry["detail"]) for entry in last] == [("key-created", "for the audit")]
    assert "for the audit" in command(mesh, "audit")
    said = command(mesh, "audit", "--action", "key-created", "--since", "1h")
    assert "key-created" in said
    assert "invite-created" not in said
    assert "No line of the log is like that." in command(mesh, "audit", "--action", "unheard-of")
    assert "the newest 1; --limit" in command(mesh, "audit", "--limit", "1")
    found = mesh.admin("audit", "verify")
    assert found["holds"]
    assert "ok  " in command(mesh, "audit", "verify", "--expect", found["mark"])
    assert "reads NUMBER:HASH" in command(mesh, "audit", "verify", "--expect", "x", code=2)
    wrong = run("audit", "verify", "--expect", f"1:{'0' * 64}", "--data-dir", str(mesh.folder / "coordinator"))
    assert (wrong.returncode, wrong.stdout[:4]) == (1, "FAIL")


def test_the_admin_token_is_rotated(mesh: RealMesh) -> None:
    before = mesh.admin("token", "rotate", "--grace", "10m")
    assert before["grace_until"] > 0
    said = command(mesh, "token", "rotate")
    assert "The one before is useless now." in said
    token = said.split()[1]
    assert token != before["token"]
    assert mesh.coordinator is not None
    for shown, code in ((token, 0), (before["token"], 5)):
        assert run("key", "list", "--url", mesh.coordinator.url, RMA_ADMIN_TOKEN=shown).returncode == code
    assert ": ok, up " in command(mesh, "status"), "commands on this machine go on"


def test_the_overlays_authority_is_rotated(mesh: RealMesh) -> None:
    before = mesh.admin("status")["overlay"]
    assert before["rotation"] == "steady"
    assert "The rotation has begun" in command(mesh, "mesh", "rotate-ca")
    assert "--force" in command(mesh, "mesh", "rotate-ca", code=5)
    while (after := mesh.admin("status")["overlay"])["rotation"] != "steady":
        command(mesh, "mesh", "rotate-ca", "--force")
    assert after["authorities"][0]["fingerprint"] != before["authorities"][0]["fingerprint"]


def test_the_meshs_key_is_rotated(mesh: RealMesh) -> None:
    before = mesh.admin("status")["mesh_keys"]
    assert (before["rotation"], len(before["keys"])) == ("steady", 1)
    assert "mesh keys:" not in command(mesh, "status")
    assert "every machine is given the new key" in command(mesh, "mesh", "rotate-key")
    assert "  rotation: spreading" in command(mesh, "status")
    assert "--force" in command(mesh, "mesh", "rotate-key", code=5)
    assert "The new key signs" in command(mesh, "mesh", "rotate-key", "--force")
    assert "Make a new backup" in command(mesh, "mesh", "rotate-key", "--force")
    after = mesh.admin("status")["mesh_keys"]
    assert [key["number"] for key in after["keys"]] == [before["keys"][0]["number"] + 1]
    assert after["keys"][0]["fingerprint"] in command(mesh, "status")


def test_a_backup_is_restored_into_another_place(mesh: RealMesh, tmp_path: Path) -> None:
    key = mesh.key()
    file = tmp_path / "backup.tar"
    made = mesh.admin("backup", str(file))
    assert made == {"file": str(file), "bytes": file.stat().st_size, "notes": []}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    verified = run("audit", "verify", "--file", str(file))
    assert (verified.returncode, verified.stdout[:2]) == (0, "ok"), verified.stderr
    with real_mesh(tmp_path) as other:
        target = str(tmp_path / "coordinator")
        assert run("restore", str(file), "--data-dir", target).returncode == 0, "nothing was there to replace"
        refused = run("restore", str(file), "--data-dir", target)
        assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
        assert run("restore", str(file), "--data-dir", target, "--yes").returncode == 0
        started = other.start_coordinator()
        assert mesh.coordinator is not None
        assert started.ready["coordinator_id"] == mesh.coordinator.ready["coordinator_id"]
        assert other.call("ner", {}, key).status == 503
        assert other.call("ner", {}, key[:-1] + "x").status == 401


def test_what_cannot_be_restored_is_said(tmp_path: Path) -> None:
    (tmp_path / "not.tar").write_text("hello")
    result = run("restore", str(tmp_path / "not.tar"), "--data-dir", str(tmp_path / "d"), "--yes")
    assert result.returncode == 1
    assert "is not a backup of a coordinator" in result.stderr


def test_another_machines_coordinator_is_asked_with_url_and_token(mesh: RealMesh, tmp_path: Path) -> None:
    assert mesh.coordinator is not None
    elsewhere = ("--data-dir", str(tmp_path), "--url", mesh.coordinator.url)
    token = json.loads((mesh.folder / "coordinator" / "admin.json").read_text())["token"]
    asked: list[Any] = [run("status", "--json", *elsewhere, RMA_ADMIN_TOKEN=token)]
    asked.append(run("status", "--json", "--data-dir", str(tmp_path), RMA_ADMIN_TOKEN=token, RMA_URL=elsewhere[-1]))
    assert [result.returncode for result in asked] == [0, 0]
    wrong = run("status", *elsewhere, RMA_ADMIN_TOKEN="x" * 32)
    assert wrong.returncode == 5
    assert "not the admin token" in wrong.stderr
    without = run("status", *elsewhere)
    assert (without.returncode, "RMA_ADMIN_TOKEN" in without.stderr) == (2, True)
    assert run("status", "--data-dir", str(tmp_path), "--url", "https://mesh.example").returncode == 2


def test_the_settings_file_names_the_data_directory(mesh: RealMesh, tmp_path: Path) -> None:
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data-dir = "{mesh.folder / "coordinator"}"\nport = 8080\n')
    assert run("status", "--json", "--config", str(config)).returncode == 0
    assert run("status", "--json", RMA_DATA_DIR=str(mesh.folder / "coordinator")).returncode == 0
