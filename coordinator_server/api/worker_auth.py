"""Who a worker's request is from: enrolled, not revoked, and speaking for nobody but itself."""

from __future__ import annotations

import contextlib

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.once_only import OnceOnly
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.channel.line import Proof
from coordinator_server.enrolment.renewal import check_signed_by, claimed_subject, issued_at
from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.operation.clocks import steady_seconds
from coordinator_server.store.interface import StoreError, check_sure
from node.wire import headers
from node.wire.credentials import CLOCK_SKEW, Credential
from node.wire.encoding import b64decode
from node.wire.problems import Problem
from node.wire.signed_requests import What, is_signed
from node.wire.tokens import TokenError

CHALLENGE = {"WWW-Authenticate": "Bearer"}
WAITING = 3600.0  # seconds for which who waits to be let in may hold a channel
ONCE_ONLY = web.AppKey("once_only", OnceOnly)


async def authenticate(
    request: web.Request, *, expired_is_fine: bool = False, waiting_is_fine: bool = False
) -> Enrolment:
    """Return the enrolment of whoever signed the request; raise 401 or 403, and keep a line about it.

    With `waiting_is_fine` it may be a machine that the operator has not let in yet.
    """
    return (await _authenticate(request, expired_is_fine, waiting_is_fine))[0]


async def authenticate_for_long(request: web.Request) -> tuple[Enrolment, Proof]:
    """Return also what was proved and until when, for what goes on after the request.

    It may be a machine that waits to be let in.
    """
    enrolment, credential = await _authenticate(request, False, True)
    now = request.app[COORDINATOR].clock()
    apart = now - steady_seconds()
    if credential is None:
        return enrolment, Proof(now + WAITING, enrolment.identity_public_key, apart=apart)
    ends = credential.expires_at + CLOCK_SKEW
    return enrolment, Proof(ends, enrolment.identity_public_key, credential.mesh_id, apart)


def identify_for_long(coordinator: Coordinator, authorization: str) -> tuple[Enrolment, float]:
    """Return the same for what a request's Authorization says; raise 401 or 403, of which nobody keeps a line."""
    enrolment, credential = _identify(coordinator, _bearer_in(authorization), False, False)
    assert credential is not None
    return enrolment, credential.expires_at + CLOCK_SKEW


async def _authenticate(
    request: web.Request, expired_is_fine: bool, waiting_is_fine: bool
) -> tuple[Enrolment, Credential | None]:
    coordinator = request.app[COORDINATOR]
    try:
        await _know(coordinator, _bearer(request))
        return _identify(coordinator, _bearer(request), expired_is_fine, waiting_is_fine)
    except StoreError:
        raise  # nobody was refused
    except Problem as problem:
        await _refused(request, "worker-refused", "", problem)
        raise


async def authenticate_member(request: web.Request) -> str:
    """Return the id of the worker, or of the other coordinator, that signed the request; raise 401 or 403."""
    with contextlib.suppress(Problem, TokenError):
        credential = request.app[COORDINATOR].token_verifier.verify(_bearer(request))
        if credential.role == "coordinator":
            return credential.subject
    return (await authenticate(request)).worker_id


async def check_speaks_for_itself(request: web.Request, enrolment: Enrolment, worker_id: str) -> None:
    """Raise 403 when a worker acts for another one."""
    if worker_id == enrolment.worker_id:
        return
    problem = Problem("forbidden", f"This token is {enrolment.worker_id}'s: it cannot act for {worker_id}.")
    await _refused(request, "acted-for-another", enrolment.worker_id, problem)
    raise problem


