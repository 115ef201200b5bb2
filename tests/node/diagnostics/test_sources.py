"""A bundle from a real node and from one that does not run, with secrets planted in every source: none is in it."""

from __future__ import annotations

import asyncio
import io
import logging
import zipfile
from pathlib import Path

import msgspec
import pytest

from node import events as e
from node.activity.entries import Entry
from node.config import NodeConfig
from node.control_file import FILE_NAME, ControlFile
from node.diagnostics.bundle import Source, zipped
from node.diagnostics.sources import NotWantedError, collect
from node.program.logs import KEPT_LOG
from node.runtime import NodeRuntime
from node.state import TunnelStatus, VpnStatus
from node.wire.messages import ServiceReport
from tests.support.planted import HOME, USER, planted

NOW = 1_780_000_000.0
SECRETS = planted(21)
EVERYTHING = "\n".join(whole for whole, _ in SECRETS.values())
KNOWN = {
    "RMA_ODD_TOKEN": "odd short words",
    "HTTPS_PROXY": "http://joe:pw-of-joe@proxy.example:1",
    "HOME": "/home/x",
}


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert tmp_path.exists(), "made before anybody else is somebody"
    for name, value in {"LOGNAME": USER, "USER": USER, "HOME": HOME}.items():
        monkeypatch.setenv(name, value)


def plant(data_dir: Path) -> None:
    """Write secrets into every file of a data directory that a bundle may read."""
    for name in ("ner-extraction", "notes-coa"):
        folder = data_dir / "services" / name
        folder.mkdir(parents=True)
        for log in ("service.log", "service.log.1"):
            (folder / log).write_text(EVERYTHING + "\nodd short words pw-of-joe\nready\n")
    for log in (KEPT_LOG, f"{KEPT_LOG}.1"):
        (data_dir / log).write_text(EVERYTHING + "\n12:00:00 info node: ready\n")
    entry = Entry(number=1, at=NOW, code="join-failed", subject="x", detail=EVERYTHING)
    (data_dir / "activity.1.jsonl").write_bytes(msgspec.json.encode(entry) + b"\n")
    (data_dir / "assignment.json").write_bytes(
        msgspec.json.encode({"detail": EVERYTHING, "blocklist": [EVERYTHING]})
    )


def texts_in(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}


def assert_clean(found: dict[str, str]) -> None:
    for name, text in found.items():
        for kind, (_, core) in SECRETS.items():
            assert core not in text, f"{kind} is in {name}"
        assert "odd short words" not in text
        assert "pw-of-joe" not in text


async def test_a_running_node_tells_everything_but_its_secrets(tmp_path: Path) -> None:
    token = SECRETS["cloudflare token"][1]
    config = NodeConfig(
        port=0, dht_port=0, keyring=False, vpn="off", name=EVERYTHING[:400], tunnel="off", tunnel_token=token
    )
    node = NodeRuntime(config, tmp_path)
    plant(tmp_path)
    await node.start()
    try:
        node.dispatch(e.EnrolmentFailed(EVERYTHING))
        node.dispatch(e.VpnChanged(VpnStatus("failed", text=EVERYTHING)))
        node.dispatch(e.TunnelChanged(TunnelStatus(kind="own", state="failed", text=EVERYTHING, hint=EVERYTHING)))
        node.dispatch(e.ServicesChanged((ServiceReport(name="ner-extraction", state="failed", detail=EVERYTHING),)))
        node.desk.pause()
        await node.settle()
        extra = [Source("window.json", "What the window saw", {"lines": [EVERYTHING]})]
        steps: list[tuple[int, int, str]] = []
        files = await asyncio.to_thread(
            collect, tmp_path, extra=extra, progress=lambda *step: steps.append(step), environment=KNOWN
        )
        control = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes(), type=ControlFile)
    finally:
        await node.stop()
    found = texts_in(zipped(files, NOW))
    assert_clean(found)
    assert control.token not in "".join(found.values())
    assert {
        "versions.json", "status.json", "doctor.json", "settings.json", "rules.json", "stats.json", "peers.json",
        "routing-day.json", "routing-requests.json", "activity.json", "node.log", "services/ner-extraction.log",
        "services/notes-coa.log", "window.json",
    } <= set(found)  # fmt: skip
    assert not any("identity" in name or "membership" in name for name in found), "keys are not even read"
    status = msgspec.json.decode(found["status.json"])
    assert status["state"]["phase"] == "unenrolled"
    assert status["state"]["capabilities"]["cpu_cores"] >= 1, "the hardware"
    assert "ready" in found["services/notes-coa.log"]
    assert [one[0] for one in steps] == list(range(steps[-1][1] + 1))


async def test_a_node_that_does_not_run_is_told_of_by_its_files(tmp_path: Path) -> None:
    plant(tmp_path)
    found = texts_in(zipped(await asyncio.to_thread(collect, tmp_path, environment=KNOWN), NOW))
    assert_clean(found)
    assert {"versions.json", "activity.json", "node.log", "services/ner-extraction.log"} <= set(found)
    assert "No node is running" in msgspec.json.decode(found["versions.json"])["node"]
    assert "status.json" not in found


async def test_a_node_that_died_with_its_control_file_left_is_asked_only_once(tmp_path: Path) -> None:
    left = ControlFile("http://127.0.0.1:9", "the-token-of-a-dead-node", 1)
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode(left))
    found = texts_in(zipped(await asyncio.to_thread(collect, tmp_path, environment={}), NOW))
    assert [name for name in found if name.endswith(".missing.txt")] == ["status.json.missing.txt"]


async def test_a_node_that_hangs_is_waited_for_only_once(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    left = ControlFile(f"http://127.0.0.1:{port}", "the-token-of-a-node-that-hangs", 1)
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode(left))
    files = await asyncio.to_thread(collect, tmp_path, environment={}, timeout=0.2)
    assert len(asked) == 1
    told = {file.name: file.text for file in files}
    assert "did not answer in time" in told["status.json.missing.txt"]
    server.close()
    await server.wait_closed()


def test_it_can_be_called_off(tmp_path: Path) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(NotWantedError):
        collect(tmp_path, cancelled=cancelled, environment={})


def test_an_empty_directory_gives_a_bundle_as_well(tmp_path: Path) -> None:
    logging.getLogger("node").debug("nothing is written by this")
    files = collect(tmp_path, environment={})
    assert [file.name for file in files] == ["versions.json", "activity.json"]
    assert list(tmp_path.iterdir()) == []
