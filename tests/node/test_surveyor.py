"""The look before joining, on this very computer, and what it says of the private network in each case."""

from __future__ import annotations

from pathlib import Path

import pytest

from node import surveyor
from node.config import NodeConfig
from node.program.errors import UserFacingError
from node.surveyor import prospect, take_survey
from node.vpn.ways import Way

CONFIG = NodeConfig(port=0, dht_port=0, vpn="auto")


async def test_a_look_finds_what_every_computer_has(tmp_path: Path) -> None:
    found = await take_survey(NodeConfig(vpn="off"), tmp_path)
    assert found.capabilities.cpu_threads > 0
    assert found.capabilities.ram_bytes > 0
    assert found.capabilities.gpus or found.gpu_note
    assert found.vpn == "off"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("way", "there", "expected"),
    [
        ("helper", False, "ready"),
        ("helper", True, "ready"),
        ("self", True, "ready"),
        ("self", False, "no-program"),
        ("none", True, "no-permission"),
        ("none", False, "no-permission"),
    ],
)
def test_the_private_network_needs_a_program_and_the_right(
    monkeypatch: pytest.MonkeyPatch, way: str, there: bool, expected: str
) -> None:
    def find() -> object:
        if there:
            return object()
        raise UserFacingError("There is no Nebula on this computer.", "", "Install it.")

    monkeypatch.setattr(surveyor, "find_binary", find)
    monkeypatch.setattr(surveyor, "rights", lambda *_: None)
    monkeypatch.setattr(surveyor, "choose_way", lambda _: Way(way, "How."))  # type: ignore[arg-type]
    vpn, text = prospect(CONFIG)
    assert vpn == expected
    assert text == ("There is no Nebula on this computer. Install it." if expected == "no-program" else "How.")
