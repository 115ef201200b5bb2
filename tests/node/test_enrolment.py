"""What a volunteer pastes, and what is said when it does not work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import coordinator_client
from node.coordinator_client import CoordinatorError
from node.enrolment import as_user_facing, at_configured_address, enrol, parse_invitation
from node.joining import is_for_now
from node.program.errors import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE
from node.wire.invites import InviteLink, make_invite
from node.wire.problems import Problem
from tests.support.coordinators import PC, coordinator_room
from tests.support.http_proxy import SmallProxy, small_proxy
from tests.support.node_values import FIRST, MEMBERSHIP, SECOND

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
    for kind in ("rate-limited", "store-unavailable", "overloaded"):
        later = as_user_facing(Problem(kind, "x"))
        assert later.exit_code == EXIT_UNREACHABLE, "it says nothing about the invite"
        assert "it still works" in later.hint


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CoordinatorError("Full.", "store-unavailable", 503), ("store-unavailable", 503, True, None)),
        (CoordinatorError("Wait.", "rate-limited", 429, retry_after=7), ("rate-limited", 429, True, 7)),
        (CoordinatorError("New.", "of-a-newer-version", 503), ("overloaded", 503, True, None)),
        (CoordinatorError("New.", "of-a-newer-version", 418), ("invalid-request", 400, False, None)),
        (CoordinatorError("Spent.", "invite-invalid", 403), ("invite-invalid", 403, False, None)),
    ],
)
async def test_what_may_be_otherwise_later_is_told_apart_from_what_is_final(
    error: CoordinatorError, told: tuple[str, int, bool, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(coordinator_client, "enroll", refused)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Problem, match=str(error)) as caught:
            await enrol(
                http,
                InviteLink("http://c", INVITE),
                name="pc",
                public_key=b"k" * 32,
                wish="",
                capabilities=PC,
                now=0.0,
            )
    problem = caught.value
    assert (problem.kind, problem.status, is_for_now(problem), problem.extra.get("retry_after")) == told


async def test_who_is_behind_a_proxy_hears_how_to_give_it_a_password() -> None:
    link = InviteLink("http://mesh.example.org", INVITE)
    async with (
        small_proxy(SmallProxy(password="user:right")) as proxy,
        aiohttp.ClientSession(proxy=proxy.url("user:wrong")) as http,
    ):
        with pytest.raises(Problem, match="HTTP_PROXY=http://user:password@") as caught:
            await enrol(http, link, name="pc", public_key=b"k" * 32, wish="", capabilities=PC, now=0.0)
    told = as_user_facing(caught.value)
    assert "same invite" in told.hint, "it was not used up"
    assert "wrong" not in told.message


def test_who_has_a_wrong_clock_is_not_sent_for_another_invite() -> None:
    told = as_user_facing(Problem("invite-invalid", "credential is not valid yet: check this machine's clock"))
    assert "same invite" in told.hint


def test_a_coordinator_that_moved_is_found_at_its_configured_address() -> None:
    moved = at_configured_address(MEMBERSHIP, ("https://new.example.org/",))
    assert [info.url for info in moved.coordinators] == ["https://new.example.org", SECOND.url]
    assert moved.coordinators[0].id == "c1"
    assert at_configured_address(MEMBERSHIP, ()) == MEMBERSHIP
    other = at_configured_address(MEMBERSHIP, (SECOND.url,))
    assert other.coordinators == (SECOND, FIRST), "nobody has moved"


class LossyLine:
    """A way to a coordinator that loses the first answers; what was asked has arrived by then."""

    def __init__(self, url: str, losses: int) -> None:
        self._to = urlsplit(url)
        self.left = losses
        self.port = 0

    async def __aenter__(self) -> LossyLine:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        request = b""
        while not request.endswith(b"}"):
            request += await reader.read(65536)
        up_writer.write(request)
        answer = await up_reader.read(65536)
        self.left -= 1
        if self.left < 0:
            writer.write(answer)
            writer.write_eof()
            await reader.read()
        up_writer.close()
        writer.close()


async def test_an_answer_that_was_lost_is_asked_for_again_and_costs_no_second_use(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    async with coordinator_room(tmp_path) as room, LossyLine(room.url, 2) as line:
        link = parse_invitation(await room.invite(uses=1), f"http://127.0.0.1:{line.port}")
        async with aiohttp.ClientSession() as http:
            membership, _ = await enrol(
                http, link, name="Till 2", public_key=key, wish="pc", capabilities=PC, now=room.coordinator.clock()
            )
    assert line.left == -1
    assert membership.worker_id == "pc"
    assert membership.name == "Till 2", "or this computer would call itself something else than the others do"


async def test_a_coordinator_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, LossyLine(room.url, 99) as line:
        link = parse_invitation(await room.invite(uses=1), f"http://127.0.0.1:{line.port}")
        async with aiohttp.ClientSession() as http:
            with pytest.raises(Problem, match="try again later") as caught:
                await enrol(http, link, name="pc", public_key=b"k" * 32, wish="", capabilities=PC, now=0.0)
    assert caught.value.kind == "no-coordinator"
    assert line.left == 96
