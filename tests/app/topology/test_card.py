"""All about one computer: what is said of whom, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.topology.card import MemberCard
from app.topology.scene import compose
from node.mesh_view.values import MeshLink, MeshView, MeshWorker
from tests.support import meshes
from tests.support.meshes import COORD, LONG_NAME, OWN
from tests.support.samples import NOW


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[MemberCard]:
    made = MemberCard()
    made.resize(420, 400)
    yield made
    made.close()
    made.deleteLater()


def facts(card: MemberCard) -> dict[str, str]:
    return {name.text(): value.text() for name, value in card._facts._lines if not value.isHidden()}


def shown(card: MemberCard, view: MeshView, name: str | None) -> dict[str, str]:
    card.draw(compose(view), name, NOW)
    return facts(card)


WORKER = MeshWorker(
    id="w-1",
    type="gpu",
    coordinator=COORD,
    services=("ocr", "ner"),
    status="active",
    load=0.5,
    in_flight=1,
    last_seen=NOW - 30,
    route="relay",
    trying="vpn",
    rtt_ms=64.0,
)
VIEW = MeshView(
    own_id=OWN,
    workers=(meshes.own(), WORKER),
    coordinators=meshes.mesh(2).coordinators,
    links=(MeshLink(source=OWN, target="w-1", route="relay", rate=2.5),),
)


def test_of_a_worker_everything_is_said(card: MemberCard) -> None:
    found = shown(card, VIEW, "w-1")
    assert found == {
        "Kind": "Computer",
        "Suited for": "AI models, on its graphics card",
        "Services": "ocr, ner",
        "Load": "50 %",
        "Working on": "1 request",
        "Coordinator": "c-main",
        "Way": "Relayed",
        "Why this way": "No connection from here to there opens, so a coordinator passes requests on.",
        "Better way": "The private network is being tried.",
        "Round trip": "64 ms",
        "Requests from here": "2.5 per second",
        "Last seen": "30 s ago",
    }
    assert not card.isHidden()
    assert "w-1" in card.accessibleName()


def test_of_this_computer_no_way_to_itself(card: MemberCard) -> None:
    found = shown(card, VIEW, OWN)
    assert found["Kind"] == "This computer"
    assert found["Known to others as"] == OWN
    assert not {"Way", "Why this way", "Round trip"} & found.keys()


def test_of_a_coordinator_its_address_and_that_it_is_ours(card: MemberCard) -> None:
    found = shown(card, VIEW, COORD)
    assert found["Address"] == "https://mesh.debtadvice.example"
    assert found["Looks after"] == "2 computers"
    assert "talks to" in found["This computer"]
    other = msgspec.structs.replace(VIEW.coordinators[0], id="c-9", ours=False)
    found = shown(card, msgspec.structs.replace(VIEW, coordinators=(other,)), "c-9")
    assert "This computer" not in found


def test_nobody_or_one_who_has_gone_is_not_shown(card: MemberCard) -> None:
    shown(card, VIEW, "w-1")
    for name in (None, "gone"):
        card.draw(compose(VIEW), name, NOW)
        assert card.isHidden()


def test_what_others_named_themselves_is_no_markup_and_long_names_are_cut(card: MemberCard, qtbot: QtBot) -> None:
    own = msgspec.structs.replace(meshes.own(), name="<b>" + LONG_NAME)
    shown(card, msgspec.structs.replace(VIEW, workers=(own,)), OWN)
    card.show()
    assert card._title.text().startswith("<b>")
    assert card._title.textFormat().name == "PlainText"
    assert card.minimumSizeHint().width() < 420


def test_its_buttons_tell(card: MemberCard, qtbot: QtBot) -> None:
    shown(card, VIEW, "w-1")
    with qtbot.waitSignal(card.centre_wanted) as heard:
        card.centre.click()
    assert heard.args == ["w-1"]
    with qtbot.waitSignal(card.closed):
        card.close_button.click()