async def check_signed_whole(request: web.Request, enrolment: Enrolment, what: What) -> None:
    """Raise 401 unless the worker's own key has signed this very request, and it comes for the first time.

    An overheard token is enough for neither, nor is the whole request, sent again from another address.
    """
    signature, public_key = request.headers.get(headers.SIGNATURE, ""), b64decode(enrolment.identity_public_key)
    signed = is_signed(signature, public_key, what, _bearer(request), await request.read())
    why = "does not fit"
    if signed:
        nonce = signature.partition(".")[0]  # the rest can be spelled in several ways
        why = request.app[ONCE_ONLY].refusal(
            enrolment.worker_id, nonce, issued_at(_bearer(request)), request.app[COORDINATOR].clock()
        )
        if not why:
            return
    text = f"A worker signs this whole request with its own key: {headers.SIGNATURE} {why}."
    problem = Problem("unauthorized", text, headers=CHALLENGE)
    await _refused(request, "worker-refused", enrolment.worker_id, problem)
    raise problem


def _bearer(request: web.Request) -> str:
    return _bearer_in(request.headers.get("Authorization", ""))


def _bearer_in(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(
            "unauthorized", "A worker signs its requests: Authorization: Bearer TOKEN.", headers=CHALLENGE
        )
    return token.strip()


async def _know(coordinator: Coordinator, token: str) -> None:
    """Look in the store for a worker that is new to us: another coordinator may have let it in.

    Raise StoreError where that cannot be known now.
    """
    with contextlib.suppress(TokenError):
        subject = claimed_subject(token)
        if subject in coordinator.workers or coordinator.token_verifier.verify(token).subject != subject:
            return
        if await coordinator.workers.refresh(subject) is None:
            check_sure(coordinator.store)


def _identify(
    coordinator: Coordinator, token: str, expired_is_fine: bool, waiting_is_fine: bool
) -> tuple[Enrolment, Credential | None]:
    try:
        subject = claimed_subject(token)
        enrolment = coordinator.workers.get(subject)
        by_key = expired_is_fine or (enrolment is not None and enrolment.pending)
        credential = _prove(coordinator, token, subject, enrolment if by_key else None)
        if coordinator.workers.is_revoked(subject):
            raise Problem("forbidden", f"{subject} was put out of the mesh. Please ask its operator.")
        if enrolment is None:
            raise TokenError(f"{subject[:64]!r} is not enrolled here")
    except TokenError as error:
        raise Problem("unauthorized", f"The token is not accepted: {error}.", headers=CHALLENGE) from None
    if credential is not None and not _is_of(credential, enrolment):
        raise Problem("unauthorized", "The token is not accepted: it is another machine's.", headers=CHALLENGE)
    if enrolment.pending and not waiting_is_fine:
        raise Problem("approval-pending", f"{subject} waits for the operator's approval.")
    return enrolment, None if by_key else credential


def _prove(coordinator: Coordinator, token: str, subject: str, by_key: Enrolment | None) -> Credential | None:
    """Return the credential that proves who sends this, None where an enrolment's key does; else raise TokenError.

    Nothing is told before of that machine, and what is wrong is told in the same words, whether it is enrolled or
    not: strangers do not find out who is a member, and who was put out.
    """
    try:
        return coordinator.token_verifier.prove(token)
    except TokenError:
        with contextlib.suppress(TokenError):
            if by_key is not None:
                public_key = b64decode(by_key.identity_public_key)
                check_signed_by(token, public_key, subject, coordinator.coordinator_id, coordinator.clock())
                return None
        raise


def _is_of(credential: Credential, enrolment: Enrolment) -> bool:
    """Say whether this is the enrolled machine's own; a coordinator's is none."""
    return (
        credential.role == "worker"
        and credential.subject == enrolment.worker_id
        and credential.public_key == b64decode(enrolment.identity_public_key)
    )


async def _refused(request: web.Request, action: str, subject: str, problem: Problem) -> None:
    coordinator = request.app[COORDINATOR]
    actor = f"worker:{subject}" if subject else "anonymous"
    line = coordinator.audit.line(
        action,
        actor=actor,
        subject=subject,
        detail=problem.detail,
        address=client_address(request),
        outcome="refused",
    )
    await coordinator.audit.refusal(line)
