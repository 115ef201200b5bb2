"""The command line of a node, as scripts and people use it: real processes, exit codes, clear sentences."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node import control_client
from node.cli_client import coordinator_line, second_line, status_document, vpn_line
from node.state import ChannelStatus, NodeState, Reason, TunnelStatus, VpnStatus
from node.wire.encoding import b64encode
from tests.support.node_values import FIRST, MEMBERSHIP, SECOND
from tests.support.real_mesh import RealMesh, http, real_mesh, run, wait_until

pytestmark = pytest.mark.processes
FREE = ("--port", "0", "--dht-port", "0", "--no-keyring", "--vpn", "off")


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


def test_the_private_network_is_told_to_programs_and_to_people() -> None:
    up = NodeState(vpn=VpnStatus("relayed", "10.42.0.7", "Others are reached through a coordinator."))
    assert status_document(up)["vpn"] == {"state": "relayed", "ip": "10.42.0.7"}
    assert vpn_line(up) == "relayed, 10.42.0.7. Others are reached through a coordinator."
    said = msgspec.structs.replace(up, reasons=(Reason("vpn-failed", up.vpn.text),))
    assert vpn_line(said) == "relayed, 10.42.0.7.", "what is a reason is told above"
    off = NodeState(vpn=VpnStatus("off", None, "It is off."), vpn_renewal_error="This mesh has none.")
    assert status_document(off)["vpn"] == {"state": "off", "ip": None}
    assert vpn_line(off) == "off. It is off. This mesh has none."


def test_the_public_address_is_told_to_programs() -> None:
    up = TunnelStatus(kind="quick", state="up", url="https://a.example.org", text="It leads here.")
    told = status_document(NodeState(tunnel=up))["tunnel"]
    assert (told["kind"], told["state"], told["url"]) == ("quick", "up", "https://a.example.org")
    assert status_document(NodeState())["tunnel"]["url"] is None


def test_programs_are_told_whether_changes_are_heard_at_once() -> None:
    state = NodeState(channel=ChannelStatus(False, "The connection broke."))
    assert status_document(state)["channel"] == {"open": False, "detail": "The connection broke."}
    assert status_document(NodeState(channel=ChannelStatus(True)))["channel"]["open"]


def test_both_channels_are_told_the_one_in_use_first() -> None:
    second = ChannelStatus(False, "The connection broke.", SECOND.url)
    state = NodeState(
        membership=MEMBERSHIP, coordinator=FIRST.url, channel=ChannelStatus(True), second_channel=second
    )
    assert status_document(state)["channels"] == [
        {"coordinator": FIRST.url, "for": "all", "open": True, "detail": ""},
        {"coordinator": SECOND.url, "for": "relay", "open": False, "detail": "The connection broke."},
    ]
    assert status_document(NodeState())["channels"] == []
    assert second_line(second) == f"{SECOND.url}, not connected. The connection broke."
    assert second_line(ChannelStatus(True, url="u")) == "u, connected for requests through it"


def test_who_reads_the_status_sees_that_the_coordinator_is_not_heard() -> None:
    heard = NodeState(membership=MEMBERSHIP, coordinator=FIRST.url, channel=ChannelStatus(True))
    assert coordinator_line(heard) == FIRST.url
    lost = msgspec.structs.replace(heard, channel=ChannelStatus(False, "The connection broke."))
    assert coordinator_line(lost) == f"{FIRST.url}, not connected. The connection broke."
    assert coordinator_line(NodeState()) == "-"


@pytest.mark.parametrize(("status", "code"), [(403, 5), (409, 5), (429, 1), (503, 1)])
def test_what_was_refused_for_now_only_is_told_apart(status: int, code: int) -> None:
    assert control_client._refused(status, b'{"title":"No","detail":"Because."}').exit_code == code


def test_help_and_version_need_nothing() -> None:
    assert "status" in run("node", "--help").stdout
    assert run("node", "--version").stdout.startswith("rma-mesh-node 0.")
    assert "--dht-port" in run("node", "run", "--help").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "70000"), "Setting port (--port) is '70000'; allowed is a whole number from 0 to 65535."),
        (("--worker-type", "quantum"), "Setting worker_type (--worker-type) is 'quantum'; allowed is one of auto,"),
        (("--worker-heartbeat", "soon"), "Setting worker_heartbeat (--worker-heartbeat) is 'soon'"),
        (("--worker-id", "a b/.."), "Setting worker_id (--worker-id) is 'a b/..'; allowed is 1 to 64 letters,"),
        (("--config", "/nonexistent.toml"), "Setting config (--config) is '/nonexistent.toml'"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = run("node", "run", "--data-dir", str(tmp_path / "d"), *words)
    assert result.returncode == 2
    assert result.stderr.startswith(said)
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "d").exists(), "nothing was begun"


def test_a_wrong_setting_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    result = run("node", "run", "--data-dir", str(tmp_path), RMA_DHT_PORT="x")
    assert result.returncode == 2
    assert "Setting dht_port (environment RMA_DHT_PORT) is 'x'" in result.stderr


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run("node", "run", "--data-dir", str(tmp_path), "--no-keyring", "--port", port)
    assert result.returncode == 3
    assert f"Port {port} on 127.0.0.1 is in use." in result.stderr
    assert "--port" in result.stderr


def test_a_data_directory_belongs_to_one_running_node(mesh: RealMesh) -> None:
    first = mesh.start_node("w1")
    result = run("node", "run", "--data-dir", str(first.data_dir), *FREE)
    assert result.returncode == 3
    assert f"The data directory {first.data_dir} is in use." in result.stderr
    first.kill()
    assert mesh.start_node("w1").ready["url"], "after kill -9 it is free again"


def test_without_a_running_node_commands_say_how_to_start_one(tmp_path: Path) -> None:
    for command in ("status", "stats", "peers", "services", "doctor", "pause", "resume"):
        result = run("node", command, "--data-dir", str(tmp_path))
        assert result.returncode == 4
        assert "rma-mesh-node run" in result.stderr


def test_a_node_outside_any_mesh_says_so_everywhere(mesh: RealMesh) -> None:
    node = mesh.start_node("w1")
    assert node.ready["worker_id"] is None
    status = mesh.status("w1")
    assert status["phase"] == "unenrolled"
    assert status["url"] == node.url
    stats = json.loads(mesh.node_command("w1", "stats", "--json").stdout)
    assert (stats["local_requests"], stats["dht"]) == (0, None)
    assert json.loads(mesh.node_command("w1", "peers", "--json").stdout) == []
    doctor = mesh.node_command("w1", "doctor")
    assert doctor.returncode == 1
    assert "Ask an operator for an invite." in doctor.stdout
    told = json.loads(mesh.node_command("w1", "doctor", "--json").stdout)
    assert [route["route"] for route in told["routes"]] == ["vpn", "direct", "relay", "tunnel"]
    assert set(told["routes"][0]) == {"route", "works", "what", "why", "hint", "cause"}
    assert {"membership", "clock", "relay"} <= {check["name"] for check in told["checks"]}
    call = mesh.node_command("w1", "call", "ner", "--data", "{}")
    assert call.returncode == 1
    assert "has not joined a mesh" in call.stderr
    explain = mesh.node_command("w1", "explain", "ner")
    assert explain.returncode == 5
    assert "rma-mesh-node enroll" in explain.stderr
    assert mesh.node_command("w1", "call", "ner", "--data", "{").returncode == 2
    assert mesh.node_command("w1", "snooze", "soon").returncode == 2
    assert mesh.node_command("w1", "leave", "--yes").returncode == 5
    assert node.stop() == 0
    assert not (node.data_dir / "control.json").exists()


@pytest.mark.parametrize("invite", ["RMA-NONSENSE", "hello", "rma-mesh://enroll?coordinator=x&invite=y"])
def test_an_invite_that_cannot_be_one_is_refused_at_once(invite: str, tmp_path: Path) -> None:
    result = run(
        "node", "run", "--data-dir", str(tmp_path), *FREE, "--coordinator", "http://127.0.0.1:1", "--invite", invite
    )
    assert result.returncode == 2
    assert "could not join the mesh" in result.stderr


def test_a_code_without_a_coordinator_is_refused(tmp_path: Path) -> None:
    result = run("node", "run", "--data-dir", str(tmp_path), *FREE, "--invite", "RMA-NONSENSE")
    assert result.returncode == 2
    assert "--coordinator" in result.stderr


def test_invites_that_do_not_open_the_door_are_told_apart(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator()
    link = mesh.invite(1)
    mesh.start_node("w1", link)
    mesh.nodes["w1"].kill()
    again = mesh.start_node("w1", link)
    assert "The invite was not used: this machine is in a mesh already, as w1" in again.log_text()
    spent = run("node", "run", "--data-dir", str(mesh.folder / "w2"), *FREE, "--invite", link)
    assert spent.returncode == 5
    assert "invite" in spent.stderr.lower()
    fresh = mesh.invite(1)
    coordinator.kill()
    unreachable = run("node", "run", "--data-dir", str(mesh.folder / "w3"), *FREE, "--invite", fresh)
    assert unreachable.returncode == 4
    assert coordinator.url in unreachable.stderr
    assert "cannot be reached" in unreachable.stderr


def test_a_node_waits_while_nobody_is_let_in_and_ends_when_it_is_told_to(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator("--enrol-wrong-tries", "1")
    link, log = mesh.invite(1), mesh.folder / "log"
    wrong = {"invite": "RMA-NONSENSE", "name": "pc", "identity_public_key": b64encode(b"k" * 32)}
    assert http(f"{coordinator.url}/api/enroll", msgspec.json.encode(wrong)).status == 403
    words = ("-m", "node", "run", "--data-dir", str(mesh.folder / "w1"), *FREE, "--invite", link)
    with log.open("wb") as stderr:
        node = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            env=mesh.environment,
        )  # fmt: skip
    try:
        wait_until(lambda: "It is asked again in" in log.read_text("utf-8"), "it says that it waits")
        assert "lets nobody in for the moment" in log.read_text("utf-8")
        status = mesh.node_command("w1", "status")
        assert "asked again by itself" in status.stdout
        node.terminate()
        assert node.wait(60) == 0
    finally:
        node.kill()
        node.wait(60)


def test_who_would_get_a_request_is_explained(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator()
    link = mesh.invite(2)
    mesh.start_node("w1", link, "--allow", "ner-extraction")
    mesh.start_node("caller", link, "--allow", "rag-embeddings", "--hedge-after", "5", "--finger-cache-stale", "9")
    mesh.wait_for_service("ner-extraction")

    def explained() -> Any:
        result = mesh.node_command("caller", "explain", "ner", "--json")
        return json.loads(result.stdout) if result.returncode == 0 else None

    found = wait_until(lambda: (it := explained()) and it["picked"] == "w1" and it, "w1 is found", 90)
    assert (found["service"], found["here"]["runs"], found["candidates"][0]["state"]) == (
        "ner-extraction",
        False,
        "ready",
    )
    text = mesh.node_command("caller", "explain", "ner").stdout
    assert text.startswith("ner-extraction: w1 is picked, because nobody else can be.")
    assert "WORKER" in text
    vetted = mesh.node_command("caller", "explain", "ner", "--personal")
    assert "not-vetted" in vetted.stdout
    assert "--trust vetted" in vetted.stdout
    unknown = mesh.node_command("caller", "explain", "no-such/service")
    assert unknown.returncode == 5
    assert "no-such/service" in unknown.stderr
    assert "ner-extraction" in unknown.stderr, "it says which services there are"
    for command in ("explain", "call"):
        for name in ("", "x" * 9000):
            refused = mesh.node_command("caller", command, name)
            assert refused.returncode == 2
            assert refused.stderr.startswith("A service's name has 1 to 64 characters")
    peers = wait_until(
        lambda: json.loads(mesh.node_command("caller", "peers", "--json").stdout), "it has peers", 90
    )
    assert {peer["worker_id"] for peer in peers} == {"w1"}
    assert "w1" in mesh.node_command("caller", "peers").stdout
    coordinator.kill()
    nobody = mesh.node_command("caller", "explain", "document-processing").stdout
    assert "the coordinator's registry could not be asked" in nobody


def test_enrolling_a_running_node_and_asking_it_again(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    mesh.start_node("w1")
    assert mesh.node_command("w1", "enroll", mesh.invite(1)).returncode == 0
    wait_until(lambda: mesh.status("w1")["phase"] == "online", "it is online")
    again = mesh.node_command("w1", "enroll", mesh.invite(1))
    assert again.returncode == 5
    assert "To join anew, leave first." in again.stderr
    unknown = mesh.node_command("w1", "call", "no-such-service", "--data", "{}")
    assert unknown.returncode == 5
    assert "no-such-service" in unknown.stderr


def test_commands_that_only_ask_load_no_http_library_and_nothing_that_only_one_of_them_needs() -> None:
    """Python would load it for longer than a node takes to answer."""
    code = (
        "import sys, node.cli, node.cli_client; print(sorted({'aiohttp', 'node.diagnostics'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (loaded.stdout, loaded.stderr) == ("[]\n", "")
