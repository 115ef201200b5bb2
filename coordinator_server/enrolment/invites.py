"""Invites: how many machines may still come in, until when, as what, and for which services.

Only the hash of an invite's secret is kept. Uses are counted by compare-and-set, so that machines that enrol at the
same moment, at one coordinator or at several, never get in more often than the invite allows.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.store.interface import ABSENT, AuditLine, Store, Write, check_sure
from coordinator_server.store.unreadable import Unreadable
from node.wire.credentials import Trust
from node.wire.invites import SECRET_BYTES, Invite, make_invite
from node.wire.mesh_keys import MeshKeys
from node.wire.problems import Problem

PREFIX = "invite/"
ID_CHARACTERS = 12


class InviteRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One invite as it is stored; no services means all of them. Times are Unix seconds."""

    id: str
    digest: str
    uses: int  # how many machines may enrol with it
    used: int = 0
    trust: Trust = "volunteer"
    services: tuple[str, ...] = ()
    created_at: float
    expires_at: float
    revoked_at: float | None = None

    def refusal(self, now: float) -> str:
        """Return why nobody gets in with it any more, or an empty string."""
        if self.revoked_at is not None:
            return "This invite was withdrawn."
        if now >= self.expires_at:
            return "This invite has expired."
        if self.used >= self.uses:
            return "This invite has been used up."
        return ""


class WrongInvite(Problem):
    """Somebody showed what this coordinator never gave out: a typing error, a guess, or another mesh's invite."""

    def __init__(self, detail: str = "This coordinator does not know this invite. Please check the code.") -> None:
        super().__init__("invite-invalid", detail)


class Invites:
    """Makes, finds, lists and revokes invites in the store."""

    def __init__(
        self, store: Store, keys: Callable[[], MeshKeys], audit: Audit, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._keys = keys
        self._audit = audit
        self._clock = clock
        self.unreadable = Unreadable()

    async def create(
        self,
        *,
        uses: int = 1,
        life: float = 86400.0,
        trust: Trust = "volunteer",
        services: Sequence[str] = (),
        actor: str = "admin",
        address: str = "",
    ) -> tuple[InviteRecord, Invite]:
        """Make an invite that lives `life` seconds; its code is known only now."""
        invite = make_invite(secrets.token_bytes(SECRET_BYTES), self._keys().signing)
        now = self._clock()
        record = InviteRecord(
            id=invite.digest[:ID_CHARACTERS],
            digest=invite.digest,
            uses=uses,
            trust=trust,
            services=tuple(services),
            created_at=now,
            expires_at=now + life,
        )
        detail = f"{'1 use' if uses == 1 else f'{uses} uses'}, {trust}" + (
            f", only {', '.join(services)}" if services else ""
        )
        line = self._audit.line("invite-created", actor=actor, subject=record.id, detail=detail, address=address)
        if not await self._store.commit([Write(_key(record), msgspec.json.encode(record), ABSENT)], [line]):
            raise RuntimeError("two invites got one id")  # once in 2**48
        return record, invite

    async def find(self, invite: Invite) -> tuple[InviteRecord, int]:
        """Return the record of a shown invite and its version; raise WrongInvite."""
        entry = await self._store.get(PREFIX + invite.digest[:ID_CHARACTERS])
        if entry is None:
            check_sure(self._store)
            raise WrongInvite
        record = self.unreadable.read(PREFIX + invite.digest[:ID_CHARACTERS], entry.value, InviteRecord)
        if record is None:
            raise Problem("invite-invalid", "This invite cannot be read here any more. Please ask for a new one.")
        pinned = any(map(invite.pins, self._keys().every))  # one made before a rotation is good after it
        if not hmac.compare_digest(record.digest, invite.digest) or not pinned:
            raise WrongInvite
        return record, entry.version

    def spend(self, record: InviteRecord, version: int) -> Write:
        """Return the write that counts one use; raise a Problem saying why the invite is no good any more."""
        refusal = record.refusal(self._clock())
        if refusal:
            raise Problem("invite-invalid", refusal)
        spent = msgspec.structs.replace(record, used=record.used + 1)
        return Write(_key(record), msgspec.json.encode(spent), version)

    async def list(self) -> Sequence[InviteRecord]:
        """Return all invites, the oldest first."""
        records = self.unreadable.read_all(await self._store.list(PREFIX), InviteRecord)
        return sorted(records, key=lambda record: record.created_at)

    async def revoke(self, invite_id: str, *, actor: str = "admin", address: str = "") -> InviteRecord | None:
        """Let nobody in with it any more; return None when there is no such invite."""
        line = self._audit.line("invite-revoked", actor=actor, subject=invite_id, address=address)
        while (entry := await self._store.get(PREFIX + invite_id)) is not None:
            record = self.unreadable.read(PREFIX + invite_id, entry.value, InviteRecord)
            if record is None:
                raise Problem("conflict", f"The invite {invite_id} cannot be read: it lets nobody in as it is.")
            if record.revoked_at is not None:
                return record
            record = msgspec.structs.replace(record, revoked_at=self._clock())
            if await self._commit(record, entry.version, line):
                return record
        check_sure(self._store)
        return None

    async def _commit(self, record: InviteRecord, version: int, line: AuditLine) -> bool:
        return await self._store.commit([Write(_key(record), msgspec.json.encode(record), version)], [line])


def _key(record: InviteRecord) -> str:
    return PREFIX + record.id
