"""Turns a valid invite into an enrolled worker, once: a retry of the same machine gets the same answer for free."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.credentials import CredentialOffice
from coordinator_server.enrolment.invites import InviteRecord, Invites, WrongInvite
from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.enrolment.overlay import Overlay, read_member_key
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.keys import ID_PREFIX
from coordinator_server.store.interface import Write
from node.wire.credentials import PLACE_BYTES
from node.wire.encoding import b64decode
from node.wire.invites import InviteError, parse_code
from node.wire.messages import EnrollRequest
from node.wire.problems import Problem

KEY_BYTES = 32
SLUG_CHARACTERS = 40
ADMIT_TRIES = 200
BACK_IN = 10  # seconds after which to ask again whoever cannot be written down now
JUST_NOW = 60.0  # seconds between two credentials of which the second needs no note of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Enroller:
    """Decides about one request to be let in after the other."""

    invites: Invites
    workers: Workers
    office: CredentialOffice
    lockout: Lockout
    audit: Audit
    clock: Callable[[], float]
    overlay: Overlay | None = None
    store_in_doubt: Callable[[], bool] = lambda: False
    require_approval: bool = False  # the operator lets each machine in, beside its invite
    # Spares us most of the tries below; that nobody gets in twice is the store's doing.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def enrol(self, request: EnrollRequest, address: str) -> tuple[Enrolment, str]:
        """Return the machine's enrolment and a fresh credential; raise a Problem saying why it is not let in."""
        try:
            self._check(request, address)
            async with self.turn:
                self._check(request, address)  # again: many may come at once, and wait here together
                enrolment = await self._admit(request, address)
        except Problem as problem:
            await self._refused(request, problem, address)
            raise
        return enrolment, await self.renewed(enrolment)

    def credential(self, enrolment: Enrolment) -> str:
        """Issue a credential for an enrolled machine."""
        return self.office.issue(
            enrolment.worker_id,
            "applicant" if enrolment.pending else "worker",
            b64decode(enrolment.identity_public_key),
            enrolment.trust,
            self.clock(),
            place=enrolment.place,
        )

    async def renewed(self, enrolment: Enrolment) -> str:
        """Issue a credential, and keep until when it counts: a rotation of the mesh's key waits as long."""
        until = self.clock() + self.office.life
        for _ in range(ADMIT_TRIES):
            current = self.workers.get(enrolment.worker_id)
            if current is None or current.revoked:
                raise Problem("forbidden", f"{enrolment.worker_id} was put out of the mesh.")
            after = msgspec.structs.replace(current, credential_until=until)
            if current.credential_until >= until - JUST_NOW or await self.workers.replace(current, after, None):
                return self.credential(current)
        raise Problem("overloaded", f"{enrolment.worker_id} is being changed by others all the time.")

    async def _admit(self, request: EnrollRequest, address: str) -> Enrolment:
        _check_identity(request.identity_public_key)
        if request.nebula_public_key:
            read_member_key(request.nebula_public_key)
        for _ in range(ADMIT_TRIES):
            try:
                record, version = await self.invites.find(parse_code(request.invite))
            except InviteError as error:
                raise WrongInvite(str(error)) from None
            known = self._known(request, record)
            if known is not None:
                return known
            spent = self.invites.spend(record, version)
            self._check_store()
            enrolment, also = await self._placed(self._new_enrolment(request, record, address), request)
            waits = "to be approved, " if enrolment.pending else ""
            line = self.audit.line(
                "enrolled",
                actor="anonymous",
                subject=enrolment.worker_id,
                detail=f"invite {record.id}, {record.trust}, {waits}{request.name}",
                address=address,
            )
            if await self.workers.admit(enrolment, spent, line, also):
                return enrolment
        raise Problem("overloaded", "Too many machines enrol at this moment. Please try again.")

    def _check(self, request: EnrollRequest, address: str) -> None:
        """Refuse at once, without a look into the store, whom nobody can let in now."""
        self._check_lockout(address)
        if self.workers.by_identity(request.identity_public_key) is None:
            self._check_store()

    def _check_store(self) -> None:
        """Say at once what the store would say after seconds, for each who asks."""
        if self.store_in_doubt():
            text = "Most members of the store do not answer, so nobody can be let in now. It goes on when they do."
            raise Problem("store-unavailable", text, headers={"Retry-After": str(BACK_IN)})

    async def _placed(self, enrolment: Enrolment, request: EnrollRequest) -> tuple[Enrolment, Sequence[Write]]:
        """Give a new worker its place in the overlay, if there is one, with the writes that this takes."""
        if self.overlay is None or enrolment.pending:
            return enrolment, ()
        return await self.overlay.admit(enrolment, request.nebula_public_key)

    def _known(self, request: EnrollRequest, record: InviteRecord) -> Enrolment | None:
        """Return the enrolment that this machine has already: its answer may have been lost on the way.

        Whoever shows another machine's public key gains nothing: the credential is of use to the key's holder only,
        and nothing about the enrolment changes. A key that was revoked does not come back with the same invite.
        """
        known = self.workers.by_identity(request.identity_public_key)
        if known is not None:
            if record.id != known.invite_id:
                self.invites.spend(record, 0)  # only to hear whether it is still good
            return known
        for other in self.workers:
            same_key = other.identity_public_key == request.identity_public_key
            if same_key and other.invite_id == record.id:
                raise Problem(
                    "invite-invalid", "This machine was put out of the mesh. Please ask for a new invite."
                )
        return None

    def _new_enrolment(self, request: EnrollRequest, record: InviteRecord, address: str) -> Enrolment:
        return Enrolment(
            worker_id=self._free_id(request),
            name=request.name,
            identity_public_key=request.identity_public_key,
            invite_id=record.id,
            trust=record.trust,
            services=record.services,
            enrolled_at=self.clock(),
            address=address,
            place=secrets.token_bytes(PLACE_BYTES),
            credential_until=self.clock() + self.office.life,
            pending=self.require_approval,
        )

    def _free_id(self, request: EnrollRequest) -> str:
        wish = request.worker_id
        if wish is not None and not _is_reserved(wish) and not self.workers.is_taken(wish):
            return wish
        start = "w" if wish is None else slugify(wish)  # ids are public: a machine's name is not in them
        found = f"{start}-{secrets.token_hex(5)}"
        while self.workers.is_taken(found):
            found = f"{start}-{secrets.token_hex(5)}"
        return found

    def _check_lockout(self, address: str) -> None:
        wait = self.lockout.retry_after(address, self.clock())
        if wait:
            raise Problem(
                "rate-limited",
                f"Too many wrong invites came from this address. Please wait {_minutes(wait)} and try again.",
                headers={"Retry-After": str(wait)},
            )

    async def _refused(self, request: EnrollRequest, problem: Problem, address: str) -> None:
        """Count guesses (an invite that is spent or expired was no guess) and keep a line."""
        if isinstance(problem, WrongInvite):
            self.lockout.wrong(address, self.clock())
        if problem.status < 500:
            line = self.audit.line(
                "enrolment-refused",
                actor="anonymous",
                subject=request.name,
                detail=problem.detail,
                address=address,
                outcome="refused",
            )
            await self.audit.refusal(line)


def slugify(wish: str) -> str:
    """Return the start of a worker id that reads like the wished one, which is taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", wish.lower()).strip("-")[:SLUG_CHARACTERS].strip("-") or "worker"
    return f"worker-{slug}" if _is_reserved(slug) else slug


def _is_reserved(worker_id: str) -> bool:
    """Say whether this could be a coordinator's id: a token for the one must never be good for the other."""
    return f"{worker_id.lower()}-".startswith(ID_PREFIX)


def _check_identity(text: str) -> None:
    try:
        good = len(b64decode(text)) == KEY_BYTES
    except ValueError:
        good = False
    if not good:
        field = "identity_public_key"
        raise Problem("invalid-body", f"{field}: it is not base64url of {KEY_BYTES} bytes", field=field)


def _minutes(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
