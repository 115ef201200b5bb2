"""Gauges of a computer: what they say, with several GPUs, with none and those that do not tell, and when old."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.panels.live import LiveCard, highest, line_of
from app.vitals_model import Sight
from node.vitals.values import Gauges, GpuGauge
from node.wire.messages import Capabilities
from tests.support import vitals
from tests.support.samples import CAPABILITIES, NOW


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[LiveCard]:
    made = LiveCard()
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    yield made


def test_every_gauge_has_its_value_in_words(card: LiveCard) -> None:
    card.draw(vitals.sight(), CAPABILITIES, NOW)
    (gpu,) = card.gpus
    assert [gauge.accessibleName() for gauge in (card.cpu, card.memory, gpu, card.disk, card.network)] == [
        "Processor: 34 %. 12 % by the mesh's services",
        "Memory: 11 GB of 32 GB. 1.0 GB by the mesh's services",
        "GPU: GeForce RTX 3060: 82 %. 9.0 GB of 12 GB · 61 °C · 142 W",
        "Disk: 412 GB free. Reads 1.1 MB/s, writes 332 kB/s",
        "Network: 2.4 MB/s received. ↑ 400 kB/s sent",
    ]
    assert not card._when.isVisible()


def test_before_the_first_look_nothing_is_claimed(card: LiveCard) -> None:
    card.draw(Sight(lost=True), CAPABILITIES, NOW)
    assert card.cpu.accessibleName() == "Processor: –"
    assert card.gpus[0].accessibleName() == "GPU: GeForce RTX 3060: –"
    assert not card._when.isVisible(), "there is nothing that could be old"


def test_the_first_look_tells_no_rates_yet(card: LiveCard) -> None:
    first = msgspec.structs.replace(
        vitals.GAUGES, cpu=None, cpu_ours=None, disk_read_per_second=None, disk_written_per_second=None,
        received_per_second=None, sent_per_second=None,
    )  # fmt: skip
    card.draw(vitals.sight(first), CAPABILITIES, NOW)
    assert card.cpu.accessibleName() == "Processor: –"
    assert card.disk.accessibleName() == "Disk: 412 GB free"


def test_several_gpus_come_and_go_and_those_that_do_not_tell_are_there(card: LiveCard) -> None:
    two = msgspec.structs.replace(vitals.GAUGES, gpus=(vitals.GPU, GpuGauge(name="B", busy=None)))
    card.draw(vitals.sight(two), Capabilities(), NOW)
    assert [gpu.accessibleName().partition(". ")[0] for gpu in card.gpus] == [
        "GPU 1: GeForce RTX 3060: 82 %",
        "GPU 2: B: –",
    ]
    card.draw(vitals.sight(msgspec.structs.replace(two, gpus=())), CAPABILITIES, NOW)
    assert [gpu.accessibleName() for gpu in card.gpus] == [
        "GPU: GeForce RTX 3060: –. Its driver does not tell how busy it is."
    ]
    card.draw(vitals.sight(msgspec.structs.replace(two, gpus=())), Capabilities(), NOW)
    assert card.gpus == []


def test_what_is_old_is_marked_with_its_time(card: LiveCard) -> None:
    card.draw(vitals.sight(lost=True), CAPABILITIES, NOW)
    assert card._when.isVisible()
    assert card._when.text().startswith("As of ")
    assert card.cpu._value.property("tone") == "quiet"
    card.draw(vitals.sight(), CAPABILITIES, NOW)
    assert card.cpu._value.property("tone") == ""


def test_a_line_is_the_last_minute_as_shares_of_the_most() -> None:
    looks = tuple((1000.0 + n, Gauges(received_per_second=n * 1e6)) for n in (0, 30, 60))
    sight = Sight(history=looks)
    most = highest(sight, lambda one: one.received_per_second)
    assert most == 60e6
    assert line_of(sight, lambda one: one.received_per_second, most) == ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0))
    assert line_of(sight, lambda one: one.cpu) == ()
    assert highest(Sight(), lambda one: one.cpu) > 0
