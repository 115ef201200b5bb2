"""Gets this machine into a mesh: from what a volunteer pasted to a membership that the mesh has signed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
import msgspec

from node import coordinator_client
from node.coordinator_client import CoordinatorError
from node.joining import LATER, is_for_now
from node.program.errors import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, UserFacingError
from node.reachability.failures import Failure
from node.reachability.trouble import password_hint
from node.state import Membership
from node.wire.encoding import b64encode
from node.wire.invites import InviteError, InviteLink, parse_code, parse_coordinator_url, parse_link
from node.wire.messages import Capabilities, EnrollAnswer, EnrollRequest
from node.wire.problems import TITLES, Problem

# What a coordinator answers -> what we tell whoever asked. Any other refusal is passed on as it is.
KINDS = {"": "no-coordinator", "wrong-mesh": "invite-invalid", "bad-answer": "no-coordinator"}
ADVICE: Mapping[Failure | None, str] = {
    "proxy-refuses": "Ask whoever runs this network to allow that address.",
    "proxy-unreachable": "If you are in another network now, take the proxy out of this computer's settings; else"
    " ask whoever runs it.",
    "certificate": "Open any web page, to see whether the network wants a login; else ask whoever runs it.",
    "certificate-time": "Set this computer's date and time. If they are right, tell whoever invited you.",
    "name-unknown": "Some networks hide names on purpose: ask whoever runs this one, or try again later.",
    "no-name-service": "See whether a web page opens, and try again later.",
    "no-network": "Plug the cable in, or join a wireless network.",
    "refused": "It may be restarting: try again in a moment. If it stays so, compare the address with the invite.",
}
PAUSES = (0.5, 1.0)  # seconds until a coordinator that gave no answer is asked once more: lines lose packets


def parse_invitation(text: str, coordinator: str) -> InviteLink:
    """Accept a link, or a code with a coordinator's URL; raise an `invite-invalid` Problem."""
    try:
        if "://" in text:
            return parse_link(text)
        invite = parse_code(text)
        if not coordinator:
            raise InviteError("An invite code needs the address of its coordinator. A link has it in it.")
        return InviteLink(parse_coordinator_url(coordinator), invite)
    except InviteError as error:
        raise Problem("invite-invalid", str(error), status=422) from None


async def enrol(
    http: aiohttp.ClientSession,
    link: InviteLink,
    *,
    name: str,
    public_key: bytes,
    wish: str,
    capabilities: Capabilities,
    now: float,
    nebula_public_key: bytes = b"",
) -> tuple[Membership, EnrollAnswer]:
    """Ask the coordinator to let us in; raise a Problem whose detail a volunteer understands."""
    request = EnrollRequest(
        invite=link.invite.code,
        name=name,
        identity_public_key=b64encode(public_key),
        nebula_public_key=b64encode(nebula_public_key),
        worker_id=wish or None,
        capabilities=capabilities,
    )
    for pause in (*PAUSES, None):
        try:
            return await coordinator_client.enroll(http, link.coordinator, request, link.invite, now)
        except CoordinatorError as error:
            # Asking again is safe: who is enrolled with this key already gets the same answer and uses up nothing.
            if error.kind or pause is None:
                raise _problem(link, error) from None
            await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _problem(link: InviteLink, error: CoordinatorError) -> Problem:
    kind = KINDS.get(error.kind, error.kind)
    if kind == "no-coordinator":
        text = f"The coordinator at {link.coordinator} cannot be used. {error}"
        return Problem(kind, f"{text} {_advice(link.coordinator, error.failure)}")
    text = f"The coordinator did not let this machine in: {error}"
    if error.status in LATER:
        text = f"The coordinator lets nobody in for the moment: {error}"
        kind = kind if kind in TITLES else "overloaded"
        return Problem(kind, text, status=error.status, cause=error.kind or kind, retry_after=error.retry_after)
    return Problem(kind if kind in TITLES else "invalid-request", text, cause=error.kind or kind)


def _advice(url: str, failure: Failure | None) -> str:
    """Say what to do where no coordinator answered; the doctor, who says more, has nobody to look at yet."""
    if failure == "proxy-password":
        return password_hint(url)
    return ADVICE.get(failure, "Check the address, or try again later.")


def as_user_facing(problem: Problem) -> UserFacingError:
    """Turn a failed enrolment into what the command line prints, with its exit code."""
    if problem.kind == "no-coordinator":
        hint = "Then start this node again with the same invite: it still works."
        return UserFacingError("This machine could not join the mesh.", problem.detail, hint, EXIT_UNREACHABLE)
    if is_for_now(problem):
        hint = "Start this node again later with the same invite: it still works."
        return UserFacingError("This machine could not join the mesh yet.", problem.detail, hint, EXIT_UNREACHABLE)
    if problem.status == 422:
        hint = "Give the invite link as it was sent to you, or its code with --coordinator URL."
        return UserFacingError("This machine could not join the mesh.", problem.detail, hint, EXIT_USAGE)
    hint = "Ask the operator for a new invite."
    if "clock" in problem.detail:  # who has enrolled already, for the coordinator, uses up nothing by asking again
        hint = "Set this computer's date and time, then start this node again with the same invite."
    return UserFacingError("This machine could not join the mesh.", problem.detail, hint, EXIT_REFUSED)


def at_configured_address(membership: Membership, urls: tuple[str, ...]) -> Membership:
    """Use the address that the volunteer set, first: it is where a known coordinator is, or the first has moved."""
    if not urls or not membership.coordinators:
        return membership
    url = urls[0].rstrip("/")
    first, *others = sorted(membership.coordinators, key=lambda info: info.url != url)
    moved = msgspec.structs.replace(first, url=url)
    return msgspec.structs.replace(membership, coordinators=(moved, *others))
