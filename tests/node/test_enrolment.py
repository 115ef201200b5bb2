"""What a volunteer pastes, and what is said when it does not work."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.enrolment import as_user_facing, at_configured_address, parse_invitation
from node.program.errors import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE
from node.wire.invites import InviteLink, make_invite
from node.wire.problems import Problem
from tests.support.node_values import MEMBERSHIP, SECOND

INVITE = make_invite(b"0123456789", Ed25519PrivateKey.from_private_bytes(b"m" * 32).public_key().public_bytes_raw())


def test_a_link_or_a_code_with_an_address_will_do() -> None:
    link = InviteLink("https://mesh.example.org", INVITE)
    assert parse_invitation(link.url, "") == link
    assert parse_invitation(INVITE.code.lower(), "https://mesh.example.org/") == link


@pytest.mark.parametrize(
    ("text", "coordinator"),
    [("", "http://c"), ("RMA-", "http://c"), ("hello", "http://c"), ("https://mesh.example.org", "http://c"),
     (INVITE.code[:-3], "http://c"), (INVITE.code, ""), (INVITE.code, "ftp://c"), ("x" * 5000, "http://c")],
)  # fmt: skip
def test_anything_else_is_refused_in_plain_words(text: str, coordinator: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_invitation(text, coordinator)
    assert caught.value.kind == "invite-invalid"
    assert caught.value.detail.endswith(".")


@pytest.mark.parametrize(("text", "reason"), [("hello", "not an invite code"), (INVITE.code, "its coordinator")])
def test_what_is_wrong_with_an_invite_is_said_first(text: str, reason: str) -> None:
    with pytest.raises(Problem, match=reason):
        parse_invitation(text, "")


def test_exit_codes_tell_scripts_what_went_wrong() -> None:
    assert as_user_facing(Problem("no-coordinator", "x")).exit_code == EXIT_UNREACHABLE
    assert as_user_facing(Problem("invite-invalid", "x")).exit_code == EXIT_REFUSED
    assert as_user_facing(Problem("invite-invalid", "x", status=422)).exit_code == EXIT_USAGE


def test_a_coordinator_that_moved_is_found_at_its_configured_address() -> None:
    moved = at_configured_address(MEMBERSHIP, ("https://new.example.org/",))
    assert [info.url for info in moved.coordinators] == ["https://new.example.org", SECOND.url]
    assert moved.coordinators[0].id == "c1"
    assert at_configured_address(MEMBERSHIP, ()) == MEMBERSHIP
