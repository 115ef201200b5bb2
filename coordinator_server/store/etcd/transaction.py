"""One commit to etcd: asked for until it is known whether it was done, and done once at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.gateway import EtcdError, Gateway, Refused, Unclear
from coordinator_server.store.etcd.lease import Lease, is_gone
from coordinator_server.store.etcd.messages import KeyValue, Message, RangeAnswer, TxnAnswer
from coordinator_server.store.etcd.receipts import Receipt, new_name
from coordinator_server.store.interface import ABSENT

EACH = 2.0  # seconds for one member to answer
PREVENTED = b"-"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a transaction is to do: keys with the versions that they must have, and what is written then."""

    conditions: Sequence[tuple[bytes, int]]
    puts: Sequence[tuple[bytes, bytes, bool]]  # key, value, and whether it hangs on our lease
    deletes: Sequence[bytes] = ()
    shown: bytes = b""  # the key whose value is told, where the conditions do not hold


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was done, at which revision, and else what the conditions' keys are at."""

    done: bool
    revision: int = 0
    found: Sequence[KeyValue] = ()

    def version(self, key: bytes) -> int:
        return next((one.mod_revision for one in self.found if one.key == key), ABSENT)

    def value(self, key: bytes) -> bytes:
        return next((one.value for one in self.found if one.key == key), b"")


class UnknownOutcome(EtcdError):  # noqa: N818 - it says what happened
    """It may have been done."""


class Transaction:
    """One wish on its way; `receipt` is its own until it has run."""

    def __init__(self, gateway: Gateway, lease: Lease, receipt: Receipt) -> None:
        self._gateway = gateway
        self._lease = lease
        self._receipt = receipt
        self._name = new_name()
        self._unclear = False  # one that was asked for may have been done, or may yet be
        self._leased = 0  # on which lease the receipt hangs

    async def run(self, wish: Wish, within: float) -> Outcome:
        """Have it done; raise EtcdError where it was not within so long, UnknownOutcome where that is not known."""
        end = self._gateway.now() + within
        while True:
            try:
                outcome = await self._try(wish)
            except Refused as error:
                if self._unclear:
                    raise UnknownOutcome(str(error)) from error
                if not is_gone(error):
                    raise
                outcome = None
            except UnknownOutcome:
                raise
            except EtcdError as error:
                self._unclear |= isinstance(error, Unclear)
                if self._gateway.now() >= end:
                    raise UnknownOutcome(str(error)) if self._unclear else error from error
                await self._gateway.pause()
                outcome = None
            if outcome is not None:
                return outcome

    async def _try(self, wish: Wish) -> Outcome | None:
        receipt, lease = self._receipt, await self._lease.current()
        if self._unclear and lease != self._leased:  # with the old one the receipt has gone, whatever it said
            raise UnknownOutcome("our lease has ended meanwhile")
        self._leased = lease
        if receipt.version is None:
            receipt.version = await self._read_receipt()
        request = messages.txn(
            [messages.is_version(key, version) for key, version in self._expected(wish)],
            list(self._writes(wish, lease)),
            [
                messages.read(receipt.key),
                *(messages.read(key, keys_only=key != wish.shown) for key, _ in wish.conditions),
            ],
        )
        try:
            answer = await self._gateway.call("/v3/kv/txn", request, TxnAnswer, EACH)
        except Refused as error:
            if is_gone(error):
                self._lease.lost(lease)
            raise
        if answer.succeeded:
            receipt.version = answer.header.revision
            return Outcome(done=True, revision=answer.header.revision)
        return await self._not_done(answer)

    async def _not_done(self, answer: TxnAnswer) -> Outcome | None:
        """Say why a condition does not hold: it was done already, others were quicker, or it is the receipt's."""
        receipt = self._receipt
        found = [one for part in answer.responses for one in part.response_range.kvs]
        left = next((one for one in found if one.key == receipt.key), KeyValue(receipt.key))
        outcome = Outcome(done=left.value == self._name, revision=left.mod_revision, found=found)
        if outcome.done or left.value == self._name + PREVENTED:
            receipt.version = left.mod_revision
            return outcome
        if left.mod_revision != receipt.version:
            if self._unclear:
                raise UnknownOutcome("the store has forgotten us meanwhile")
            receipt.version = left.mod_revision
            return None
        return await self._prevent(outcome) if self._unclear else outcome

    async def _prevent(self, outcome: Outcome) -> Outcome | None:
        """Have no earlier try be done any more; None: ask again, for something has come between."""
        receipt, lease = self._receipt, await self._lease.current()
        request = messages.txn(
            [messages.is_version(receipt.key, receipt.version or ABSENT)],
            [messages.put(receipt.key, self._name + PREVENTED, lease)],
        )
        answer = await self._gateway.call("/v3/kv/txn", request, TxnAnswer, EACH)
        if not answer.succeeded:
            return None
        receipt.version = answer.header.revision
        return outcome

    async def _read_receipt(self) -> int:
        found = await self._gateway.patiently(
            "/v3/kv/range", messages.one(self._receipt.key), RangeAnswer, each=EACH, within=EACH
        )
        return found.kvs[0].mod_revision if found.kvs else ABSENT

    def _expected(self, wish: Wish) -> Iterator[tuple[bytes, int]]:
        yield self._receipt.key, self._receipt.version or ABSENT
        yield from wish.conditions

    def _writes(self, wish: Wish, lease: int) -> Iterator[Message]:
        yield messages.put(self._receipt.key, self._name, lease)
        yield from (messages.put(key, value, lease if leased else 0) for key, value, leased in wish.puts)
        yield from (messages.delete(key) for key in wish.deletes)
