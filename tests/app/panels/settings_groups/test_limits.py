"""Caps: each with what the machine has beside it; switched off is without a limit, on is half of what there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.panels.settings_groups.limits import LimitsCard, at_first, kept
from app.panels.settings_groups.row import Status
from node.rules.caps import CapReport
from node.rules.settings import Caps, Rules
from node.wire.messages import Capabilities
from tests.support.settings import Asked, facts

GB, MB = 2**30, 2**20
OFF = Rules(caps=Caps(cpu_percent=None))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def card(qtbot: QtBot, asked: Asked) -> Iterator[LimitsCard]:
    made = LimitsCard(asked)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_every_cap_of_the_rules_has_a_row(card: LimitsCard) -> None:
    assert {"cpu_percent", *card.rows} == set(Caps.__struct_fields__)
    assert len({card._names()[name] for name in Caps.__struct_fields__}) == len(Caps.__struct_fields__)


def test_switched_on_is_half_of_what_there_is(card: LimitsCard, asked: Asked) -> None:
    card.draw(facts(OFF))
    card.cpu.switch.click()
    for row, _ in card.rows.values():
        row.switch.click()
    assert asked.changes == [
        {"caps": {"cpu_percent": 80}},
        {"caps": {"ram_bytes": 16 * GB}},
        {"caps": {"gpu_memory_bytes": 6 * GB}},
        {"caps": {"disk_bytes": 206 * GB}},
        {"caps": {"upload_bytes_per_second": 2 * MB}},
        {"caps": {"download_bytes_per_second": 2 * MB}},
    ]


def test_values_and_bounds_are_shown(card: LimitsCard, asked: Asked) -> None:
    card.draw(facts(Rules(caps=Caps(ram_bytes=8 * GB, upload_bytes_per_second=3 * MB))))
    texts = {name: size.text() for name, (_, size) in card.rows.items()}
    assert (texts["ram_bytes"], texts["upload_bytes_per_second"]) == ("8.0 GB", "3.0 MB/s")
    assert card._of["ram_bytes"].text() == "of 32 GB"
    assert card._of["disk_bytes"].text() == "of 412 GB that are free"
    assert not card._of["upload_bytes_per_second"].isVisible()
    assert card.cores.text() == "of all cores (8)"
    row, size = card.rows["ram_bytes"]
    size.stepUp()
    row.switch.click()
    card.percent.stepDown()
    assert asked.changes == [
        {"caps": {"ram_bytes": 8 * GB + GB // 2}},
        {"caps": {"ram_bytes": None}},
        {"caps": {"cpu_percent": 75}},
    ]


def test_a_machine_that_is_not_known_yet_has_no_bounds(card: LimitsCard) -> None:
    card.draw(facts(OFF, capabilities=Capabilities()))
    assert not any(bound.isVisible() for bound in card._of.values())
    assert card.cores.text() == ""
    assert at_first("ram_bytes", 0) == 4 * GB
    assert at_first("ram_bytes", GB) == GB // 2


def test_how_a_cap_is_kept_here_stands_beside_it(card: LimitsCard) -> None:
    rules = Rules(caps=Caps(cpu_percent=50, ram_bytes=8 * GB, disk_bytes=9 * GB))
    told = (
        CapReport(name="cpu", wanted=50, how="By a control group.", enforced=True),
        CapReport(name="ram", wanted=8 * GB, how="By watching.", enforced=False, why_not="It may be more."),
        CapReport(
            name="disk", wanted=9 * GB, how="Measured.", enforced=True, watched=True, takes_hold="next-start"
        ),
    )
    shown = facts(rules, caps=told)
    card.draw(shown)
    assert card.cpu.status.text == "Kept. By a control group."
    assert kept(shown, "cpu_percent", 50) == Status(card.cpu.status.text, "good")
    ram = card.rows["ram_bytes"][0].status.text
    assert ram == "Cannot be kept here. By watching. It may be more."
    assert kept(shown, "ram_bytes", 8 * GB) == Status(ram, "warn")
    disk = card.rows["disk_bytes"][0].status.text
    assert disk == "Only watched. Measured. A change reaches services that run when they start next."
    assert kept(shown, "disk_bytes", 9 * GB) == Status(disk, "good")
    assert not card.rows["upload_bytes_per_second"][0].status.isVisible()
    card.draw(facts(Rules(caps=Caps(cpu_percent=60)), caps=told))
    assert card.cpu.status.text == "", "that was told of another value"
    card.draw(facts(rules, caps=told, live=False))
    assert card.cpu.status.text == ""
