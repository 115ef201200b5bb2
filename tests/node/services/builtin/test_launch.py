"""The command line of a builtin service."""

import subprocess
import sys
from pathlib import Path

import pytest

from node.services.builtin import NAMES
from node.services.builtin.contract import read_context
from node.services.builtin.launch import load_service
from tests.support.builtin_services import ROOT, service_environment

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("name", NAMES)
async def test_every_name_has_a_service_that_describes_itself(name: str, tmp_path: Path) -> None:
    context = read_context(name, {"RMA_SERVICE_DATA_DIR": str(tmp_path), "RMA_SERVICE_TOKEN": "t"})
    service = load_service(context)
    try:
        assert service.description.service == name
        described = {(one.method, one.path) for one in service.description.endpoints}
        served = {(route.method, route.path.replace("{id:.+}", "{id}")) for route in service.routes()}
        assert described <= served
    finally:
        await service.stop()
        context.threads.shutdown()


@pytest.mark.parametrize("arguments", [[], ["no-such"], ["ner-extraction", "more"]])
def test_a_wrong_name_is_a_clear_line(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "node.services.builtin", *arguments]
    done = subprocess.run(
        command,
        env=service_environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "There is no builtin service" in done.stderr and "rag-embeddings" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_surroundings_it_says_what_is_missing(tmp_path: Path) -> None:
    environment = service_environment(tmp_path)
    del environment["RMA_SERVICE_TOKEN"]
    command = [sys.executable, "-m", "node.services.builtin", "ner-extraction"]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "RMA_SERVICE_TOKEN is not set" in done.stderr and "Traceback" not in done.stderr
