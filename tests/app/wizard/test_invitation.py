"""An invite is found in whatever was pasted; what is lacking, or cannot be one, is said at once."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intents import EnrolmentWish
from app.wizard.invitation import (
    Draft,
    Found,
    clean_name,
    find_invite,
    fingerprint_text,
    read_draft,
    travels_openly,
)
from node.wire.invites import InviteLink, make_invite

INVITE = make_invite(bytes(10), bytes(32))
CODE = INVITE.code
LINK = InviteLink("https://mesh.example.org", INVITE).url


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        f"  {LINK}\r\n",
        f"Dear volunteer,\nplease open <{LINK}> on your computer.\nThank you!",
        f'<a href="{LINK.replace("&", "&amp;")}">Join</a>',
        f"Here it is: {LINK}.",
        f"({LINK})",
        f"\u200b{LINK[:20]}\u00ad{LINK[20:]}\ufeff",
        f"rma-mesh://enroll?coordinator=broken and then {LINK}",
        f"code {CODE} or the link {LINK}",
    ],
)
def test_a_link_is_found_wherever_it_stands(text: str) -> None:
    found = find_invite(text)
    assert found is not None
    assert read_draft(found.invite, "").link == InviteLink("https://mesh.example.org", INVITE)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (CODE, ""),
        (CODE.lower().replace("-", " "), ""),
        (f"Your code: {CODE}.", ""),
        (f"Coordinator: https://mesh.example.org/, code:\n{CODE}\nBye", "https://mesh.example.org"),
        (f"See https://mesh.example.org?x=1 and http://10.0.0.1:8080. {CODE}", "http://10.0.0.1:8080"),
        (CODE.replace("-", "-\n", 3), ""),
    ],
)
def test_a_code_is_found_with_the_address_beside_it(text: str, address: str) -> None:
    found = find_invite(text)
    assert found is not None
    assert found.address == address
    assert read_draft(found.invite, "https://mesh.example.org").link == InviteLink(
        "https://mesh.example.org", INVITE
    )


@pytest.mark.parametrize(
    "text", ["", "hello", "RMA-", CODE[:-2], LINK[:-3], "rma-mesh://enroll?", CODE.replace("A", "B")]
)
def test_what_is_not_whole_is_not_an_invite(text: str) -> None:
    assert find_invite(text) is None


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    found = find_invite(text)
    assert found is None or isinstance(found, Found)
    assert isinstance(read_draft(text, text), Draft)


def test_a_flood_of_text_is_cut_and_costs_little() -> None:
    began = time.process_time()
    for flood in (
        "RMA" + " -" * 500_000,
        "rma-mesh://enroll?" + "x" * 1_000_000,
        "RMA-" * 200_000,
        "&amp;" * 200_000,
    ):
        assert find_invite(flood) is None
    assert time.process_time() - began < 20
    assert find_invite(" " * 70_000 + LINK) is None


@pytest.mark.parametrize(
    ("invite", "address", "says"),
    [
        ("hello", "", "a code starts with RMA-"),
        (CODE[:-3], "", "not complete"),
        (CODE.replace("RMA-A", "RMA-B"), "", "copy it again"),
        ("rma-mesh://else?x=1", "", "not an invite link"),
        ("rma-mesh://enroll?coordinator=ftp://x&invite=RMA-1", "", "not a coordinator's address"),
        (CODE, "mesh", "not a coordinator's address"),
    ],
)
def test_what_cannot_be_an_invite_is_said(invite: str, address: str, says: str) -> None:
    draft = read_draft(invite, address)
    assert says in draft.problem
    assert draft.link is None
    assert draft.wish("x") is None


def test_a_code_asks_for_its_coordinator() -> None:
    assert read_draft(CODE, " ") == Draft(needs_address=True)
    assert read_draft(CODE, "https://mesh.example.org/").needs_address


def test_nothing_typed_is_no_problem() -> None:
    assert read_draft("  ", "") == read_draft("", "x") == Draft()


def test_a_name_is_made_tidy() -> None:
    assert clean_name("  Reception   PC ") == "Reception PC"
    assert len(clean_name("x" * 500)) == 64
    assert read_draft(LINK, "").wish(" A  B ") == EnrolmentWish("https://mesh.example.org", CODE, "A B")


@pytest.mark.parametrize(
    ("url", "openly"),
    [
        ("http://mesh.example", True),
        ("http://192.168.1.5:8080", True),
        ("http://localhost.example", True),
        ("https://mesh.example", False),
        ("http://127.0.0.1:8080", False),
        ("http://127.9.9.9", False),
        ("http://localhost:8080", False),
        ("http://[::1]:1", False),
    ],
)
def test_a_way_that_others_can_read_is_known(url: str, openly: bool) -> None:
    assert travels_openly(url) == openly


def test_a_fingerprint_can_be_read_aloud() -> None:
    text = fingerprint_text(InviteLink("https://mesh.example.org", INVITE))
    assert text.replace(" ", "") == INVITE.mesh_fingerprint.hex()
    assert len(text.split()) == 8
