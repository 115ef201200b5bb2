"""What was detected, in words."""

from __future__ import annotations

import msgspec
from pytestqt.qtbot import QtBot

from app.panels.machine import MachineCard, describe
from node.wire.messages import Battery, Capabilities, Gpu
from tests.support.samples import CAPABILITIES, GIB


def test_a_machine_with_everything() -> None:
    assert describe(CAPABILITIES) == {
        "gpu": "GeForce RTX 3060 · 12 GB",
        "processor": "AMD Ryzen 7 5800X · 8 cores",
        "memory": "32 GB · 21 GB free",
        "disk": "/: 412 GB of 931 GB free",
        "network": "192.168.1.24",
        "battery": "Plugged in · 83 % charged",
        "system": "Debian GNU/Linux 13 · x86_64",
        "role": "AI models, on its graphics card",
    }


def test_a_bare_machine_leaves_out_what_it_has_not() -> None:
    found = describe(Capabilities(cpu_threads=2))
    assert found["processor"] == "2 cores"
    assert found["network"] == "No network"
    assert not {"battery", "memory", "disk", "system"} & set(found)


def test_a_card_that_cannot_be_used_and_a_battery_in_use_are_said() -> None:
    found = describe(
        msgspec.structs.replace(
            CAPABILITIES,
            gpus=(Gpu(vendor="AMD", memory_bytes=8 * GIB, usable=False), Gpu()),
            battery=Battery(charge=0.2, on_battery=True),
            public_ip="203.0.113.5",
            disks=(),
        )
    )
    assert found["gpu"] == "AMD · 8.0 GB · cannot be used, Graphics card"
    assert found["battery"] == "On battery · 20 % charged"
    assert found["network"] == "203.0.113.5 (public), 192.168.1.24"
    assert found["disk"] == "412 GB free"


def test_until_it_is_known_the_card_says_so(qtbot: QtBot) -> None:
    card = MachineCard()
    qtbot.addWidget(card)
    card.show()
    for unknown in (None, Capabilities()):
        card.show_capabilities(unknown)
        assert card._waiting.isVisible()
        assert not any(fact.isVisible() for fact in card._facts.values())
    card.show_capabilities(CAPABILITIES)
    assert not card._waiting.isVisible()
    assert card._facts["gpu"].value.accessibleName() == "Graphics: GeForce RTX 3060 · 12 GB"
