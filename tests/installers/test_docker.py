"""The image and its compose file, as far as they can be tried without a registry."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coordinator_server.cli import build_parser
from coordinator_server.config import CoordinatorConfig
from node.program.settings import load_settings
from tests.support.real_mesh import ENVIRONMENT

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
# What the image leaves out is made impossible to import.
WITHOUT = """
import runpy, sys
for name in ("PySide6", "shiboken6", "qasync", "zxingcpp", "numpy", "bm25s", "pypdfium2", "docx", "lxml",
             "phonenumbers", "pynvml", "app"):
    sys.modules[name] = None
sys.argv[0] = "rma-mesh-coordinator"
runpy.run_module("coordinator_server", run_name="__main__")
"""


def instructions(name: str) -> list[str]:
    text = DOCKERFILE.replace("\\\n", " ")
    return [line.partition(" ")[2] for line in text.splitlines() if line.startswith(name + " ")]


def variables() -> dict[str, str]:
    """Return the environment of the image."""
    found = [word for line in instructions("ENV") for word in line.split()]
    return dict(word.split("=", 1) for word in found)


def copied() -> list[str]:
    """Return the paths that come from the repository."""
    lines = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [path for words in lines for path in words[:-1]]


def test_whatever_is_copied_is_there_and_nothing_else_reaches_the_builder() -> None:
    assert len(copied()) > 5
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert next(line for line in lines if line and line[0] not in "#!") == "*"
    assert sorted(let_in) == sorted(copied())
    assert [path for path in copied() if not (ROOT / path).exists()] == []


def test_it_runs_as_nobody_in_particular_and_is_pinned() -> None:
    *_, user = instructions("USER")
    assert user.split(":")[0].isdigit()
    assert user != "0"
    (base,) = instructions("ARG")
    assert re.fullmatch(r"PYTHON=python:3\.\d+-slim-[a-z]+", base)
    assert not re.search(r"(?i)token|passphrase|secret", " ".join(variables()))


def test_what_it_runs_is_taken_and_serves_to_everybody_in_its_network() -> None:
    (entry,), (command,) = instructions("ENTRYPOINT"), instructions("CMD")
    assert json.loads(entry) == ["rma-mesh-coordinator"]
    words = json.loads(command)
    flags = vars(build_parser(words).parse_args(words))
    given = {name: value for name, value in variables().items() if name.startswith("RMA_")}
    config = load_settings(CoordinatorConfig, flags, given)
    assert (config.host, config.vpn, str(config.directory)) == ("0.0.0.0", "off", "/var/lib/rma-mesh")
    assert f"127.0.0.1:{config.port}/ready" in instructions("HEALTHCHECK")[0]
    assert f"{config.port}/tcp {config.dht_port}/udp" in instructions("EXPOSE")
    assert str(config.directory) in instructions("VOLUME")


def test_compose_runs_what_is_taken() -> None:
    commands = [json.loads(line) for line in re.findall(r"^ *command: (\[.*\])$", COMPOSE, re.MULTILINE)]
    assert len(commands) == 2
    for words in commands:
        load_settings(CoordinatorConfig, vars(build_parser(words).parse_args(words)), {})
    (store,) = (words[words.index("--store") + 1] for words in commands if "--store" in words)
    for member in ("etcd-1", "etcd-2", "etcd-3"):
        assert f"{member}:2379" in store
        assert f"\n  {member}:\n" in COMPOSE
    names = re.findall(r"\b(RMA_[A-Z_]+):", COMPOSE)
    assert names
    assert all(hasattr(CoordinatorConfig(), name.removeprefix("RMA_").lower()) for name in names)


@pytest.mark.skipif(shutil.which("awk") is None, reason="needs awk")
def test_the_lock_without_the_desktop_is_whole(tmp_path: Path) -> None:
    script = re.search(r"awk '([^']+)'", DOCKERFILE)
    assert script
    lock = ROOT / "installers" / "requirements.lock"
    done = subprocess.run(["awk", script[1], str(lock)], capture_output=True, text=True, check=True)
    left, out = names_in(done.stdout), names_in(lock.read_text("utf-8")) - names_in(done.stdout)
    assert {"aiohttp", "cryptography", "kademlia", "msgspec", "psutil", "uvloop"} <= left
    named = re.search(r"\^\(([^)]+)\)==", script[1])
    assert named
    assert out == set(named[1].split("|"))
    entries = re.split(r"(?m)^(?=[a-z])", done.stdout)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not fnmatch.filter(left, "pyside*")


def names_in(lock: str) -> set[str]:
    return set(re.findall(r"(?m)^([a-z0-9-]+)==", lock))


@pytest.mark.processes
def test_a_coordinator_needs_nothing_of_what_is_left_out(tmp_path: Path) -> None:
    words = ["serve", "--json", "--data-dir", str(tmp_path / "c"), "--port", "0", "--dht-port", "0", "--vpn", "off"]
    process = subprocess.Popen([sys.executable, "-c", WITHOUT, *words], stdout=subprocess.PIPE, env=ENVIRONMENT)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
